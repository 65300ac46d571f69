#!/usr/bin/env bats
# Streams through the binary: paths that are answered one by one, frames of motion JPEG, and how a stream ends.
load common

setup_file() {
    draw_folder "$BATS_FILE_TMPDIR/p"
    cd "$BATS_FILE_TMPDIR"
    draw a.jpg 120 120 128 30 30 60 1
    draw b.jpg 100 80 90
    draw c.jpg 200 120 128 20 30 50 -1 110 30 60 1
    tiny_model m
    for i in 1 2 3; do
        printf '%s\n' p/a.png p/b.png '' p/sub/c.png p/text.png nothing p
    done >list
}

setup() {
    cd "$BATS_FILE_TMPDIR"
    W=$BATS_TEST_TMPDIR/w
    mkdir "$W"
}

# start COMMAND...: runs it with a pipe to write to at $TO and one to read from at $FROM; its process is $PROGRAM.
start() {
    mkfifo "$W/in" "$W/out"
    "$@" <"$W/in" >"$W/out" 2>"$W/errors" &
    PROGRAM=$!
    exec {TO}>"$W/in" {FROM}<"$W/out"
}

teardown() {
    [ -z "${PROGRAM:-}" ] || kill -KILL "$PROGRAM" 2>/dev/null || true
}

# answer: the next row, in $row. A program that keeps it back fails the test.
answer() {
    read -r -t 60 row <&"$FROM"
}

# ended STATUS: waits for the program, which must end by itself.
ended() {
    for ((i = 0; i < 600; i++)); do
        kill -0 "$PROGRAM" 2>/dev/null || break
        sleep 0.1
    done
    kill -0 "$PROGRAM" 2>/dev/null && return 1
    local status=0
    wait "$PROGRAM" || status=$?
    PROGRAM=
    [ "$status" -eq "$1" ]
}

# partial COMMAND...: status 1, for something could not be read.
partial() {
    "$@" 2>/dev/null && false || [ $? -eq 1 ]
}

# ---- paths --------------------------------------------------------------------------------------------

@test "a program that asks for one picture and waits has its answer" {
    for threads in 1 2 4; do
        for command in detect "classify -m m --detect"; do
            partial "$FERCLI" $command --largest --files-from list >"$W/expected"
            start "$FERCLI" $command --largest --stream --threads $threads
            answer
            echo "$row" >"$W/rows"
            while read -r path; do
                echo "$path" >&"$TO"
                [ -n "$path" ] || continue
                answer
                [[ $row == "$path,"* ]]
                echo "$row" >>"$W/rows"
            done <list
            exec {TO}>&-
            ended 1
            exec {FROM}<&-
            rm "$W/in" "$W/out"
            # A folder of the list is walked; in a stream every line is one picture.
            diff <(grep -v '^p,\|^p/' "$W/rows") <(grep -v '^p/' "$W/expected")
            [ "$(grep -c '^p,.*,unreadable$' "$W/rows")" -eq 3 ]
            diff <(grep '^p/' "$W/rows" | sort -u) <(grep '^p/[^ce]' "$W/expected" | sort -u)
        done
    done
}

@test "the examples of docs/long-runs.md: a co-process, and a mapper to which unreadable pictures are no failure" {
    export FERCLI_MODEL=$PWD/m PATH=$W:$PATH
    ln -s "$FERCLI" "$W/fercli"
    cp p/a.png "$W/one.jpg"
    cp p/sub/c.png "$W/two.jpg"
    cd "$W"
    from_docs() { # FIRST-LINE-HAS LAST-LINE-HAS: that part of an example, without its indentation
        awk -v first="$1" -v last="$2" 'index($0, first) { on = 1 } on { print substr($0, 5) } on && index($0, last) { exit }' \
            "$ROOT/docs/long-runs.md"
    }
    from_docs 'coproc FERCLI' done >example
    [ "$(wc -l <example)" -eq 6 ]
    run -0 timeout 100 bash example
    [[ ${lines[0]} == '{"path":"one.jpg","face":0,'* ]]
    [[ ${lines[1]} == '{"path":"two.jpg","face":0,'* ]]
    from_docs '#!/bin/sh' '-le 1' >mapper
    run -0 --separate-stderr sh mapper <<<$'one.jpg\nnothing'
    [ "${#lines[@]}" -eq 2 ]
    export FERCLI_MODEL=nothing
    run -1 sh mapper <<<one.jpg
}

@test "many paths at once have the rows of a list, in its order" {
    grep -vx p list >files
    for command in detect "classify -m m --detect" "classify -m m --detect --format jsonl --tta"; do
        partial "$FERCLI" $command --files-from files >"$W/expected"
        for threads in 1 2 5; do
            partial "$FERCLI" $command --stream --threads $threads <files >"$W/rows"
            cmp "$W/expected" "$W/rows"
        done
        partial "$FERCLI" $command --stream - < <(cat files) >"$W/rows"
        cmp "$W/expected" "$W/rows"
        tr '\n' '\0' <files | partial "$FERCLI" $command --stream -0 >"$W/rows"
        cmp "$W/expected" "$W/rows"
    done
}

