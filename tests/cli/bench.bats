#!/usr/bin/env bats
# The benchmarks' command lines and what they print; not one figure is a measurement. For scripts/bench-peers the
# programs that it runs are stand-ins that answer with given numbers and note how they were called.

load common

setup() {
    BENCH=${BUILD:-build}/tests/bench/bench
    cd "$ROOT"
}

# stand_in FILE: a program of the lines on standard input.
stand_in() {
    mkdir -p "$(dirname "$1")"
    { echo '#!/bin/bash' && cat; } >"$1"
    chmod +x "$1"
}

stand_ins() {
    unset OMP_NUM_THREADS
    export LOG=$BATS_TEST_TMPDIR/log BUILD=$BATS_TEST_TMPDIR/build PYTHON=$BATS_TEST_TMPDIR/python
    export PATH=$BATS_TEST_TMPDIR/bin:$PATH
    : >"$LOG"
    stand_in "$BATS_TEST_TMPDIR/bin/dpkg-query" <<<'shift 3; printf "%s installed\n" "$@"'
    stand_in "$BATS_TEST_TMPDIR/bin/make" <<<'echo "make says something"'
    stand_in "$BATS_TEST_TMPDIR/bin/npm" <<<'echo "npm $*" >>"$LOG"; echo "npm says something"; mkdir node_modules'
    stand_in "$BUILD/tests/bench/bench" <<'END'
echo "ours $*" >>"$LOG"
turns=(8 1000 40)
echo "${turns[($(grep -c ^ours "$LOG") - 1) % 3]}.000"
END
    stand_in "$BATS_TEST_TMPDIR/peer" <<'END'
[ "$1" != darknet ] || set -- "$@" "$(grep batch= "$2")"
echo "$*, OpenMP ${OMP_NUM_THREADS:-free}" | sed "s|$TMPDIR[^ ]*/||" >>"$LOG"
[ "$3" != export ] || exit 0
echo ready
while read -r seconds; do
    echo "turn of $1 for $seconds s" >>"$LOG"
    turns=(300.5 25 16)
    echo "${turns[turn++ % ${#turns[@]}]}"
done
END
    stand_in "$BATS_TEST_TMPDIR/bin/node" <<<'shift; exec "$(dirname "$0")/../peer" node "$@"'
    stand_in "$PYTHON" <<<'shift; exec "$(dirname "$0")/peer" python "$@"'
    stand_in "$BUILD/tests/bench/darknet_bench" <<<'exec "$(dirname "$0")/../../../peer" darknet "$@"'
    export TMPDIR=$BATS_TEST_TMPDIR/tmp
    mkdir "$TMPDIR"
}

@test "bench-peers prints the medians and their ratio, one line a pair, and all else elsewhere" {
    stand_ins
    run -0 --separate-stderr scripts/bench-peers --rounds 3 --seconds .5 train-general latency-atulapra
    diff - <(echo "$output") <<'END'
train-general darknet 40.00 25.00 1.600
train-general pytorch 40.00 25.00 1.600
latency-atulapra darknet 40.00 25.00 1.600
latency-atulapra pytorch 40.00 25.00 1.600
latency-atulapra onnxruntime 40.00 25.00 1.600
END
    [[ $stderr == *"make says something"*"npm says something"* ]]
}

@test "bench-peers takes turns, with the same batch and threads" {
    stand_ins
    scripts/bench-peers --rounds 2 --seconds .5 train-general latency-atulapra
    diff - "$LOG" <<END
npm install --prefix . --ignore-scripts --no-audit --no-fund --loglevel=error $(grep -o 'onnxruntime-node@[0-9.]*' "$LOG")
darknet general.cfg train batch=128, OpenMP 2
ours --rate --seconds .5 --threads 2 --batch 128 train-general
turn of darknet for .5 s
ours --rate --seconds .5 --threads 2 --batch 128 train-general
turn of darknet for .5 s
python cfg/general.cfg train 128 2, OpenMP 2
ours --rate --seconds .5 --threads 2 --batch 128 train-general
turn of python for .5 s
ours --rate --seconds .5 --threads 2 --batch 128 train-general
turn of python for .5 s
darknet atulapra.cfg infer batch=1, OpenMP 1
ours --rate --seconds .5 --threads 1 --batch 1 latency-atulapra
turn of darknet for .5 s
ours --rate --seconds .5 --threads 1 --batch 1 latency-atulapra
turn of darknet for .5 s
python cfg/atulapra.cfg infer 1 1, OpenMP 1
ours --rate --seconds .5 --threads 1 --batch 1 latency-atulapra
turn of python for .5 s
ours --rate --seconds .5 --threads 1 --batch 1 latency-atulapra
turn of python for .5 s
python cfg/atulapra.cfg export 1 atulapra-1, OpenMP free
node atulapra-1 1, OpenMP 1
ours --rate --seconds .5 --threads 1 --batch 1 latency-atulapra
turn of node for .5 s
ours --rate --seconds .5 --threads 1 --batch 1 latency-atulapra
turn of node for .5 s
END
}

