#!/usr/bin/env bats
# train-general through the binary: the files it writes, interruption and --resume, refusals and exit statuses.
# The pictures are drawn: a bright band of rows whose place tells the class, and noise.

# Prints FER-2013's CSV: $1 Training, $2 PublicTest and $3 PrivateTest rows.
draw_csv() {
    awk -v training="$1" -v public="$2" -v private="$3" '
        function noise() { seed = (seed * 1103515245 + 12345) % 2147483648; return int(seed / 65536) % 40 }
        function row(label, usage,   y, x, line) {
            line = label ","
            for (y = 0; y < 48; y++)
                for (x = 0; x < 48; x++)
                    line = line (y + x ? " " : "") ((int(y / 7) == label ? 190 : 20) + noise())
            print line "," usage
        }
        BEGIN {
            seed = 1
            print "emotion,pixels,Usage"
            for (i = 0; i < training; i++) row(i % 7, "Training")
            for (i = 0; i < public; i++) row(i % 7, "PublicTest")
            for (i = 0; i < private; i++) row(i % 7, "PrivateTest")
        }'
}

bats_require_minimum_version 1.5.0
setup_file() {
    export FERCLI=${FERCLI:-$PWD/build/fercli}
    export DIR=$(mktemp -d "${TMPDIR:-/tmp}/train.XXXXXX")
    draw_csv 60 21 14 >"$DIR/fer.csv"
    cat >"$DIR/tiny.cfg" <<'CFG'
[net]
batch=8
height=48
width=48
channels=1
learning_rate=.05
momentum=.9
decay=.0005
policy=poly
power=1
max_batches=30
shift=1
erase=.1

[maxpool]
size=4
stride=4
padding=0

[convolutional]
batch_normalize=1
filters=4
size=3
stride=1
pad=1
activation=relu

[dropout]
probability=.1

[connected]
output=7
activation=linear

[softmax]
CFG
}

teardown_file() {
    rm -rf "$DIR"
}

setup() {
    cd "$DIR" || return 1
    W=$(mktemp -d "$DIR/w.XXXXXX")
}

# Trains the tiny network into $W/$1; more options follow. Standard output and error stay apart.
train() {
    local out=$1
    shift
    "$FERCLI" train-general --fer-csv fer.csv --cfg tiny.cfg --out "$W/$out" --threads 1 --no-progress "$@"
}

same_run() {
    local suffix
    for suffix in cfg names weights history.csv history.png state; do
        cmp "$W/$1.$suffix" "$W/$2.$suffix" || return 1
    done
}

# `!` before a command does not fail a test, so this is a function.
differ() {
    if cmp -s "$W/$1.weights" "$W/$2.weights"; then return 1; fi
}

# Expects status $1, a single line on standard error that contains $2 and no row, of the command that follows.
refuses() {
    local expected=$1 text=$2 status=0
    shift 2
    "$@" >"$W/stdout" 2>"$W/stderr" || status=$?
    echo "status $status, $(cat "$W/stderr")"
    [ "$status" -eq "$expected" ] || return 1
    [ "$(wc -l <"$W/stderr")" -eq 1 ] || return 1
    if grep -v '^epoch,rate' "$W/stdout"; then return 1; fi
    grep -qF -- "$text" "$W/stderr"
}

@test "training writes a model that classify evaluates, the history and the state" {
    train m --epochs 12 >"$W/rows" 2>"$W/notes"
    for suffix in cfg names weights history.csv history.png state; do
        [ -s "$W/m.$suffix" ]
    done
    [ "$(ls "$W" | wc -l)" -eq 8 ]
    grep -v ^temperature= "$W/m.cfg" | cmp - tiny.cfg
    [ "$(grep -c '^temperature=[0-9.]*$' "$W/m.cfg")" -eq 1 ]
    grep -q 'temperature .*: the log loss on the validation pictures' "$W/notes"
    [ "$(head -1 "$W/m.history.csv")" = epoch,rate,train_loss,train_accuracy,valid_loss,valid_accuracy ]
    [ "$(wc -l <"$W/m.history.csv")" -eq 13 ]
    [ "$(head -c 4 "$W/m.history.png" | tail -c 3)" = PNG ]
    "$FERCLI" classify --model "$W/m" --fer-csv fer.csv --split PublicTest --format jsonl --min-accuracy 0.99
}

