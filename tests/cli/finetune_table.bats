#!/usr/bin/env bats
# scripts/finetune-table: its tables, on drawn people and random general data.

load common
load tuning

setup_file() {
    export DIR=$(mktemp -d "${TMPDIR:-/tmp}/table.XXXXXX")
    random_model "$DIR/m"
    draw_person "$DIR/users/ann"
    draw_person "$DIR/users/bob"
    draw_person "$DIR/users/few"
    rm "$DIR"/users/few/*/*[345]0.png
    make_csv "$DIR/fer.csv"
}

teardown_file() {
    rm -rf "$DIR"
}

setup() {
    cd "$ROOT" || return 1
}

table() {
    FERCLI=$FERCLI BUILD=$DIR scripts/finetune-table --users "$DIR/users" --csv "$DIR/fer.csv" --model "$DIR/m" \
        --people 2 --threads 1 "$@" 2>"$DIR/progress"
}

@test "people: those with most pictures, their mean, and what PublicTest loses" {
    run -0 table people
    echo "$output"
    [[ ${lines[0]} == "| person | pictures | groups "* ]]
    [[ ${lines[2]} == "| ann | 12 | "* ]]
    [[ ${lines[3]} == "| bob | 12 | "* ]]
    [[ ${lines[4]} =~ ^"| mean | | | "[0-9.]+" | "[0-9.]+" | "[0-9.]+" | "[0-9.]+" | "[0-9.]+" | | | "-?[0-9.]+" | "-?[0-9.]+" |"$ ]]
    [[ ${lines[5]} == "| mean, with the CSV | "* ]]
    [ "${#lines[@]}" -eq 6 ]
    # The replay set that the model lacks was made.
    [ -e "$DIR/finetune-table/model.replay" ]
    [ ! -e "$DIR/m.replay" ]
}

@test "curve and methods: a row each" {
    run -0 table curve methods
    echo "$output"
    [ "$(grep -cE '^\| (1|2|5|10|20) \| [0-9.]+ \| [0-9.]+ \| -?[0-9.]+ \|' <<<"$output")" -eq 5 ]
    [ "$(grep -cE '^\| (plain|l2sp|distil|replay)(, moved back \(--max-forget 1\))? \| [0-9.]+ \|' <<<"$output")" -eq 8 ]
}

@test "unknown tables are refused" {
    run -2 table cups
    run -2 table --people
}