@test "bench-peers without arguments times every pair that makes sense, seven times" {
    stand_ins
    run -0 --separate-stderr scripts/bench-peers
    [ "$(cut -d' ' -f1,2 <<<"$output")" = "$(printf '%s\n' \
        {train-atulapra,train-general}\ {darknet,pytorch} \
        {infer-atulapra,infer-general,latency-atulapra}\ {darknet,pytorch,onnxruntime})" ]
    [ "$(grep -c '^ours' "$LOG")" -eq $((13 * 7)) ]
    [ -z "$(ls "$TMPDIR")" ]
}

@test "bench-peers compares with the chosen peers alone" {
    stand_ins
    run -0 --separate-stderr scripts/bench-peers --peer onnxruntime --rounds 1 train-atulapra infer-atulapra
    [ "$output" = "infer-atulapra onnxruntime 8.00 300.50 0.027" ]
    run -1 --separate-stderr scripts/bench-peers --peer onnxruntime train-atulapra
    [ -z "$output" ]
}

@test "bench-peers goes on without a peer that cannot be had, and says so" {
    stand_ins
    stand_in "$BATS_TEST_TMPDIR/bin/npm" <<<'exit 1'
    run -1 --separate-stderr scripts/bench-peers --rounds 1 infer-general
    [ "${#lines[@]}" -eq 2 ]
    [[ ${lines[0]} == "infer-general darknet "* && ${lines[1]} == "infer-general pytorch "* ]]
    [[ $stderr == *"infer-general onnxruntime is left out"* ]]
}

@test "bench-peers ends where a peer breaks, and shows what it said" {
    stand_ins
    stand_in "$PYTHON" <<<'echo ready; read -r seconds; echo "no such layer" >&2'
    run -1 --separate-stderr scripts/bench-peers --peer pytorch infer-general
    [ -z "$output" ]
    [[ $stderr == *"no such layer"*"pytorch ended early"* ]]
}

@test "bench-peers refuses what it does not know, and runs nothing" {
    stand_ins
    local arguments
    for arguments in --help train --layers "--peer caffe" --peer "--rounds 0" "--rounds 1.5" "--threads x" "--seconds -1" \
        "--crops 0" --photos "infer-atulapra latency"; do
        # shellcheck disable=SC2086 # words
        run -2 --separate-stderr scripts/bench-peers $arguments
        [ -z "$output" ]
        [[ $stderr == *"usage: scripts/bench-peers"* ]]
    done
    [ ! -s "$LOG" ]
}

# programs OURS THEIRS: stand-ins of fercli and of the peer python, whose rows are those of the two files.
programs() {
    stand_ins
    export OURS=$1 THEIRS=$2
    stand_in "$BUILD/fercli" <<'END'
echo "ours $*" | sed "s|$TMPDIR[^ ]*/||" >>"$LOG"
while [ "$1" != -o ]; do shift; done
cp "$OURS" "$2"
exit 1
END
    stand_in "$BUILD/tests/bench/draw_crops" <<<'echo "draw_crops $*" >>"$LOG"; touch 00000.png'
    stand_in "$PYTHON" <<'END'
echo "$*, OpenMP $OMP_NUM_THREADS" | sed "s|$TMPDIR[^ ]*/||" >>"$LOG"
echo ready
while read -r seconds; do
    echo "turn for $seconds s" >>"$LOG"
    cp "$THEIRS" "$6"
    echo 10
done
END
}

# rows LABEL...: a csv of pictures with a face each, and of one without.
rows() {
    local label i=0
    echo path,face,x,y,width,height,score,label,confidence,angry,disgust,fear,happy,sad,surprise,neutral,status
    for label; do echo "\"a, $((i++)).png\",0,0,0,48,48,,$label,.5,0,0,0,0,0,0,0,ok"; done
    echo "b.png,,,,,,,,,,,,,,,,no_face"
}