@test "standard output has one row an epoch, standard error says which epoch was kept" {
    train m --epochs 3 --format csv >"$W/rows" 2>"$W/notes"
    [ "$(head -1 "$W/rows")" = epoch,rate,train_loss,train_accuracy,valid_loss,valid_accuracy,seconds,images_per_second,best ]
    [ "$(wc -l <"$W/rows")" -eq 4 ]
    [ "$(cut -d, -f1 "$W/rows" | tail -3 | tr '\n' ' ')" = "1 2 3 " ]
    [ "$(sed -n 2p "$W/rows" | cut -d, -f9)" = yes ]
    best=$(grep ',yes$' "$W/rows" | tail -1 | cut -d, -f1)
    grep -q "in epoch $best, kept in '$W/m.weights'" "$W/notes"
    grep -q '60 pictures to train on, 21 to select on' "$W/notes"
}

@test "PrivateTest plays no part" {
    train a --epochs 2 -q
    grep -v PrivateTest fer.csv >"$W/without.csv"
    "$FERCLI" train-general --fer-csv "$W/without.csv" --cfg tiny.cfg --out "$W/b" --threads 1 --epochs 2 -q
    same_run a b
}

@test "teachers are learnt from, and a run goes on with the same ones only" {
    train t --epochs 3 -q
    train a --epochs 2 -q
    train b --epochs 2 -q --teacher "$W/t"
    train c --epochs 2 -q --teacher "$W/t" --teacher "$W/a" --teacher-weight 0.5
    differ a b
    differ b c
    refuses 3 "the teachers or their weight" train b --epochs 2 -q --resume
    refuses 3 "no-such-model" train d --epochs 2 -q --teacher no-such-model
    train b --epochs 2 -q --resume --teacher "$W/t" --teacher-weight 0.7
    refuses 2 "--teacher-weight needs --teacher" train d --epochs 2 -q --teacher-weight 0.5
}

@test "the same seed gives the same bytes, another seed others, a gzip file the plain one's" {
    train a --epochs 2 -q
    train b --epochs 2 -q
    train c --epochs 2 -q --seed 2
    same_run a b
    differ a c
    gzip -c fer.csv >"$W/fer.csv.gz"
    "$FERCLI" train-general --fer-csv "$W/fer.csv.gz" --cfg tiny.cfg --out "$W/d" --threads 1 --epochs 2 -q
    same_run a d
}

@test "without --epochs the cfg's max_batches, rounded up, say when to end" {
    # 60 pictures make 7 batches of 8: 30 batches are 5 epochs.
    train m -q
    [ "$(wc -l <"$W/m.history.csv")" -eq 6 ]
    train n -q --batch 20
    [ "$(wc -l <"$W/n.history.csv")" -eq 11 ]
}

# Sends signal $1 to a run into $W/$2 of $3 epochs once its history has $4 lines; the exit status is in $status.
interrupt_run() {
    # The binary itself, so that $! is the process to signal; 3 is bats' own and must not stay open.
    "$FERCLI" train-general --fer-csv fer.csv --cfg tiny.cfg --out "$W/$2" --threads 1 --epochs "$3" \
        >"$W/$2.rows" 2>"$W/$2.notes" 3>&- &
    local pid=$! i
    for ((i = 0; i < 3000; i++)); do
        [ "$(cat "$W/$2.history.csv" 2>/dev/null | wc -l)" -lt "$4" ] || break
        sleep 0.02
    done
    kill "-$1" "$pid"
    status=0
    wait "$pid" || status=$?
}

@test "Ctrl-C ends with 130, and --resume gives the bytes of a run that was not interrupted" {
    train whole --epochs 60 -q
    interrupt_run INT parts 60 3
    cat "$W/parts.notes"
    [ "$status" -eq 130 ]
    [ "$(wc -l <"$W/parts.history.csv")" -lt 61 ]
    grep -q "stopped; --resume goes on from '$W/parts.state'" "$W/parts.notes"
    train parts --epochs 60 --resume 2>"$W/notes"
    grep -q 'going on in epoch' "$W/notes"
    same_run whole parts
}

@test "kill -9 leaves a usable model and a state to resume from" {
    train whole --epochs 60 -q
    for lines in 2 4; do
        interrupt_run KILL "killed$lines" 60 "$lines"
        [ "$status" -eq 137 ]
        "$FERCLI" classify --model "$W/killed$lines" --fer-csv fer.csv --split PublicTest --format jsonl
        train "killed$lines" --epochs 60 --resume -q
        same_run whole "killed$lines"
    done
}