@test "every line is one picture: a folder is unreadable, and each that is has its message" {
    run -1 --separate-stderr "$FERCLI" detect --stream <<<$'p/b.png\np\nnothing\np/b.png'
    [ "$(printf '%s\n' "${lines[@]:1}")" = "p/b.png,,,,,,,no_face
p,,,,,,,unreadable
nothing,,,,,,,unreadable
p/b.png,,,,,,,no_face" ]
    [ "${stderr_lines[0]}" = "fercli: cannot read 'p': it is a directory" ]
    [ "${stderr_lines[1]}" = "fercli: cannot open 'nothing': No such file or directory" ]
    run -1 --separate-stderr "$FERCLI" detect --stream < <(printf 'p/b.png\0p/b.png\0\np/b.png')
    [ "${lines[1]}" = "p/b.png,,,,,,,unreadable" ]
    [ "${lines[2]}" = "p/b.png,,,,,,,no_face" ]
    [ "$stderr" = "fercli: cannot read 'p/b.png': the list of paths has NUL bytes in it: add -0" ]
}

@test "an empty stream is a header" {
    run -0 --separate-stderr "$FERCLI" detect --stream </dev/null
    [ "$output" = "path,face,x,y,width,height,score,status" ]
    [ -z "$stderr" ]
    run -0 "$FERCLI" classify -m m --stream --format jsonl </dev/null
    [ -z "$output" ]
}

@test "an endless list is answered, and its reader may go away" {
    run --separate-stderr bash -c 'yes p/b.png | "$0" detect --stream | head -n 300; echo "${PIPESTATUS[1]}"' "$FERCLI"
    [ "${#lines[@]}" -eq 301 ]
    [ "${lines[299]}" = "p/b.png,,,,,,,no_face" ]
    [ "${lines[300]}" -eq 0 ]
    [ -z "$stderr" ]
}

@test "a closed pipe ends the program although more paths may come" {
    for command in "detect --threads 1" "detect --threads 3" "classify -m m --threads 2"; do
        start "$FERCLI" $command --stream
        answer
        exec {FROM}<&-
        echo p/b.png >&"$TO"
        ended 0
        [ ! -s "$W/errors" ]
        exec {TO}>&-
        rm "$W/in" "$W/out"
    done
}

@test "an interruption while it waits: whole rows and status 130" {
    for threads in 1 3; do
        for signal in INT TERM; do
            start "$FERCLI" classify -m m --threads $threads --stream
            answer
            echo p/b.png >&"$TO"
            answer
            [[ $row == p/b.png,*,no_face ]]
            printf 'p/a.p' >&"$TO"
            sleep 0.1
            kill -$signal "$PROGRAM"
            ended 130
            [ -z "$(cat <&"$FROM")" ]
            exec {TO}>&- {FROM}<&-
            rm "$W/in" "$W/out"
        done
    done
}

@test "-o takes the rows of a stream" {
    "$FERCLI" detect --stream <<<p/a.png >"$W/expected"
    "$FERCLI" detect --stream -o "$W/rows" <<<p/a.png
    cmp "$W/expected" "$W/rows"
}

@test "wrong usage of a stream: status 2, one line, nothing done" {
    refused 2 "--stream and --stream-mjpeg exclude each other" "$FERCLI" detect --stream --stream-mjpeg x
    refused 2 "--stream names the pictures: no INPUT such as 'p' goes with it" "$FERCLI" detect --stream p
    refused 2 "--stream-mjpeg names the pictures: no INPUT such as '-'" "$FERCLI" detect --stream-mjpeg x -
    refused 2 "--resume does not go with --stream" "$FERCLI" detect --stream --resume -o "$W/x"
    refused 2 "--shard does not go with --stream-mjpeg" "$FERCLI" detect --shard 1/2 --stream-mjpeg x
    refused 2 "--files-from does not go with --stream" "$FERCLI" detect --files-from list --stream
    refused 2 "--null does not go with --stream-mjpeg" "$FERCLI" detect -0 --stream-mjpeg x
    refused 2 "--stream does not go with --labelled" "$FERCLI" classify -m m --stream --labelled p
    refused 2 "--stream-mjpeg does not go with --fer-csv" "$FERCLI" classify -m m --stream-mjpeg x --fer-csv y --split PublicTest
    [ -z "$(ls "$W")" ]
}

# ---- frames -------------------------------------------------------------------------------------------

# rename_frames: the rows of a.jpg, b.jpg and c.jpg as those of frames 1, 2 and 3.
rename_frames() {
    sed 's/^a\.jpg/frame-000001/; s/^b\.jpg/frame-000002/; s/^c\.jpg/frame-000003/'
}

@test "frames have the rows of their pictures, numbered from 1" {
    for command in detect "classify -m m --detect"; do
        "$FERCLI" $command a.jpg b.jpg c.jpg | rename_frames >"$W/expected"
        for threads in 1 2 5; do
            cat a.jpg b.jpg c.jpg | "$FERCLI" $command --threads $threads --stream-mjpeg - >"$W/rows"
            cmp "$W/expected" "$W/rows"
        done
        cat a.jpg b.jpg c.jpg >"$W/v.mjpeg"
        "$FERCLI" $command --stream-mjpeg "$W/v.mjpeg" >"$W/rows"
        sed "s|^frame|$W/v.mjpeg/frame|" "$W/expected" | cmp - "$W/rows"
    done
}

@test "a frame is answered before the next one comes" {
    start "$FERCLI" classify -m m --detect --largest --stream-mjpeg -
    answer
    for i in 1 2 3; do
        cat a.jpg >&"$TO"
        answer
        [[ $row == "frame-00000$i,0,"*,ok ]]
    done
    exec {TO}>&-
    ended 0
}

@test "a frame that is cut or damaged is unreadable, and the stream goes on" {
    {
        cat a.jpg
        head -c 1000 a.jpg
        cat a.jpg
        head -c 300 a.jpg # inside a table
        cat b.jpg
        echo "something else"
        cat a.jpg
        perl -0777 -pe 'substr($_, 700, 40) = "\xff\xd9" x 20' a.jpg | head -c 702 # ends too early
        cat b.jpg
        head -c -2 a.jpg
    } >"$W/v.mjpeg"
    run -1 --separate-stderr "$FERCLI" detect --stream-mjpeg - <"$W/v.mjpeg"
    [ "$(printf '%s\n' "${lines[@]:1}" | cut -d, -f1,2,8)" = "frame-000001,0,ok
frame-000002,,unreadable
frame-000003,0,ok
frame-000004,,unreadable
frame-000005,,no_face
frame-000006,,unreadable
frame-000007,0,ok
frame-000008,,unreadable
frame-000009,,no_face
frame-000010,,unreadable" ]
    [ "${#stderr_lines[@]}" -eq 5 ]
    [[ ${stderr_lines[0]} == "fercli: cannot read 'frame-000002': the frame is cut short: the next one starts at its byte 1000" ]]
    [[ ${stderr_lines[2]} == "fercli: cannot read 'frame-000006': bytes between frames that start no JPEG picture" ]]
    [[ ${stderr_lines[4]} == "fercli: cannot read 'frame-000010': the stream ends inside the frame" ]]
}

@test "a thumbnail in a frame is no frame" {
    size=$(($(stat -c %s b.jpg) + 2))
    for i in 1 2; do
        head -c 2 a.jpg
        printf "\xff\xe1\x$(printf %02x $((size / 256)))\x$(printf %02x $((size % 256)))"
        cat b.jpg
        tail -c +3 a.jpg
    done >"$W/v.mjpeg"
    run -0 "$FERCLI" detect --stream-mjpeg - <"$W/v.mjpeg"
    [ "${#lines[@]}" -eq 3 ]
    [[ ${lines[1]} == frame-000001,0,*,ok ]]
    [[ ${lines[2]} == frame-000002,0,*,ok ]]
}

@test "a stream without a frame has one row" {
    run -1 --separate-stderr "$FERCLI" detect --stream-mjpeg - </dev/null
    [ "${lines[1]}" = "-,,,,,,,unreadable" ]
    [ "$stderr" = "fercli: cannot read '-': there is no JPEG frame in it" ]
    run -1 --separate-stderr "$FERCLI" classify -m m --stream-mjpeg nothing
    [[ ${lines[1]} == nothing,,*,unreadable ]]
    [ "$stderr" = "fercli: cannot open 'nothing': No such file or directory" ]
    run -1 --separate-stderr "$FERCLI" detect --stream-mjpeg - <p/a.png
    [ "${lines[1]}" = "frame-000001,,,,,,,unreadable" ]
    [ "${#lines[@]}" -eq 2 ]
}

@test "crops and marked pictures are named after the frame" {
    cat a.jpg c.jpg >"$W/v"
    for command in detect "classify -m m --detect"; do
        "$FERCLI" $command --crops "$W/crops" --annotate "$W/marked" --stream-mjpeg - <"$W/v" >/dev/null
        [ "$(ls "$W/crops" | xargs)" = "frame-000001-0.png frame-000002-0.png frame-000002-1.png" ]
        [ "$(ls "$W/marked" | xargs)" = "frame-000001-faces.png frame-000002-faces.png" ]
        "$FERCLI" $command --annotate "$W/expected" a.jpg >/dev/null
        cmp "$W/expected/a.jpg-faces.png" "$W/marked/frame-000001-faces.png"
        rm -r "$W/crops" "$W/marked" "$W/expected"
    done
}

@test "ffmpeg's motion JPEG has a row a frame" {
    command -v ffmpeg >/dev/null || skip "ffmpeg is not there"
    ffmpeg -v error -loop 1 -i a.jpg -frames:v 5 -r 5 -pix_fmt yuvj420p "$W/v.mkv"
    ffmpeg -v error -i "$W/v.mkv" -f image2pipe -c:v mjpeg -q:v 2 - | "$FERCLI" detect --largest --stream-mjpeg - >"$W/rows"
    [ "$(column 1 "$W/rows" | xargs)" = "frame-000001 frame-000002 frame-000003 frame-000004 frame-000005" ]
    [ "$(grep -c ',ok$' "$W/rows")" -eq 5 ]
}