@test "bench-peers has whole programs label folders in turns, and compares their rows" {
    rows sad happy >"$BATS_TEST_TMPDIR/rows"
    programs "$BATS_TEST_TMPDIR/rows" "$BATS_TEST_TMPDIR/rows"
    mkdir "$BATS_TEST_TMPDIR/p"
    run -0 --separate-stderr scripts/bench-peers --rounds 2 --seconds .001 --photos "$BATS_TEST_TMPDIR/p" --crops 5 \
        classify-photos classify-crops
    [ "${#lines[@]}" -eq 2 ]
    [[ ${lines[0]} =~ ^"classify-photos python "[0-9]+\.[0-9]+" 10.00 "[0-9]+\.[0-9]{3}$ ]]
    [[ ${lines[1]} =~ ^"classify-crops python "[0-9]+\.[0-9]+" 10.00 "[0-9]+\.[0-9]{3}$ ]]
    [[ $stderr == *"classify-photos python: faces: ours 2 in 3 pictures, peer 2 in 3; 2 in the same places, 2 of them with the same label"* ]]
    diff - "$LOG" <<END
draw_crops 5
scripts/bench_peers_photos.py models/general detect $BATS_TEST_TMPDIR/p 2 theirs.csv, OpenMP 2
ours classify -q --threads 2 --model models/general --detect --format csv -o ours.csv $BATS_TEST_TMPDIR/p
turn for .001 s
ours classify -q --threads 2 --model models/general --detect --format csv -o ours.csv $BATS_TEST_TMPDIR/p
turn for .001 s
scripts/bench_peers_photos.py models/general whole $BUILD/peers/crops-5 2 theirs.csv, OpenMP 2
ours classify -q --threads 2 --model models/general --no-detect --format csv -o ours.csv $BUILD/peers/crops-5
turn for .001 s
ours classify -q --threads 2 --model models/general --no-detect --format csv -o ours.csv $BUILD/peers/crops-5
turn for .001 s
END
    # The crops are there now.
    scripts/bench-peers --rounds 1 --seconds 0 --crops 5 classify-crops
    [ "$(grep -c draw_crops "$LOG")" -eq 1 ]
}

@test "bench-peers fails where labels of crops or numbers of pictures differ" {
    rows sad happy >"$BATS_TEST_TMPDIR/ours"
    rows sad sad >"$BATS_TEST_TMPDIR/theirs"
    programs "$BATS_TEST_TMPDIR/ours" "$BATS_TEST_TMPDIR/theirs"
    run -1 --separate-stderr scripts/bench-peers --rounds 1 --seconds 0 --crops 5 classify-crops
    [[ $output == "classify-crops python "* && $stderr == *"2 in the same places, 1 of them with the same label"* ]]
    run -0 --separate-stderr scripts/bench-peers --rounds 1 --seconds 0 --photos "$TMPDIR" classify-photos
    rows sad >"$BATS_TEST_TMPDIR/theirs"
    run -1 --separate-stderr scripts/bench-peers --rounds 1 --seconds 0 --photos "$TMPDIR" classify-photos
    [[ $stderr == *"ours 2 in 3 pictures, peer 1 in 2;"* ]]
}

