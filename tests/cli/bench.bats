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
        "infer-atulapra latency"; do
        # shellcheck disable=SC2086 # words
        run -2 --separate-stderr scripts/bench-peers $arguments
        [ -z "$output" ]
        [[ $stderr == *"usage: scripts/bench-peers"* ]]
    done
    [ ! -s "$LOG" ]
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