@test "a run that is there is not replaced without --force" {
    train m --epochs 2 -q
    cp "$W/m.weights" "$W/m.state" "$W/m.history.csv" "$DIR"
    refuses 2 "'$W/m.state' is there already: --resume goes on with it, --force begins anew" train m --epochs 3
    cmp "$W/m.state" "$DIR/m.state"
    rm "$W/m.state"
    refuses 2 "'$W/m.weights' is there already" train m --epochs 3
    cmp "$W/m.weights" "$DIR/m.weights"
    train m --epochs 2 -q --force
    for suffix in weights state history.csv; do
        cmp "$W/m.$suffix" "$DIR/m.$suffix"
    done
}

@test "resuming with other options names what differs, exit status 3" {
    train m --epochs 2 -q
    refuses 3 'the seed differs (1 there, 9 here)' train m --epochs 2 --resume -q --seed 9
    echo rows >"$W/rows"
    refuses 3 'the seed differs' train m --epochs 2 --resume -q --seed 9 -o "$W/rows"
    [ "$(cat "$W/rows")" = rows ]
    refuses 3 'the number of epochs differs (2 there, 3 here)' train m --epochs 3 --resume -q
    refuses 3 'cannot resume: cannot open' train other --epochs 3 --resume -q
    echo garbage >"$W/m.state"
    refuses 3 "'$W/m.state': it is not a training state" train m --epochs 2 --resume -q
}

@test "--init begins with the weights of a file" {
    train a --epochs 5 -q
    train b --epochs 1 --init "$W/a.weights" --format csv >"$W/rows" 2>/dev/null
    # Better after one epoch than the first run was after its first.
    first=$(sed -n 2p "$W/a.history.csv" | cut -d, -f3)
    awk -F, -v first="$first" 'NR == 2 { exit !($3 < first) }' "$W/rows"
    refuses 3 "'$W/none.weights'" train c --epochs 1 --init "$W/none.weights"
}

@test "labelled folders train too" {
    # Any picture does: the curves of a run.
    train m --epochs 1 -q
    for split in train valid; do
        for name in angry Disgust fear HAPPY sad surprise neutral; do
            mkdir -p "$W/$split/$name"
            cp "$W/m.history.png" "$W/$split/$name/1.png"
            cp "$W/m.history.png" "$W/$split/$name/2.PNG"
        done
    done
    "$FERCLI" train-general --train "$W/train" --valid "$W/valid" --no-detect --cfg tiny.cfg --out "$W/e" \
        --epochs 1 --threads 1 -q >"$W/rows" 2>"$W/notes"
    [ ! -s "$W/notes" ]
    head -c 500 "$W/m.history.png" >"$W/valid/sad/cut.png"
    run -1 --separate-stderr "$FERCLI" train-general --train "$W/train" --valid "$W/valid" --no-detect --cfg tiny.cfg \
        --out "$W/e" --epochs 1 --threads 1 -q --force
    [[ $stderr == "fercli: cannot read '$W/valid/sad/cut.png'"* ]]
    run -1 --separate-stderr "$FERCLI" train-general --train "$W/train" --valid "$W/valid" --no-detect --cfg tiny.cfg \
        --out "$W/f" --epochs 2 --threads 1
    cat >"$W/notes" <<<"$stderr"
    cat "$W/notes"
    grep -q "'$W/train': 14 pictures, taken whole" "$W/notes"
    grep -q "'$W/valid': 14 pictures, taken whole; 0 without a face, 1 unreadable" "$W/notes"
    grep -q "$W/valid/sad/cut.png" "$W/notes"
    [ "$(wc -l <"$W/f.history.csv")" -eq 3 ]
    mkdir "$W/valid/bored"
    refuses 3 angry "$FERCLI" train-general --train "$W/train" --valid "$W/valid" --no-detect --cfg tiny.cfg \
        --out "$W/g" --epochs 2 -q
}

@test "a folder without a usable picture names those it has" {
    mkdir -p "$W/train/sad" "$W/train/happy"
    : >"$W/train/sad/empty.png"
    echo text >"$W/train/happy/text.png"
    "$FERCLI" train-general --train "$W/train" --valid "$W/train" --cfg tiny.cfg --out "$W/m" 2>"$W/notes" &&
        false || [ $? -eq 3 ]
    cat "$W/notes"
    [ "$(wc -l <"$W/notes")" -eq 3 ]
    grep -q "^fercli: cannot read '$W/train/sad/empty.png'" "$W/notes"
    grep -q "^fercli: cannot read '$W/train/happy/text.png'" "$W/notes"
    grep -q "'$W/train' holds no usable picture: 0 without a face, 2 unreadable" "$W/notes"
}

