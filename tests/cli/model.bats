#!/usr/bin/env bats
# The shipped model on all of FER-2013's PublicTest, as a gate against regressions.
# Needs ../shared/data/fer2013.csv.gz; skipped where it is absent.

load common

setup() {
    FER=../shared/data/fer2013.csv.gz
    needs "$FER"
}

@test "the shipped model is right on at least 69 % of PublicTest, and knows how sure it is" {
    run -0 --separate-stderr "$FERCLI" classify --fer-csv "$FER" --split PublicTest --tta --min-accuracy 0.69 --format jsonl
    [ "${#lines[@]}" -eq 1 ]
    [[ "$output" == *'"n":3589'* ]]
    [ "$(jq '.ece <= 0.03' <<<"$output")" = true ]
}

@test "an accuracy that it does not reach ends with status 4" {
    run -4 "$FERCLI" classify --fer-csv "$FER" --split PublicTest --min-accuracy 0.99
}
