# What the tests of the command line share. They run from the project's root; FERCLI names another binary.
bats_require_minimum_version 1.5.0

ROOT=$(realpath "$BATS_TEST_DIRNAME/../..")
FERCLI=$(cd "$ROOT" && realpath "${FERCLI:-build/fercli}")
PHOTOS=../shared/data/photos
CSV=../shared/data/fer2013-sample.csv.gz
unset FERCLI_MODEL

needs() {
    [ -e "$1" ] || skip "$1 is not there"
}

# draw FILE WIDTH HEIGHT [GREY [X Y SIZE SMILE]...]: see pictures.pl.
draw() {
    perl "$ROOT/tests/cli/pictures.pl" "$@"
}

# A folder of pictures: two photographs with a face, one without, and three files that are no pictures, one of them
# passed over.
draw_folder() {
    mkdir -p "$1/sub"
    draw "$1/a.png" 120 120 128 30 30 60 1
    draw "$1/b.png" 100 80 90
    draw "$1/sub/c.png" 200 120 128 20 30 50 -1 110 30 60 1
    head -c 2000 "$1/a.png" >"$1/cut.png"
    : >"$1/empty.jpg"
    echo "no picture" >"$1/text.png"
    echo "no picture" >"$1/notes.txt"
}

# A model that is small and always the same: the brightest spot of each ninth of the face, weighted.
tiny_model() {
    cat >"$1.cfg" <<'CFG'
[net]
batch=1
height=48
width=48
channels=1

[maxpool]
size=16
stride=16
padding=0

[connected]
output=7
activation=linear

[softmax]
groups=1
CFG
    perl -e 'print pack "l<3 Q< f<*", 0, 2, 0, 0, map { 3 * sin($_ * 12.9898) } 1 .. 70' >"$1.weights"
    printf '%s\n' angry disgust fear happy sad surprise neutral >"$1.names"
}

# refused STATUS TEXT COMMAND...: nothing on standard output, one line on standard error that has TEXT in it.
refused() {
    local status_asked=$1 text=$2
    shift 2
    run --separate-stderr "$@"
    if [ "$status" -ne "$status_asked" ] || [ -n "$output" ] || [ "${#stderr_lines[@]}" -ne 1 ] ||
        [[ $stderr != "fercli: "*"$text"* ]]; then
        printf '%s\n' "$*" "status $status, not $status_asked" "output: $output" "errors: $stderr" \
            "expected: $text"
        return 1
    fi
}

# column N FILE: that field of a csv without quotes, the header left out.
column() {
    cut -d, -f"$1" "$2" | tail -n +2
}
