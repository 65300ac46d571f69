#!/usr/bin/env bats
# classify with darknet's own library, and beside darknet's own program.
load common

LIBRARY=${FERCLI_DARKNET:-/usr/lib/darknet/libdarknet.so}

setup_file() {
    cd "$BATS_FILE_TMPDIR"
    tiny_model m
    mkdir crops
    draw crops/0.png 48 48 60
    draw crops/1.png 48 48 200 9 6 40 1
    draw crops/2.png 48 48 100 4 4 40 -1
    draw crops/3.png 48 48 30 6 8 36 1
    draw photo.png 120 120 128 30 30 60 1
}

setup() {
    cd "$BATS_FILE_TMPDIR"
    W=$BATS_TEST_TMPDIR/w
    mkdir "$W"
}

needs_library() {
    [ -e "$LIBRARY" ] || skip "$LIBRARY is not there"
    [ -z "${ASAN_OPTIONS:-}" ] || skip "libdarknet's own defects would end a run under sanitizers"
}

# same_rows A B: the same but for the last decimal of the probabilities.
same_rows() {
    [ "$(wc -l <"$1")" -eq "$(wc -l <"$2")" ] && [ "$(wc -l <"$1")" -gt 1 ] && paste -d, "$1" "$2" | awk -F, '
        {
            for (i = 1; i <= NF / 2; i++) {
                a = $i; b = $(i + NF / 2)
                if (a != b && !(i >= 9 && i <= 16 && a - b < 0.00015 && b - a < 0.00015)) { print "differs: " $0; exit 1 }
            }
        }'
}

@test "--engine darknet prints the rows of the native engine, and nothing else" {
    needs_library
    for options in "" "--tta" "--ten-crop" "--no-detect" "--reject-below 0.5"; do
        # shellcheck disable=SC2086 # words
        "$FERCLI" classify -m m $options crops photo.png >"$W/native"
        # shellcheck disable=SC2086
        "$FERCLI" classify -m m $options --engine darknet crops photo.png >"$W/darknet" 2>"$W/errors"
        same_rows "$W/native" "$W/darknet"
        [ ! -s "$W/errors" ]
    done
}

@test "a temperature means the same to both engines" {
    needs_library
    tiny_model "$W/warm"
    sed -i 's/^groups=1/groups=1\ntemperature=2.5000/' "$W/warm.cfg"
    "$FERCLI" classify -m "$W/warm" crops >"$W/native"
    "$FERCLI" classify -m "$W/warm" --engine darknet crops >"$W/darknet" 2>"$W/errors"
    same_rows "$W/native" "$W/darknet"
    "$FERCLI" classify -m m crops >"$W/cold"
    run -1 cmp -s "$W/native" "$W/cold"
}

@test "--engine darknet evaluates too" {
    needs_library
    mkdir -p "$W/l/happy" "$W/l/sad"
    cp crops/[01].png "$W/l/happy"
    cp crops/[23].png "$W/l/sad"
    "$FERCLI" classify -q -m m --labelled "$W/l" --format csv | grep -E '^(accuracy|confusion)' >"$W/native"
    "$FERCLI" classify -q -m m --labelled "$W/l" --format csv --engine darknet | grep -E '^(accuracy|confusion)' |
        cmp - "$W/native"
    [ "$(wc -l <"$W/native")" -eq 50 ]
}

@test "darknet's own program gives the same label and probability" {
    needs_library
    command -v darknet >/dev/null || skip "the program darknet is not there"
    printf '%s\n' classes=7 names=m.names top=1 >"$W/m.data"
    cp "$ROOT"/models/general.* .
    for model in m general; do
        for picture in crops/*.png; do
            # Such as `74.94%: surprise`.
            theirs=$(darknet classifier predict "$W/m.data" $model.cfg $model.weights "$picture" 2>/dev/null | grep '%: ')
            "$FERCLI" classify -m $model "$picture" | tail -n 1 | awk -F, -v theirs="$theirs" '
                {
                    split(theirs, part, /%: */)
                    if ($8 != part[2] || 100 * $9 - part[1] > 0.0101 || part[1] - 100 * $9 > 0.0101) {
                        print $0 "; darknet: " theirs
                        exit 1
                    }
                }'
        done
    done
}

@test "without darknet's library --engine darknet says what is missing: status 3" {
    FERCLI_DARKNET=none/libdarknet.so refused 3 \
        "cannot open darknet's library, which Debian's package darknet brings: none/libdarknet.so" \
        "$FERCLI" classify -m m --engine darknet crops
    FERCLI_DARKNET=none/libdarknet.so run -0 "$FERCLI" classify -m m crops
}

@test "a network that would crash darknet's library is refused: status 3" {
    tiny_model "$W/x"
    sed 's/^\[connected\]/[batchnorm]\n\n&/' m.cfg >"$W/x.cfg"
    perl -e 'print pack "l<3 Q< f<*", 0, 2, 0, 0, 1, 0, 1, map { sin } 1 .. 70' >"$W/x.weights"
    run -0 "$FERCLI" classify -m "$W/x" crops
    refused 3 "$W/x.cfg:12: darknet's library crashes in [batchnorm]" \
        "$FERCLI" classify -m "$W/x" --engine darknet crops
}
