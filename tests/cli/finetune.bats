#!/usr/bin/env bats
# finetune through the binary: what it prints and writes, which bytes stay, refusals and exit statuses.

load common
load tuning

USERS=../shared/data/users/imfdb

setup_file() {
    export DIR=$(mktemp -d "${TMPDIR:-/tmp}/finetune.XXXXXX")
    random_model "$DIR/m"
    draw_person "$DIR/person"
}

teardown_file() {
    rm -rf "$DIR"
}

setup() {
    cd "$ROOT" || return 1
    W=$(mktemp -d "$DIR/w.XXXXXX")
}

# Tunes $DIR/m to the drawn person into $W/$1; more options follow.
tune() {
    local out=$1
    shift
    "$FERCLI" finetune --user "$DIR/person" --model "$DIR/m" --out "$W/$out" --threads 1 "$@"
}

# json KEY FILE: that value of a line of JSON, `null` for null; fails when the line is not JSON or has no such key.
json() {
    perl -MJSON::PP -e '
        my ($key, $file) = @ARGV;
        open my $in, "<", $file or die "$file: $!\n";
        my @lines = <$in>;
        @lines == 1 or die "not one line\n";
        my $value = decode_json($lines[0]);
        exists $value->{$key} or die "no key $key\n";
        print defined $value->{$key} ? $value->{$key} : "null", "\n"' "$1" "$2"
}

@test "before and after are printed, and the model learns" {
    tune t --epochs 2000 --group-by none >"$W/printed" 2>"$W/notes"
    cat "$W/printed" "$W/notes"
    grep -q 'before .* after' "$W/printed"
    grep -q '^user, held out  *4 ' "$W/printed"
    grep -q '^general  *not measured' "$W/printed"
    grep -q '^gain  *[+-][0-9.]* points: [0-9]* pictures better, [0-9]* worse, p = ' "$W/printed"
    grep -q '^happy  *6 .* too few to say' "$W/printed"
    grep -q "12 pictures, taken whole" "$W/notes"
    grep -q "there is no '$DIR/m.replay'" "$W/notes"
    run -0 "$FERCLI" classify --model "$W/t" --labelled "$DIR/person" --no-detect --min-accuracy 0.99
}

@test "header and frozen layers stay byte for byte, the head does not" {
    tune t --epochs 2 -q
    cmp -n $FROZEN_BYTES "$DIR/m.weights" "$W/t.weights"
    run -1 cmp -s "$DIR/m.weights" "$W/t.weights"
    cmp "$DIR/m.cfg" "$W/t.cfg"
    cmp "$DIR/m.names" "$W/t.names"
    [ "$(ls "$W" | wc -l)" -eq 3 ]
}

@test "a layer's own learning rate, which was chosen for training from nothing, does not slow the tuning" {
    tune t --epochs 2 -q
    cp "$DIR/m.weights" "$DIR/m.names" "$W"
    sed 's/^output=7/&\nlearning_rate=0.1/' "$DIR/m.cfg" >"$W/m.cfg"
    run -1 cmp -s "$DIR/m.cfg" "$W/m.cfg"
    tune s --epochs 2 -q --model "$W/m"
    cmp "$W/t.weights" "$W/s.weights"
}

@test "the report is JSON with the keys agreed, null where nothing was measured" {
    tune t --epochs 2 -q --report "$W/r.json"
    [ "$(json n_user "$W/r.json")" = 12 ]
    [[ $(json user_before "$W/r.json") =~ ^[01]\.?[0-9]*$ ]]
    [[ $(json user_after "$W/r.json") =~ ^[01]\.?[0-9]*$ ]]
    [ "$(json general_before "$W/r.json")" = null ]
    [ "$(json general_after "$W/r.json")" = null ]
    [ "$(json folds "$W/r.json")" = null ]
    tune t --epochs 2 -q --report "$W/r.json" --folds 3
    [ "$(json folds "$W/r.json")" = 3 ]
    [ "$(json n_held_out "$W/r.json")" = 12 ]
    [ "$(json method "$W/r.json")" = distil ]
    [ "$(json max_forget "$W/r.json")" = null ]
    [[ $(json p_value "$W/r.json") =~ ^[01]\.?[0-9]*$ ]]
    perl -MJSON::PP -e '
        my $r = decode_json(<STDIN>);
        my %class = map { $_->{name} => $_ } @{$r->{classes}};
        $class{happy}{pictures} == 6 && $class{happy}{n_held_out} == 6 && $class{fear}{pictures} == 0 or die;
        ref $r->{suspects} eq "ARRAY" or die' <"$W/r.json"
    tune t --epochs 2 -q --report "$W/r.json" --holdout 0
    [ "$(json user_before "$W/r.json")" = null ]
    [ "$(json user_after "$W/r.json")" = null ]
}

