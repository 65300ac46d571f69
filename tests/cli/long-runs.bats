#!/usr/bin/env bats
# Long runs through the binary: going on after an interruption, parts of the input.
load common

setup_file() {
    draw_folder "$BATS_FILE_TMPDIR/p"
    cd "$BATS_FILE_TMPDIR"
    tiny_model m
    for i in 1 2 3 4 5 6; do
        printf '%s\n' p/a.png p/b.png p/sub/c.png p/text.png
    done >list
}

setup() {
    cd "$BATS_FILE_TMPDIR"
    W=$BATS_TEST_TMPDIR/w
    mkdir "$W"
}

# classify_list FORMAT FILE [OPTION...]: status 1, for a file of the list is no picture.
classify_list() {
    "$FERCLI" classify -q -m m --detect --format "$1" -o "$2" "${@:3}" --files-from list 2>/dev/null &&
        false || [ $? -eq 1 ]
}

@test "--resume completes a file that was cut anywhere, and leaves a complete one as it is" {
    for format in csv jsonl; do
        classify_list $format "$W/whole"
        size=$(stat -c %s "$W/whole")
        for cut in 0 20 $((size / 5)) $((size / 2)) $((size - 1)) "$size"; do
            head -c "$cut" "$W/whole" >"$W/out"
            classify_list $format "$W/out" --resume
            cmp "$W/whole" "$W/out"
        done
        rm "$W/out"
        classify_list $format "$W/out" --resume
        cmp "$W/whole" "$W/out"
    done
}

# Moments that are drawn again alike in each run, one in each twentieth of the time that the run takes.
@test "killed at 20 moments of a run and resumed, the file is that of one run" {
    begin=${EPOCHREALTIME/[.,]/}
    "$FERCLI" detect -q --files-from list -o "$W/whole" 2>/dev/null && false || [ $? -eq 1 ]
    duration=$((${EPOCHREALTIME/[.,]/} - begin))
    size=$(stat -c %s "$W/whole") killed=0 inside=0
    RANDOM=1
    for ((i = 0; i < 20; i++)); do
        rm -f "$W/out"
        "$FERCLI" detect -q --resume --files-from list -o "$W/out" 2>/dev/null &
        moment=$((duration * (32768 * i + RANDOM) / (20 * 32768)))
        sleep "$(printf '%d.%06d' $((moment / 1000000)) $((moment % 1000000)))"
        kill -KILL $! 2>/dev/null || true
        wait $! 2>/dev/null && false || [ $? -ne 137 ] || killed=$((killed + 1))
        bytes=$(stat -c %s "$W/out" 2>/dev/null || echo 0)
        ((bytes == 0 || bytes == size)) || inside=$((inside + 1))
        "$FERCLI" detect -q --resume --files-from list -o "$W/out" 2>/dev/null && false || [ $? -eq 1 ]
        cmp "$W/whole" "$W/out"
    done
    echo "$killed runs were killed, $inside of them with some of their rows written"
    ((killed >= 5 && inside >= 3))
}

# Of two threads either may have the picture that does not come; the one that an interruption wakes must not call it
# unreadable before the rows that are ready.
@test "interrupted while it waits for a picture and resumed, the file is that of one run" {
    cp p/a.png "$W/slow.png"
    for command in detect "classify -m m --detect"; do
        "$FERCLI" $command -o "$W/whole" "$W/slow.png" p/a.png p/b.png
        for ((i = 0; i < 3; i++)); do
            rm -f "$W/slow.png" "$W/out"
            mkfifo "$W/slow.png"
            "$FERCLI" $command -q --threads 2 --resume -o "$W/out" "$W/slow.png" p/a.png p/b.png 2>"$W/errors" &
            sleep 0.7
            kill -INT $!
            sleep 0.3
            ! kill -0 $! 2>/dev/null || timeout 5 cp p/a.png "$W/slow.png" || true
            wait $! && false || [ $? -eq 130 ]
            [ ! -s "$W/errors" ]
            rm "$W/slow.png"
            cp p/a.png "$W/slow.png"
            "$FERCLI" $command --resume -o "$W/out" "$W/slow.png" p/a.png p/b.png
            cmp "$W/whole" "$W/out"
        done
    done
}

@test "a file of other rows is refused and left alone" {
    echo "something of mine" >"$W/out"
    refused 1 "cannot go on with '$W/out': its first line is not the header" \
        "$FERCLI" detect --resume -o "$W/out" p/a.png
    [ "$(cat "$W/out")" = "something of mine" ]
    "$FERCLI" detect -o "$W/out" p/b.png
    refused 1 "its line 2 is not of the picture that comes next, p/a.png" \
        "$FERCLI" detect --resume -o "$W/out" p/a.png
}

@test "the parts of --shard, put together, are the whole" {
    "$FERCLI" detect -q --files-from list -o "$W/whole" 2>/dev/null || true
    for n in 1 3 7 30; do
        head -n 1 "$W/whole" >"$W/parts"
        for ((k = 1; k <= n; k++)); do
            "$FERCLI" detect -q --shard $k/$n --files-from list 2>/dev/null | tail -n +2 >>"$W/parts"
        done
        cmp "$W/whole" "$W/parts"
    done
}

@test "GNU parallel spreads a run over shards" {
    command -v parallel >/dev/null || skip "GNU parallel is not there"
    "$FERCLI" detect -q --files-from list -o "$W/whole" 2>/dev/null || true
    parallel -j 2 "$FERCLI detect -q --threads 1 --shard {}/4 --resume -o $W/part-{}.csv --files-from list" ::: 1 2 3 4 \
        2>/dev/null || true
    { head -n 1 "$W/whole" && tail -q -n +2 "$W"/part-?.csv; } | cmp "$W/whole" -
}

@test "wrong usage: status 2, one line, nothing done" {
    for shard in 0/3 4/3 1 /3 1/ 1/0 a/b 1/2/3 -1/2; do
        refused 2 "'$shard' is not K/N with K from 1 to N" "$FERCLI" detect "--shard=$shard" p
    done
    refused 2 "--resume needs -o" "$FERCLI" detect --resume p
    refused 2 "--resume goes on with csv or jsonl" "$FERCLI" classify -m m --resume --format table -o "$W/x" p
    refused 2 "--resume does not go with --labelled" "$FERCLI" classify -m m --resume -o "$W/x" --labelled p
    [ -z "$(ls "$W")" ]
}
