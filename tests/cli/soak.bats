#!/usr/bin/env bats
# scripts/soak-photos: its folder, its runs and what it finds wrong, on drawn pictures and a tiny model.

load common

setup_file() {
    export DIR=$BATS_FILE_TMPDIR
    mkdir "$DIR/photos"
    draw "$DIR/photos/a.png" 120 120 128 30 30 60 1
    draw "$DIR/photos/b.PNG" 120 120 90
    draw "$DIR/photos/c.pgm" 120 120 128 20 30 50 -1
    echo "no picture" >"$DIR/photos/notes.txt"
    tiny_model "$DIR/m"
}

setup() {
    cd "$ROOT" || return 1
    [ -x /usr/bin/time ] || skip "GNU time is not there"
}

soak() {
    FERCLI=${STAND_IN:-$FERCLI} BUILD=$BATS_TEST_TMPDIR scripts/soak-photos --photos "$DIR/photos" --model "$DIR/m" \
        --limit "${LIMIT:-4000}" "$@"
}

# stand_in LINE...: a fercli whose file of rows, $out, is changed by these lines; $threads and $pictures say which run it is.
stand_in() {
    STAND_IN=$BATS_TEST_TMPDIR/fercli
    {
        echo '#!/bin/bash'
        echo "'$FERCLI' \"\$@\" || status=\$?"
        echo 'while [ $# -gt 1 ]; do case $1 in -o) out=$2 ;; --threads) threads=$2 ;; esac; shift; done'
        echo 'pictures=$(grep -cE "(,0|,)(,[^,]*){15}$" "$out")'
        printf '%s\n' "$@" 'exit ${status:-0}'
    } >"$STAND_IN"
    chmod +x "$STAND_IN"
}

@test "each number of threads has a line for the first pictures and one for all" {
    run -0 --separate-stderr soak --first 20 30
    echo "$output"
    [ "${#lines[@]}" -eq 4 ]
    [[ ${lines[0]} =~ ^"20 1 "[0-9.]+" "[1-9][0-9]*$ ]]
    [[ ${lines[1]} =~ ^"30 1 "[0-9.]+" "[1-9][0-9]*$ ]]
    [[ ${lines[2]} == "20 2 "* && ${lines[3]} == "30 2 "* ]]
    run -0 --separate-stderr soak --threads 2 3
    [[ $output == "3 2 "* && ${#lines[@]} -eq 1 ]]
}

@test "the folder has as many pictures as asked for, and they are copies, cut or whole, of few" {
    soak --threads 1 35 2>/dev/null
    local work=$BATS_TEST_TMPDIR/soak-photos
    [ "$(find "$work/pictures" -type f | wc -l)" -eq 35 ]
    [ "$(find "$work/pictures" -type f -printf '%i\n' | sort -u | wc -l)" -eq 6 ]
    cmp "$DIR/photos/a.png" "$work/pictures/00015/a.png/a, \"copy\".png"
    [ "$(grep -c ',unreadable$' "$work/all-1.csv")" -eq 7 ]
    [ "$(grep -c 'a.png/a.*,ok$' "$work/all-1.csv")" -eq 12 ]
}

@test "JPEGs are turned by EXIF" {
    needs "$PHOTOS/one-grace-hopper.jpg"
    mkdir "$BATS_TEST_TMPDIR/photos"
    cp "$PHOTOS/one-grace-hopper.jpg" "$BATS_TEST_TMPDIR/photos"
    soak --photos "$BATS_TEST_TMPDIR/photos" --threads 1 8 2>/dev/null
    run -0 "$FERCLI" detect -q --annotate "$BATS_TEST_TMPDIR/marked" \
        "$BATS_TEST_TMPDIR"/soak-photos/variants/one-grace-hopper.jpg{,-turned{3,5,6}}/one-grace-hopper.jpg
    # Width and height of the PNGs, which show the pictures upright.
    run -0 bash -c 'for png; do od -An -tu1 -j 16 -N 8 "$png"; done | awk "{ print 256 * \$3 + \$4, 256 * \$7 + \$8 }"' \
        - $(find "$BATS_TEST_TMPDIR/marked" -name '*.png' | sort)
    [ "$output" = "$(printf '%s\n' "512 600" "512 600" "600 512" "600 512")" ]
}

@test "a picture without its rows is found" {
    stand_in 'sed -i 5d "$out"'
    run -1 --separate-stderr soak --threads 1 30
    [[ $stderr == *"line 5 is not of "* ]]
    stand_in 'sed -i "\$d" "$out"'
    run -1 --separate-stderr soak --threads 1 30
    [[ $stderr == *"30 pictures have the rows of 29"* ]]
}

@test "rows that differ between copies are found" {
    stand_in 'sed -i "18s/,ok$/,no_face/" "$out"'
    run -1 --separate-stderr soak --threads 1 30
    [[ $stderr == *"are not those of its other copies"* ]]
}

@test "half a picture that was read is found" {
    stand_in 'sed -i "s/,unreadable$/,no_face/" "$out"'
    run -1 --separate-stderr soak --threads 1 30
    [[ $stderr == *"what is left of "*"a.png-cut/a.png was read"* ]]
}

@test "rows that depend on the threads or on the length of the run are found" {
    stand_in '[ $threads = 1 ] || sed -i "s/,no_face$/,ok/" "$out"'
    run -1 --separate-stderr soak 30
    [[ $stderr == *"the rows with threads: 1 and 2 differ"* ]]
    stand_in '[ $pictures = 30 ] || sed -i "s/,no_face$/,ok/" "$out"'
    run -1 --separate-stderr soak --threads 1 --first 20 30
    [[ $stderr == *"the first 20 pictures have other rows in the longer run"* ]]
}

@test "too much memory is found" {
    LIMIT=1 run -1 --separate-stderr soak --threads 1 5
    [[ $stderr == *"MiB are more than the limit of 1"* ]]
    stand_in '[ $pictures -lt 30 ] || perl -e '\''my $x = "x" x (1 << 30)'\'
    run -1 --separate-stderr soak --threads 1 --first 20 30
    [[ $stderr == *"30 pictures take "*" MiB more than 20"* ]]
}

@test "wrong usage: status 2, nothing done" {
    local arguments
    for arguments in --help 0 x "--first 0" --first "--threads 0" "--threads 1,x" "--limit -1"; do
        # shellcheck disable=SC2086 # words
        run -2 --separate-stderr scripts/soak-photos $arguments
        [ -z "$output" ]
        [[ $stderr == *"usage: scripts/soak-photos"* ]]
    done
    run -1 --separate-stderr soak --photos "$BATS_TEST_TMPDIR/none" 5
    [[ $stderr == *"there is no folder $BATS_TEST_TMPDIR/none" ]]
}