@test "jsonl prints what --report writes, csv a row a measure" {
    tune t --epochs 2 -q --report "$W/r.json" --format jsonl >"$W/printed"
    cmp "$W/r.json" "$W/printed"
    tune t --epochs 2 -q --format csv -o "$W/printed.csv"
    head -1 "$W/printed.csv" | grep -q '^measure,n,before,'
    [ "$(column 1 "$W/printed.csv" | tr '\n' ' ')" = "user general " ]
    grep -q '^general,,,' "$W/printed.csv"
}

@test "the same seed gives the same bytes, another seed others" {
    tune a --epochs 3 -q --seed 7
    tune b --epochs 3 -q --seed 7
    tune c --epochs 3 -q --seed 8
    cmp "$W/a.weights" "$W/b.weights"
    run -1 cmp -s "$W/a.weights" "$W/c.weights"
}

@test "a model can be tuned in place" {
    cp "$DIR"/m.* "$W"
    tune apart --epochs 2 -q
    run -0 "$FERCLI" finetune --user "$DIR/person" --model "$W/m" --out "$W/m" --threads 1 --epochs 2
    cmp "$W/apart.weights" "$W/m.weights"
}

@test "pictures named by class, one of each, are enough; what cannot be measured is said" {
    mkdir "$W/few"
    cp "$DIR/person/happy/h10.png" "$W/few/a_class=3.png"
    cp "$DIR/person/sad/s10.png" "$W/few/b_class=sad.png"
    run -0 --separate-stderr "$FERCLI" finetune --user "$W/few" --model "$DIR/m" --out "$W/t" --threads 1
    [[ $stderr == *"2 pictures in "*" groups that belong together leave nothing to hold out"* ]]
    [[ $output == *"user, held out         not measured"* ]]
    [ -e "$W/t.weights" ]
}

@test "a picture that cannot be read is named, left out, and makes status 1" {
    cp -r "$DIR/person" "$W/person"
    head -c 300 "$W/person/sad/s10.png" >"$W/person/sad/cut.png"
    run -1 --separate-stderr "$FERCLI" finetune --user "$W/person" --model "$DIR/m" --out "$W/t" --threads 1 --epochs 2 -q
    [[ $stderr == "fercli: cannot read '$W/person/sad/cut.png'"* ]]
    [[ $output == *"0 without a face, 1 unreadable"* ]]
    [ -e "$W/t.weights" ]
}

@test "photographs become faces, and those without one are listed" {
    mkdir -p "$W/photos/happy"
    draw "$W/photos/happy/a.png" 120 120 128 30 30 60 1
    draw "$W/photos/happy/b.png" 140 120 128 40 30 60 1
    draw "$W/photos/happy/c.png" 150 120 128 50 30 60 1
    draw "$W/photos/happy/none.png" 100 80 90
    run -0 --separate-stderr "$FERCLI" finetune --user "$W/photos" --model "$DIR/m" --out "$W/t" --threads 1 --epochs 2
    [[ $stderr == *"none.png"* ]]
    [[ $stderr == *"3 pictures, the largest face of each"* ]]
    run -0 --separate-stderr "$FERCLI" finetune --user "$W/photos" --model "$DIR/m" --out "$W/t" --threads 1 \
        --epochs 2 --no-detect
    [[ $stderr == *"4 pictures, taken whole"* ]]
}