@test "usage errors: exit status 2 and the option by name" {
    refuses 2 '--out PREFIX is missing' "$FERCLI" train-general --fer-csv fer.csv
    refuses 2 '--fer-csv FILE, or --train DIR and --valid DIR, is missing' "$FERCLI" train-general --out "$W/m"
    refuses 2 '--valid DIR is missing beside --train' "$FERCLI" train-general --train . --out "$W/m"
    refuses 2 '--train DIR is missing beside --valid' "$FERCLI" train-general --valid . --out "$W/m"
    refuses 2 'does not go with' train m --train . --valid .
    refuses 2 'exclude each other' train m --resume --force
    refuses 2 "'more'" train m more
    refuses 2 epochs train m --epochs 0
    refuses 2 epochs train m --epochs many
    refuses 2 batch train m --batch -1
}

@test "a csv that is missing or has a bad row: exit status 3 and FILE:LINE" {
    refuses 3 "none.csv'" "$FERCLI" train-general --fer-csv none.csv --cfg tiny.cfg --out "$W/m" --epochs 1
    sed '4s/^./7/' fer.csv >"$W/label.csv"
    refuses 3 "$W/label.csv:4: " "$FERCLI" train-general --fer-csv "$W/label.csv" --cfg tiny.cfg --out "$W/m" --epochs 1
    sed '30s/ [0-9]*,/,/' fer.csv >"$W/short.csv"
    refuses 3 "$W/short.csv:30: " "$FERCLI" train-general --fer-csv "$W/short.csv" --cfg tiny.cfg --out "$W/m" --epochs 1
    grep -v PublicTest fer.csv >"$W/half.csv"
    refuses 3 "" "$FERCLI" train-general --fer-csv "$W/half.csv" --cfg tiny.cfg --out "$W/m" --epochs 1 -q
    [ ! -e "$W/m.state" ]
}

@test "a bad cfg: exit status 3 and FILE:LINE" {
    sed 's/filters=4/filters=four/' tiny.cfg >"$W/bad.cfg"
    refuses 3 "$W/bad.cfg:22: " "$FERCLI" train-general --fer-csv fer.csv --cfg "$W/bad.cfg" --out "$W/m" --epochs 1
    sed 's/convolutional/yolo/' tiny.cfg >"$W/yolo.cfg"
    refuses 3 "$W/yolo.cfg:20: " "$FERCLI" train-general --fer-csv fer.csv --cfg "$W/yolo.cfg" --out "$W/m" --epochs 1
    refuses 3 "none.cfg'" "$FERCLI" train-general --fer-csv fer.csv --cfg none.cfg --out "$W/m" --epochs 1
    grep -v max_batches tiny.cfg >"$W/endless.cfg"
    refuses 3 max_batches "$FERCLI" train-general --fer-csv fer.csv --cfg "$W/endless.cfg" --out "$W/m" -q
}

@test "names that do not fit the network are refused before anything is printed" {
    printf '%s\n' a b c d e f >"$W/six.names"
    refuses 3 "'tiny.cfg' has 7 outputs for 6 names in '$W/six.names'" train m --epochs 1 --names "$W/six.names"
    [ ! -s "$W/stdout" ]
    sed 's/^output=7/output=6/' tiny.cfg >"$W/six.cfg"
    refuses 3 "has 6 outputs for 7 names, FER-2013's" train m --epochs 1 --cfg "$W/six.cfg"
}

@test "outputs that cannot be written are noticed before the data is read, exit status 1" {
    refuses 1 "$W/none/m.cfg'" train none/m --epochs 1
    refuses 1 'the prefix needs a name' train dir/ --epochs 1
    mkdir "$W/m.weights"
    refuses 2 "'$W/m.weights' is there already" train m --epochs 1
    refuses 1 "'$W/m.weights': it is a directory" train m --epochs 1 --force
    refuses 1 "none/m.cfg'" "$FERCLI" train-general --fer-csv none.csv --cfg none.cfg --out "$W/none/m" --epochs 1
}

@test "a reader of standard output that goes away does not end the training" {
    train m --epochs 5 -q | head -1
    [ "$(wc -l <"$W/m.history.csv")" -eq 6 ]
}
