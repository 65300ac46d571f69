#!/usr/bin/env bats
# classify's evaluation and calibrated probabilities: the figures follow from the rows of a plain run, with --tta too;
# what a temperature in the cfg changes; the pictures of --plots.
load common

setup_file() {
    cd "$BATS_FILE_TMPDIR"
    tiny_model m
    mkdir -p l/angry l/happy l/sad l/surprise
    local i=0 folder
    for folder in angry happy sad surprise angry happy sad surprise angry; do
        draw "l/$folder/$i.png" 48 48 $((20 + 25 * i)) $((4 + i)) $((12 - i)) 36 $((i % 3 - 1))
        i=$((i + 1))
    done
    # The same model, less sure of itself.
    tiny_model warm
    sed -i 's/^groups=1/groups=1\ntemperature=3.0000/' warm.cfg
    tiny_model hot
    sed -i 's/^groups=1/groups=1\ntemperature=9.0000/' hot.cfg
}

setup() {
    cd "$BATS_FILE_TMPDIR"
    W=$BATS_TEST_TMPDIR
}

# Accuracy and calibration error of `classify ARG...` on the labelled folder, from its rows.
measure_rows() {
    "$FERCLI" classify "$@" l | awk -F, '
        NR > 1 {
            split($1, part, "/")
            hit = part[2] == $8
            bin = int($9 * 15)
            if (bin == $9 * 15) bin--
            hits[bin] += hit; sure[bin] += $9; right += hit; n++
        }
        END {
            for (b = 0; b < 15; b++) { gap = hits[b] - sure[b]; ece += (gap < 0 ? -gap : gap) / n }
            printf "%.6f %.6f\n", right / n, ece
        }'
}

# The same figures of an evaluation differ from these by the rows' rounding only.
check_figures() {
    local rows report
    rows=$(measure_rows "$@")
    report=$("$FERCLI" classify -q --labelled l --format jsonl "$@" |
        sed 's/.*"accuracy":\([0-9.]*\).*"ece":\([0-9.]*\).*/\1 \2/')
    echo "$* rows: $rows report: $report"
    paste -d' ' <(echo "$rows") <(echo "$report") |
        awk '{ exit !($1 == $3 && $2 - $4 < 2e-4 && $4 - $2 < 2e-4) }'
}

@test "an evaluation's accuracy and calibration error are those of the rows" {
    check_figures -m m
    check_figures -m warm
}

@test "with --tta and --ten-crop too, which are other measurements" {
    for views in --tta --ten-crop; do
        check_figures -m m $views
        check_figures -m warm $views
    done
    run -0 --separate-stderr "$FERCLI" classify -m m --labelled l --format jsonl
    plain=$output
    run -0 --separate-stderr "$FERCLI" classify -m m --labelled l --format jsonl --tta
    mirrored=$output
    [ "$mirrored" != "$plain" ]
    run -0 --separate-stderr "$FERCLI" classify -m m --labelled l --format jsonl --ten-crop
    [ "$output" != "$plain" ]
    [ "$output" != "$mirrored" ]
}

@test "a temperature changes how sure the model is, not what it says" {
    "$FERCLI" classify -m m l >"$W/plain"
    "$FERCLI" classify -m warm l >"$W/warm"
    cut -d, -f1-8 "$W/plain" >"$W/labels"
    cut -d, -f1-8 "$W/warm" | cmp - "$W/labels"
    "$FERCLI" classify -m hot l >"$W/hot"
    # Each probability becomes its third root: so do the ratios to the largest. Only those of 1 % and more are printed
    # finely enough to tell.
    paste -d, "$W/warm" "$W/hot" | awk -F, '
        NR > 1 {
            for (i = 10; i <= 16; i++) {
                gap = ($i / $9) ^ (1 / 3) - $(i + 17) / $26
                if ($i >= .01 && (gap > .003 || gap < -.003)) { print NR, i, gap; bad = 1 }
                compared += $i >= .01
            }
            less_sure += $26 < $9
        }
        END { print compared, less_sure; exit bad || compared < 18 || less_sure != 9 }'
}

@test "--reject-below looks at the calibrated probability" {
    for model in m warm; do
        "$FERCLI" classify -m $model l | column 9 /dev/stdin | sort >"$W/$model"
    done
    threshold=$(awk '{ c[NR] = $1 } END { print c[5] }' "$W/m")
    for model in m warm; do
        run -0 "$FERCLI" classify -m $model --reject-below "$threshold" l
        # 4e-5: the confidence is printed with four decimals.
        expected=$(awk -v t="$threshold" '$1 < t - 4e-5' "$W/$model" | wc -l)
        found=$(grep -c ,uncertain, <<<"$output" || true)
        echo "$model at $threshold: $found uncertain, $expected are less sure"
        [ "$found" -ge "$expected" ]
        [ "$found" -le $((expected + 1)) ]
    done
    run -0 "$FERCLI" classify -m warm --reject-below "$threshold" l
    [ "$(grep -c ,uncertain, <<<"$output")" -eq 9 ]
}

@test "--plots draws the confusion matrix and the reliability diagram" {
    run -0 --separate-stderr "$FERCLI" classify -m m --labelled l --plots "$W/a/b" --format jsonl
    [ "${#lines[@]}" -eq 1 ]
    [ "$(ls "$W/a/b" | xargs)" = "confusion.png reliability.png" ]
    for name in confusion reliability; do
        [ "$(head -c 4 "$W/a/b/$name.png" | tail -c 3)" = PNG ]
        [ "$(wc -c <"$W/a/b/$name.png")" -gt 5000 ]
    done
    "$FERCLI" classify -q -m m --labelled l --plots "$W/c" >/dev/null
    cmp "$W/a/b/confusion.png" "$W/c/confusion.png"
    cmp "$W/a/b/reliability.png" "$W/c/reliability.png"
    "$FERCLI" classify -q -m warm --labelled l --plots "$W/d" >/dev/null
    cmp "$W/c/confusion.png" "$W/d/confusion.png"
    run -1 cmp -s "$W/c/reliability.png" "$W/d/reliability.png"
}

@test "--plots where nothing can be written, or without an evaluation" {
    : >"$W/file"
    refused 1 "'$W/file'" "$FERCLI" classify -m m --labelled l --plots "$W/file"
    refused 2 "--plots needs --fer-csv or --labelled" "$FERCLI" classify -m m --plots "$W/p" l
    mkdir -p "$W/q/confusion.png"
    run -1 --separate-stderr "$FERCLI" classify -q -m m --labelled l --plots "$W/q"
    [[ $stderr == *"$W/q/confusion.png"* ]]
}

@test "names of folders and models cannot drive the terminal" {
    local odd=$'l\e[31m'
    cp -r l "$odd"
    tiny_model $'m\e[31m'
    "$FERCLI" classify -m $'m\e[31m' --labelled "$odd" >"$W/report"
    cat "$W/report"
    grep -qF ' of l\x1b[31m, taken whole' "$W/report"
    grep -qF 'm\x1b[31m, checksum' "$W/report"
    run -1 grep -q $'\e' "$W/report"
}