@test "bench-peers leaves photographs out where there are none, and ends where fercli fails" {
    rows sad >"$BATS_TEST_TMPDIR/rows"
    programs "$BATS_TEST_TMPDIR/rows" "$BATS_TEST_TMPDIR/rows"
    run -1 --separate-stderr scripts/bench-peers --rounds 1 --seconds 0 --photos "$TMPDIR/none" classify-photos \
        classify-crops
    [[ $output == "classify-crops python "* && ${#lines[@]} -eq 1 ]]
    [[ $stderr == *"there is no folder $TMPDIR/none"*"classify-photos is left out"* ]]
    stand_in "$BUILD/fercli" <<<'echo "no such model" >&2; exit 3'
    run -1 --separate-stderr scripts/bench-peers --rounds 1 --seconds 0 classify-crops
    [ -z "$output" ]
    [[ $stderr == *"no such model"*"fercli classify ended with status 3"* ]]
}

@test "fercli and the script in Python find the same faces and give them the same labels" {
    /usr/bin/python3 -c 'import cv2, torch' 2>/dev/null || skip "python3-opencv or python3-torch is not there"
    local built photos=$BATS_TEST_TMPDIR/p
    built=$(realpath "${BUILD:-build}")
    unset PYTHON
    # All is built and installed.
    stand_in "$BATS_TEST_TMPDIR/bin/make" <<<:
    stand_in "$BATS_TEST_TMPDIR/bin/dpkg-query" <<<'shift 3; printf "%s installed\n" "$@"'
    PATH=$BATS_TEST_TMPDIR/bin:$PATH
    export BUILD=$BATS_TEST_TMPDIR/build
    mkdir "$BUILD"
    ln -s "$built/fercli" "$built/tests" "$BUILD"
    mkdir -p "$photos/sub, folder"
    draw "$photos/a.png" 120 120 128 30 30 60 1
    draw "$photos/b.png" 100 80 90
    draw "$photos/sub, folder/c.png" 200 120 128 20 30 50 -1 110 30 60 1
    echo "no picture" >"$photos/text.png"
    run -0 --separate-stderr scripts/bench-peers --threads 1 --rounds 1 --seconds 0 --crops 20 --photos "$photos" \
        classify-photos classify-crops
    [[ ${lines[0]} =~ ^"classify-photos python "[0-9.]+" "[0-9.]+" "[0-9.]+$ && ${#lines[@]} -eq 2 ]]
    [[ $stderr == *"classify-photos python: faces: ours 3 in 4 pictures, peer 3 in 4; 3 in the same places, 3 of"* ]]
    [[ $stderr == *"classify-crops python: faces: ours 20 in 20 pictures, peer 20 in 20; 20 in the same places, 20 of"* ]]
}

@test "draw_crops draws the same pictures every time, and only so many" {
    local draw
    draw=$(realpath "${BUILD:-build}")/tests/bench/draw_crops
    mkdir "$BATS_TEST_TMPDIR"/{a,b}
    (cd "$BATS_TEST_TMPDIR/a" && "$draw" 3)
    (cd "$BATS_TEST_TMPDIR/b" && "$draw" 2)
    cmp "$BATS_TEST_TMPDIR"/{a,b}/00001.png
    run -1 cmp -s "$BATS_TEST_TMPDIR"/a/0000{0,1}.png
    [ "$(ls "$BATS_TEST_TMPDIR/a")" = "$(printf '0000%d.png\n' 0 1 2)" ]
    run -0 "$FERCLI" classify "$BATS_TEST_TMPDIR/a"
    [ "$(grep -c ',0,0,0,48,48,,' <<<"$output")" -eq 3 ]
    for count in "" 0 x 100001; do
        # shellcheck disable=SC2086 # none or one
        run -1 --separate-stderr "$draw" $count
        [[ $stderr == "draw_crops: usage: "* ]]
    done
}

@test "bench --rate prints a number a workload" {
    run -0 "$BENCH" --rate --seconds 0 --batch 2 train-atulapra infer-general latency-atulapra
    [ "${#lines[@]}" -eq 3 ]
    [ "$(grep -cE '^[0-9]+\.[0-9]+$' <<<"$output")" -eq 3 ]
    [ "$(grep -cx 0.000 <<<"$output")" -eq 0 ]
}

@test "bench prints a row a workload: batches of its own, not the cfg's, and one thread for latency" {
    run -0 "$BENCH" --seconds 0 --threads 2 infer-atulapra
    [[ ${lines[2]} =~ ^infer-atulapra\ +64\ +2\  ]]
    run -0 "$BENCH" --seconds 0 train-general latency-general
    [ "${#lines[@]}" -eq 4 ]
    [[ ${lines[2]} =~ ^train-general\ +128\  ]]
    [[ ${lines[3]} =~ ^latency-general\ +1\ +1\ .*%$ ]]
}

@test "bench --layers names every layer, of inference too" {
    run -0 "$BENCH" --layers --seconds 0 --batch 2 train-general infer-atulapra
    [ "$(grep -cE '^ +[0-9]+ [a-z]+ ' <<<"$output")" -eq \
        $(($(grep -c '^\[' cfg/general.cfg) + $(grep -c '^\[' cfg/atulapra.cfg) - 2)) ]
    [[ $output == *"input, update "*"input, output "* ]]
}

@test "bench refuses what it does not know" {
    local arguments
    for arguments in --help "--batch 0" "--batch" "--threads x" "--seconds -1" train "run-general" "train-none"; do
        # shellcheck disable=SC2086 # words
        run -1 --separate-stderr "$BENCH" $arguments
        [[ $stderr == "bench: "* && ${#stderr_lines[@]} -eq 1 ]]
    done
}
