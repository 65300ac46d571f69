#!/usr/bin/env bats
# The shipped model on all of FER-2013's PublicTest, as a gate against regressions.
# Needs ../shared/data/fer2013.csv.gz; skipped where it is absent.

load common

setup() {
    FER=../shared/data/fer2013.csv.gz
    needs "$FER"
}

@test "the shipped model is right on at least 69.5 % of PublicTest, and knows how sure it is" {
    run -0 --separate-stderr "$FERCLI" classify --fer-csv "$FER" --split PublicTest --tta --min-accuracy 0.695 --format jsonl
    [ "${#lines[@]}" -eq 1 ]
    [[ "$output" == *'"n":3589'* ]]
    [ "$(jq '.macro_f1 >= 0.67' <<<"$output")" = true ]
    [ "$(jq '.ece <= 0.03' <<<"$output")" = true ]
}

@test "an accuracy that it does not reach ends with status 4" {
    run -4 "$FERCLI" classify --fer-csv "$FER" --split PublicTest --min-accuracy 0.99
}

@test "scripts/train-general.sh trains both stages, goes on after an interruption and repeats itself" {
    sample=../shared/data/fer2013-sample.csv.gz
    needs "$sample"
    for name in one other; do
        EPOCHS="1 2" FERCLI=$FERCLI scripts/train-general.sh "$sample" "$BATS_TEST_TMPDIR/$name" >/dev/null
    done
    cmp "$BATS_TEST_TMPDIR"/{one,other}.weights
    cp "$BATS_TEST_TMPDIR/one.weights" "$BATS_TEST_TMPDIR/kept"
    EPOCHS="1 2" FERCLI=$FERCLI scripts/train-general.sh "$sample" "$BATS_TEST_TMPDIR/one" >/dev/null
    cmp "$BATS_TEST_TMPDIR"/{one.weights,kept}
    if grep -q mixup "$BATS_TEST_TMPDIR/one.cfg"; then false; fi
    grep -qx 'learning_rate=0.015' "$BATS_TEST_TMPDIR/one.cfg"
}

@test "scripts/train-general.sh refuses a model that is there before it trains for hours" {
    mkdir "$BATS_TEST_TMPDIR/m"
    echo mine >"$BATS_TEST_TMPDIR/m/one.weights"
    run -1 --separate-stderr scripts/train-general.sh none.csv "$BATS_TEST_TMPDIR/m/one"
    [ -z "$output" ]
    [ "$stderr" = "train-general.sh: '$BATS_TEST_TMPDIR/m/one.weights' is there and is not replaced" ]
    [ "$(cat "$BATS_TEST_TMPDIR/m/one.weights")" = mine ]
    [ "$(ls "$BATS_TEST_TMPDIR/m")" = one.weights ]
}
