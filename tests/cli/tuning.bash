# What the tests of tuning share: a model, a person, general data.

# A model with a convolution to freeze and random parameters: 8 filters of 3x3, and a connected layer. Header and
# convolution are the first 20 + 4 * 80 bytes of its weights.
FROZEN_BYTES=340
random_model() {
    cat >"$1.cfg" <<'CFG'
[net]
batch=1
height=48
width=48
channels=1

[convolutional]
filters=8
size=3
stride=2
pad=1
activation=leaky

[maxpool]
size=4
stride=4
padding=0

[connected]
output=7
activation=linear

[softmax]
CFG
    perl -e 'print pack "l<3 Q< f<*", 0, 2, 0, 4711, map { 0.3 * sin($_ * 12.9898) } 1 .. 80 + 7 + 7 * 288' >"$1.weights"
    printf '%s\n' angry disgust fear happy sad surprise neutral >"$1.names"
}

# A person's crops: happy ones are brighter than sad ones, and the mouth is bent the other way.
draw_person() {
    local i
    mkdir -p "$1/happy" "$1/sad"
    for i in 1 2 3 4 5 6; do
        draw "$1/happy/h${i}0.png" 48 48 $((150 + 5 * i)) $((i - 3)) $((2 - i)) 46 1
        draw "$1/sad/s${i}0.png" 48 48 $((60 + 5 * i)) $((3 - i)) $((i - 4)) 46 -1
    done
}

# A FER-2013 of 70 Training and 35 PublicTest rows; pixels are random.
make_csv() {
    perl -e '
        srand 5;
        print "emotion,pixels,Usage\n";
        for my $row (0 .. 104) {
            my $usage = $row < 70 ? "Training" : "PublicTest";
            print $row % 7, ",", join(" ", map { int rand 256 } 1 .. 2304), ",$usage\n";
        }' >"$1"
}
