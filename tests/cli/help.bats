#!/usr/bin/env bats
# Help, version, manual, completion, and what is refused before any command runs.
load common

@test "help lists the commands and the exit statuses" {
    run --separate-stderr "$FERCLI" help
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    for command in detect classify train-general finetune help; do
        [[ $output == *$'\n'"  $command "* ]]
    done
    for exit_status in 0 1 2 3 4 130; do
        [[ $output == *$'\n'"  $exit_status  "* ]]
    done
    help=$output
    run "$FERCLI" --help
    [ "$output" = "$help" ]
    run "$FERCLI" -h
    [ "$output" = "$help" ]
}

@test "without a command the help goes to standard error, status 2" {
    run --separate-stderr "$FERCLI"
    [ "$status" -eq 2 ]
    [ -z "$output" ]
    [[ $stderr == *"fercli: no command given" ]]
}

# The names that scripts rely on.
common="--threads --seed -o --format -q --quiet -v --verbose --no-progress"
faces="-0 --files-from --stream --stream-mjpeg --cascade --scale-factor --min-neighbors --min-size --largest --try-rotations --crops --crop-size --margin --annotate"
declare -gA contract=(
    [detect]="$faces $common"
    [classify]="--model --no-detect --detect --tta --ten-crop --reject-below --engine --fer-csv --split --labelled --unseen --plots --min-accuracy $faces $common"
    [train-general]="--fer-csv --train --valid --audit --leave-out --cfg --out --epochs --resume --init $common"
    [finetune]="--user --model --out --general-csv --holdout --folds --max-forget --epochs --report $common"
)

@test "every command's help names its options and fits 80 columns" {
    [ "${#contract[@]}" -eq 4 ]
    for command in "${!contract[@]}"; do
        run --separate-stderr "$FERCLI" "$command" --help
        [ "$status" -eq 0 ]
        [ -z "$stderr" ]
        [[ $output == "Usage: fercli $command "* ]]
        for option in ${contract[$command]}; do
            [[ $output =~ (^|[[:space:]])"$option"[[:space:],] ]] || { echo "$command: $option"; false; }
        done
        awk 'length > 80 { print; bad = 1 } END { exit bad }' <<<"$output"
        help=$output
        run "$FERCLI" help "$command"
        [ "$output" = "$help" ]
    done
}

@test "--help wins over missing operands and what follows it" {
    run "$FERCLI" detect --help --nonsense
    [ "$status" -eq 0 ]
    run "$FERCLI" train-general -h
    [ "$status" -eq 0 ]
}

@test "--version names the version, the engine and the model's checksum" {
    tiny_model "$BATS_TEST_TMPDIR/m"
    FERCLI_MODEL=$BATS_TEST_TMPDIR/m run --separate-stderr "$FERCLI" --version
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    [ "${lines[0]}" = "fercli 0.1.0" ]
    [[ ${lines[1]} =~ ^engine:\ .*[0-9] ]]
    [[ ${lines[2]} =~ ^"model: $BATS_TEST_TMPDIR/m, checksum "[0-9a-f]{8}$ ]]
    if command -v gzip >/dev/null; then
        # A gzip file ends in the CRC-32 of its content and its length.
        checksum=$(gzip -c "$BATS_TEST_TMPDIR/m.weights" | tail -c 8 | od -An -tx4 -N4 | tr -d ' ')
        [[ ${lines[2]} == *"checksum $checksum" ]]
    fi
    FERCLI_MODEL=$BATS_TEST_TMPDIR/none run "$FERCLI" --version
    [ "$status" -eq 0 ]
    [[ ${lines[2]} == "model: "*"/none' cannot be used"* ]]
}

@test "--version tells whether Winograd's kernels are in use" {
    [ -e /usr/include/libxsmm.h ] && grep -q avx2 /proc/cpuinfo || skip "no Winograd here"
    [[ $("$FERCLI" --version) == *"engine: oneDNN "*", AVX"*", Winograd by LIBXSMM"* ]]
    LIBXSMM_TARGET=generic run -0 "$FERCLI" --version
    [[ $output == *"engine: oneDNN "* && $output != *Winograd* ]]
}