@test "general data are learnt beside the user's and measured before and after" {
    needs "$CSV"
    tune t --epochs 2 --general-csv "$CSV" --max-forget 100 --report "$W/r.json" >"$W/printed" 2>"$W/notes"
    cat "$W/printed"
    [ "$(json n_replay "$W/r.json")" = 70 ]
    [ "$(json n_general "$W/r.json")" = 35 ]
    [ "$(json general_before "$W/r.json")" != null ]
    [ "$(json general_after "$W/r.json")" != null ]
    grep -q '^general, PublicTest  *35 ' "$W/printed"
    tune t --epochs 2 --general-csv "$CSV" --report "$W/r.json" >"$W/printed" 2>"$W/notes"
    [ "$(json n_general "$W/r.json")" = 17 ]
    [ "$(json max_forget "$W/r.json")" = 1 ]
    [ "$(json general "$W/r.json")" = "PublicTest, odd rows" ]
    grep -q '^head  *old + [01]\.[0-9][0-9] x' "$W/printed"
    cmp -n $FROZEN_BYTES "$DIR/m.weights" "$W/t.weights"
}

@test "a replay set is made once, lies beside the model and stands for the general data" {
    make_csv "$W/fer.csv"
    cp "$DIR"/m.* "$W"
    run -0 --separate-stderr "$FERCLI" finetune --make-replay --model "$W/m" --general-csv "$W/fer.csv" --threads 1
    [ -z "$output" ]
    [[ $stderr == *"'$W/m.replay': 70 Training and 18 held-out pictures, 0.0 MB"* ]]
    cp "$W/m.replay" "$W/again"
    "$FERCLI" finetune -q --make-replay --model "$W/m" --general-csv "$W/fer.csv" --threads 2
    cmp "$W/again" "$W/m.replay"
    rm "$W/fer.csv"
    run -0 --separate-stderr "$FERCLI" finetune --user "$DIR/person" --model "$W/m" --out "$W/t" --threads 1 \
        --epochs 2 --report "$W/r.json"
    [[ $output == *"learnt beside them     70 of $W/m.replay"* ]]
    [[ $output == *"general, replay set         18  "* ]]
    [ "$(json method "$W/r.json")" = replay ]
    [ "$(json n_general "$W/r.json")" = 18 ]
    # The tuned model has other weights.
    refused 3 "fit only the weights that made them" "$FERCLI" finetune --user "$DIR/person" --model "$W/t" -q \
        --out "$W/u" --replay "$W/m.replay"
    # Tuned in place, the model has other weights than its set.
    for file in cfg names weights replay; do
        cp "$W/m.$file" "$W/p.$file"
    done
    for notes in first second; do
        "$FERCLI" finetune --user "$DIR/person" --model "$W/p" --out "$W/p" --epochs 2 --threads 1 2>"$W/$notes"
    done
    run -1 grep -q 'forgets more' "$W/first"
    grep -q "'$W/p.replay' was made by weights of checksum .*, so the model forgets more" "$W/second"
    refused 3 "is forgotten, and '$W/p.replay' was made by weights" "$FERCLI" finetune -q --user "$DIR/person" \
        --model "$W/p" --out "$W/u" --max-forget 2
    head -c 1000 "$W/again" >"$W/m.replay"
    refused 3 "'$W/m.replay' is damaged" "$FERCLI" finetune --user "$DIR/person" --model "$W/m" --out "$W/u" -q
    [ ! -e "$W/u.weights" ]
}

@test "the methods are there to compare, and --per-class learns from fewer pictures" {
    local method
    for method in distil l2sp plain; do
        tune "$method" --epochs 2 -q --method "$method" --report "$W/r.json"
        [ "$(json method "$W/r.json")" = "$method" ]
    done
    run -1 cmp -s "$W/plain.weights" "$W/l2sp.weights"
    run -1 cmp -s "$W/plain.weights" "$W/distil.weights"
    tune few --epochs 2 -q --per-class 2 --report "$W/r.json"
    [ "$(json n_user "$W/r.json")" = 4 ]
}

@test "--plot draws a PNG" {
    tune t --epochs 2 -q --plot "$W/p.png"
    [ "$(head -c 8 "$W/p.png" | od -An -tx1 | tr -d ' ')" = 89504e470d0a1a0a ]
    refused 1 "$W/no/p.png" tune t --epochs 2 -q --plot "$W/no/p.png"
}