@test "an unknown command is refused with the nearest name" {
    refused 2 "no command 'detct'; did you mean 'detect'?" "$FERCLI" detct
    refused 2 "no command 'clasify'; did you mean 'classify'?" "$FERCLI" clasify x.png
    refused 2 "no command 'train'; did you mean 'train-general'?" "$FERCLI" train
    refused 2 "no command 'xyzzy' (see 'fercli help')" "$FERCLI" xyzzy
    refused 2 "did you mean 'finetune'?" "$FERCLI" help fintune
    refused 2 "unknown option '--detect'" "$FERCLI" --detect
    refused 2 "no command ''" "$FERCLI" ""
}

@test "help refuses what makes no sense" {
    refused 2 "exclude each other" "$FERCLI" help --man --completion
    refused 2 "name none" "$FERCLI" help --man detect
    refused 2 "name one command" "$FERCLI" help detect classify
    refused 2 "unknown option '--mna'; did you mean '--man'?" "$FERCLI" help --mna
}

@test "the manual page has all commands and options, and no warnings" {
    "$FERCLI" help --man >"$BATS_TEST_TMPDIR/fercli.1"
    [ "${#contract[@]}" -eq 4 ]
    for command in "${!contract[@]}"; do
        for option in ${contract[$command]}; do
            grep -qF -e "${option//-/\\-}" "$BATS_TEST_TMPDIR/fercli.1"
        done
    done
    command -v man >/dev/null && man --version >/dev/null 2>&1 || skip "man is not there"
    LC_ALL=C.UTF-8 MANWIDTH=80 run --separate-stderr man --warnings -l "$BATS_TEST_TMPDIR/fercli.1"
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    [[ $output == *"FERCLI CLASSIFY"* ]]
}

# complete WORD...: what bash offers for the last word.
complete_words() {
    bash -c '
        source <("$0" help --completion)
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
        _fercli fercli "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf "%s\n" "${COMPREPLY[@]}"' "$FERCLI" "$@"
}

@test "completion offers commands, options, choices and files" {
    cd "$BATS_TEST_TMPDIR"
    mkdir -p "folder one" x
    touch "face one.jpg" x.cfg x.weights y.cfg
    [ "$(complete_words fercli cl)" = "classify" ]
    [ "$(complete_words fercli detect --min-s)" = "--min-size" ]
    [ "$(complete_words fercli detect --format j)" = "jsonl" ]
    [ -n "$(complete_words fercli classify --fer-csv '')" ]
    [ -z "$(complete_words fercli classify --split '')" ]
    [ -z "$(complete_words fercli classify --shard '')" ]
    [ "$(complete_words fercli classify --engine '' | sort | xargs)" = "darknet native" ]
    [ "$(complete_words fercli detect --crops fo)" = "folder one" ]
    [ "$(complete_words fercli detect face)" = "face one.jpg" ]
    [ "$(complete_words fercli classify -m y)" = "y" ]
    [ "$(complete_words fercli help fi)" = "finetune" ]
    [ -z "$(complete_words fercli detect --threads '')" ]
}

@test "a closed pipe ends quietly" {
    for text in "help --man" "help --completion" "detect --help" --version; do
        run --separate-stderr bash -c 'set -o pipefail; "$0" $1 | true' "$FERCLI" "$text"
        [ "$status" -eq 0 ]
        [ -z "$stderr" ]
    done
}

@test "a full device and a closed standard output are noticed" {
    [ -e /dev/full ] || skip "/dev/full is not there"
    for text in help "help --man" "detect --help" --version; do
        run --separate-stderr bash -c '"$0" $1 >/dev/full' "$FERCLI" "$text"
        [ "$status" -eq 1 ]
        [ "$stderr" = "fercli: cannot write to standard output: No space left on device" ]
        run --separate-stderr bash -c '"$0" $1 >&-' "$FERCLI" "$text"
        [ "$status" -eq 1 ]
        [ "$stderr" = "fercli: cannot write to standard output: Bad file descriptor" ]
    done
}