@test "--group-by says what is held out together" {
    local i
    mkdir -p "$W/film/happy" "$W/film/sad"
    for i in 1 2 3 4; do
        cp "$DIR/person/happy/h${i}0.png" "$W/film/happy/f_$i.png"
        cp "$DIR/person/sad/s${i}0.png" "$W/film/sad/f_$((i + 4)).png"
    done
    run -0 --separate-stderr "$FERCLI" finetune --user "$W/film" --model "$DIR/m" --out "$W/t" --threads 1 --epochs 2
    [[ $stderr == *"8 pictures in 1 groups"* ]]
    run -0 --separate-stderr "$FERCLI" finetune --user "$W/film" --model "$DIR/m" --out "$W/t" --threads 1 --epochs 2 \
        --group-by none --folds 4 --report "$W/r.json"
    [ "$(json n_groups "$W/r.json")" = 8 ]
    [ "$(json n_held_out "$W/r.json")" = 8 ]
}

# The random model finds no picture sad, and one update does not change its mind.
@test "held-out pictures whose labels look unlikely are listed" {
    run -0 "$FERCLI" finetune --user "$DIR/person" --model "$DIR/m" --out "$W/t" --threads 1 --epochs 1 -q \
        --group-by none --folds 4 --method plain --report "$W/r.json"
    echo "$output"
    [[ $output == *"labels to look at      "*" of 12 held-out pictures"*"sad "*", rather "*"$DIR/person/sad/s"* ]]
    jq -e '.suspects[0] | .label == "sad" and .label_probability < 0.05 and (.path | endswith(".png"))' "$W/r.json"
}

@test "names of pictures, folders and models cannot drive the terminal" {
    local odd=$W/$'person\e[31m' file
    cp -r "$DIR/person" "$odd"
    for file in "$odd"/*/*; do
        mv "$file" "${file%/*}/"$'\e[31m'"${file##*/}"
    done
    for file in cfg names weights; do
        cp "$DIR/m.$file" "$W/"$'m\e[31m'".$file"
    done
    "$FERCLI" finetune --user "$odd" --model "$W/"$'m\e[31m' --out "$W/"$'o\e[31m' --threads 1 -q \
        --group-by none --epochs 1 --folds 4 --method plain >"$W/printed" 2>"$W/notes"
    cat "$W/printed"
    grep -qF 'person\x1b[31m, taken whole' "$W/printed"
    grep -qF 'm\x1b[31m, checksum' "$W/printed"
    grep -qF 'o\x1b[31m.cfg, .names' "$W/printed"
    grep -q '/sad/\\x1b\[31ms.*\.png$' "$W/printed"
    run -1 grep -q $'\e' "$W/printed" "$W/notes"
}

@test "Ctrl-C ends with 130 and writes nothing" {
    local i
    tune t --epochs 100000 --folds 6 --group-by none --report "$W/r.json" >"$W/printed" 2>"$W/notes" 3>&- &
    local pid=$!
    for ((i = 0; i < 500; i++)); do
        ! grep -q 'taken whole' "$W/notes" || break
        sleep 0.02
    done
    sleep 0.3
    pkill -INT -P "$pid" || kill -INT "$pid"
    status=0
    wait "$pid" || status=$?
    cat "$W/notes"
    [ "$status" -eq 130 ]
    [ "$(ls "$W" | tr '\n' ' ')" = "notes printed " ]
    [ ! -s "$W/printed" ]
}

@test "bad usage ends with 2" {
    refused 2 '--user DIR is missing' "$FERCLI" finetune --out "$W/t"
    refused 2 '--out PREFIX is missing' "$FERCLI" finetune --user "$DIR/person"
    refused 2 "not 'x'" "$FERCLI" finetune --user "$DIR/person" --out "$W/t" x
    refused 2 'exclude each other' "$FERCLI" finetune --user "$DIR/person" --out "$W/t" --folds 3 --holdout .5
    refused 2 'exclude each other' "$FERCLI" finetune --user "$DIR/person" --out "$W/t" --detect --no-detect
    refused 2 'exclude each other' "$FERCLI" finetune --user "$DIR/person" --out "$W/t" --general-csv x --replay y
    refused 2 'needs --general-csv' "$FERCLI" finetune --make-replay
    refused 2 'exclude each other' "$FERCLI" finetune --make-replay --general-csv x --out "$W/t"
    for option in --detect --method=plain --epochs=3 --per-class=2 --max-forget=2 --folds=3 --report=x --min-size=9; do
        refused 2 "--make-replay and ${option%=*} exclude each other" \
            "$FERCLI" finetune --make-replay --general-csv x "$option"
    done
    refused 2 "unknown option '--try-rotations'" \
        "$FERCLI" finetune --user "$DIR/person" --out "$W/t" --try-rotations
    refused 2 'group-by' "$FERCLI" finetune --user "$DIR/person" --out "$W/t" --group-by colour
    refused 2 'method' "$FERCLI" finetune --user "$DIR/person" --out "$W/t" --method magic
    refused 2 'folds' "$FERCLI" finetune --user "$DIR/person" --out "$W/t" --folds 1
    refused 2 'holdout' "$FERCLI" finetune --user "$DIR/person" --out "$W/t" --holdout 1
}

@test "a data set or a model that cannot be used ends with 3" {
    mkdir -p "$W/odd/cheerful" "$W/empty"
    refused 3 "no-such" "$FERCLI" finetune --user "$W/no-such" --model "$DIR/m" --out "$W/t"
    refused 3 "angry, disgust, fear, happy" "$FERCLI" finetune --user "$W/odd" --model "$DIR/m" --out "$W/t"
    refused 3 "'$W/empty'" "$FERCLI" finetune --user "$W/empty" --model "$DIR/m" --out "$W/t"
    refused 3 "--max-forget needs" "$FERCLI" finetune -q --user "$DIR/person" --model "$DIR/m" --out "$W/t" --max-forget 2
    refused 3 "no.replay" "$FERCLI" finetune -q --user "$DIR/person" --model "$DIR/m" --out "$W/t" --replay "$W/no.replay"
    refused 3 "none.cfg" "$FERCLI" finetune --user "$DIR/person" --model "$W/none" --out "$W/t"
    echo 'emotion,pixels,Usage' >"$W/header.csv"
    run -3 tune t -q --general-csv "$W/header.csv"
    run -3 tune t -q --general-csv "$W/no.csv"
    [ ! -e "$W/t.weights" ]
}

@test "an output that cannot be written ends with 1 and leaves the old triple" {
    cp "$DIR/m.cfg" "$W/t.cfg"
    cp "$DIR/m.names" "$W/t.names"
    mkdir "$W/t.weights"
    refused 1 "'$W/t.weights'" tune t
    cmp "$DIR/m.cfg" "$W/t.cfg"
    refused 1 "'$W/no/t.cfg'" tune no/t
    rmdir "$W/t.weights"
    refused 1 "'$W/no/r.json'" tune t --report "$W/no/r.json"
    refused 1 "'$W/no/p.png'" tune t --plot "$W/no/p.png"
    refused 1 "'$W/no/figures'" tune t --output "$W/no/figures"
    [ ! -e "$W/t.weights" ]
}

@test "a person of IMFDB: before and after, frozen bytes, report" {
    needs "$USERS/HrithikRoshan"
    "$FERCLI" finetune --user "$USERS/HrithikRoshan" --model "$DIR/m" --out "$W/t" --threads 1 --epochs 5 \
        --report "$W/r.json" >"$W/printed" 2>"$W/notes"
    cat "$W/printed" "$W/notes"
    grep -q '198 pictures, taken whole' "$W/notes"
    grep -q '^user, held out ' "$W/printed"
    [ "$(json n_user "$W/r.json")" = 198 ]
    cmp -n $FROZEN_BYTES "$DIR/m.weights" "$W/t.weights"
    run -0 "$FERCLI" classify --model "$W/t" --labelled "$USERS/HrithikRoshan" --no-detect --min-accuracy 0.3
}

# oneDNN's generated code keeps data where a signal's frame would go; see src/cli/interrupt.c.
@test "no computing thread takes a signal" {
    "$FERCLI" finetune --user "$DIR/person" --model "$DIR/m" --out "$W/t" --threads 2 --epochs 100000 --folds 6 --group-by none \
        -q 3>&- &
    local pid=$! task mask tasks=0 open=0
    sleep 0.7
    for task in /proc/$pid/task/*; do
        mask=$((16#$(awk '/^SigBlk/ { print $2 }' "$task/status")))
        [ $((mask & 0x4002)) -eq $((0x4002)) ] || open=$((open + 1)) # SIGINT and SIGTERM
        tasks=$((tasks + 1))
    done
    kill -TERM "$pid"
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 130 ]
    # the main thread, another that computes, and the one that waits for signals
    [ "$tasks" -ge 3 ]
    [ "$open" -eq 1 ]
}
