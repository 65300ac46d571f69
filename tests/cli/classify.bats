#!/usr/bin/env bats
# classify through the binary: rows, the model, evaluation, and what is refused.
load common

setup_file() {
    draw_folder "$BATS_FILE_TMPDIR/p"
    cd "$BATS_FILE_TMPDIR"
    tiny_model m
    mkdir crops
    draw crops/0.png 48 48 60
    draw crops/1.png 48 48 200 9 6 40 1
    draw crops/2.png 48 48 100 4 4 40 -1
    draw small.png 40 40 100
}

setup() {
    cd "$BATS_FILE_TMPDIR"
    W=$BATS_TEST_TMPDIR/w
    mkdir "$W"
}

header=path,face,x,y,width,height,score,label,confidence,angry,disgust,fear,happy,sad,surprise,neutral,status

# ---- rows ---------------------------------------------------------------------------------------------

@test "a folder gives a row for every face and every picture without one" {
    "$FERCLI" classify -m m p >"$W/rows" 2>"$W/errors" && false || [ $? -eq 1 ]
    [ "$(head -n 1 "$W/rows")" = "$header" ]
    [ "$(cut -d, -f1,2,17 "$W/rows" | tail -n +2)" = "p/a.png,0,ok
p/b.png,,no_face
p/cut.png,,unreadable
p/empty.jpg,,unreadable
p/sub/c.png,0,ok
p/sub/c.png,1,ok
p/text.png,,unreadable" ]
    grep -qx 'p/b.png,,,,,,,,,,,,,,,,no_face' "$W/rows"
    [ "$(wc -l <"$W/errors")" -eq 3 ]
}

@test "the boxes are those of detect" {
    "$FERCLI" classify -m m p/a.png p/sub | cut -d, -f1-7 >"$W/classify"
    [ "$(wc -l <"$W/classify")" -eq 4 ]
    "$FERCLI" detect p/a.png p/sub | cut -d, -f1-7 | cmp - "$W/classify"
}

@test "probabilities have four decimals, sum to one, and the largest gives label and confidence" {
    "$FERCLI" classify -m m crops p/a.png >"$W/rows"
    tail -n +2 "$W/rows" | awk -F, '
        BEGIN { split("angry disgust fear happy sad surprise neutral", name, " ") }
        {
            sum = 0; top = 1
            for (i = 1; i <= 7; i++) {
                if ($(i + 9) !~ /^[01]\.[0-9][0-9][0-9][0-9]$/) { print "not four decimals: " $0; exit 1 }
                sum += $(i + 9)
                if ($(i + 9) > $(top + 9)) top = i
            }
            if (sum < 0.999 || sum > 1.001 || $9 != $(top + 9) || $8 != name[top]) { print "wrong: " $0; exit 1 }
            seen++
        }
        END { exit seen != 4 }'
}

@test "a picture of the network's size is a face and is not searched" {
    run -0 "$FERCLI" classify -m m crops/0.png
    [[ ${lines[1]} = "crops/0.png,0,0,0,48,48,,"* ]]
    run -0 "$FERCLI" classify -m m --detect crops/0.png
    [[ ${lines[1]} = "crops/0.png,,,"*",no_face" ]]
    run -0 "$FERCLI" classify -m m small.png
    [[ ${lines[1]} = "small.png,,,"*",no_face" ]]
    run -0 "$FERCLI" classify -m m --no-detect p/a.png small.png
    [[ ${lines[1]} = "p/a.png,0,0,0,120,120,,"* ]]
    [[ ${lines[2]} = "small.png,0,0,0,40,40,,"* ]]
}

@test "a face's row does not depend on what else is in the run" {
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24; do
        echo crops/0.png crops/1.png p/sub crops/2.png p/b.png
    done | tr ' ' '\n' >"$W/list"
    "$FERCLI" classify -m m --files-from "$W/list" | tail -n +2 | sort -u >"$W/together"
    for input in crops/0.png crops/1.png crops/2.png p/sub p/b.png; do
        "$FERCLI" classify -m m "$input" | tail -n +2
    done | sort >"$W/alone"
    [ "$(wc -l <"$W/alone")" -eq 6 ]
    cmp "$W/alone" "$W/together"
}

@test "the number of threads changes nothing" {
    "$FERCLI" classify -m m --threads 1 p crops >"$W/one" 2>/dev/null || [ $? -eq 1 ]
    "$FERCLI" classify -m m --threads 2 p crops >"$W/two" 2>/dev/null || [ $? -eq 1 ]
    [ "$(wc -l <"$W/one")" -eq 11 ]
    cmp "$W/one" "$W/two"
}

@test "the columns keep their names whatever the order of the model's" {
    tiny_model "$W/r"
    tac m.names >"$W/r.names"
    "$FERCLI" classify -m m crops >"$W/rows"
    "$FERCLI" classify -m "$W/r" crops >"$W/reversed"
    [ "$(head -n 1 "$W/reversed")" = "$header" ]
    for i in 10 11 12 13 14 15 16; do
        [ "$(column "$i" "$W/rows")" = "$(column $((26 - i)) "$W/reversed")" ]
    done
    [ "$(column 9 "$W/rows")" = "$(column 9 "$W/reversed")" ]
    run -1 cmp -s "$W/rows" "$W/reversed"
}

@test "a model of other classes names its own columns" {
    tiny_model "$W/o"
    printf '%s\n' a b c d e f g >"$W/o.names"
    run -0 "$FERCLI" classify -m "$W/o" crops/0.png
    [ "${lines[0]}" = "path,face,x,y,width,height,score,label,confidence,a,b,c,d,e,f,g,status" ]
}

@test "jsonl has the same names" {
    run -1 --separate-stderr "$FERCLI" classify -m m --format jsonl crops/0.png p/b.png none.png
    p='[01]\.[0-9]{4}'
    [[ ${lines[0]} =~ ^\{\"path\":\"crops/0.png\",\"face\":0,\"x\":0,\"y\":0,\"width\":48,\"height\":48,\"score\":null,\"label\":\"[a-z]+\",\"confidence\":$p,\"angry\":$p,\"disgust\":$p,\"fear\":$p,\"happy\":$p,\"sad\":$p,\"surprise\":$p,\"neutral\":$p,\"status\":\"ok\"\}$ ]]
    [[ ${lines[1]} == '{"path":"p/b.png","face":null,'*'"label":null,'*'"status":"no_face"}' ]]
    [[ ${lines[2]} == *'"status":"unreadable"}' ]]
}

@test "--reject-below changes the label and nothing else" {
    "$FERCLI" classify -m m crops >"$W/rows"
    "$FERCLI" classify -m m --reject-below 1 crops >"$W/rejected"
    [ "$(column 8 "$W/rejected" | sort -u)" = uncertain ]
    [ "$(cut -d, -f1-7,9- "$W/rejected")" = "$(cut -d, -f1-7,9- "$W/rows")" ]
    "$FERCLI" classify -m m --reject-below 0.1 crops | cmp - "$W/rows"
}

@test "--tta averages with the mirrored face" {
    "$FERCLI" classify -m m crops >"$W/rows"
    "$FERCLI" classify -m m --tta crops >"$W/tta"
    [ "$(cut -d, -f1-6 "$W/tta")" = "$(cut -d, -f1-6 "$W/rows")" ]
    run -1 cmp -s "$W/tta" "$W/rows"
}

@test "--ten-crop averages over more views, --tta's among them" {
    "$FERCLI" classify -m m --tta crops >"$W/tta"
    "$FERCLI" classify -m m --ten-crop crops >"$W/ten"
    [ "$(cut -d, -f1-6 "$W/ten")" = "$(cut -d, -f1-6 "$W/tta")" ]
    run -1 cmp -s "$W/ten" "$W/tta"
    "$FERCLI" classify -m m --tta --ten-crop crops | cmp - "$W/ten"
}

@test "crops and marked pictures are written, and a crop classifies as its face did" {
    run -1 --separate-stderr "$FERCLI" classify -m m --crops "$W/c" --annotate "$W/a" p
    [ "$(ls "$W/c" | xargs)" = "p+a.png-0.png p+sub+c.png-0.png p+sub+c.png-1.png" ]
    [ "$(ls "$W/a" | xargs)" = "p+a.png-faces.png p+b.png-faces.png p+sub+c.png-faces.png" ]
    face=$(printf '%s\n' "${lines[@]}" | grep ^p/a.png | cut -d, -f8-)
    run -0 "$FERCLI" classify -m m "$W/c/p+a.png-0.png"
    [ "$(cut -d, -f8- <<<"${lines[1]}")" = "$face" ]
}

@test "--margin widens the crops and changes no prediction" {
    "$FERCLI" classify -m m p/a.png --crops "$W/c" >"$W/rows"
    "$FERCLI" classify -m m p/a.png --crops "$W/d" --margin 0.5 | cmp - "$W/rows"
    run -1 cmp -s "$W/c/p+a.png-0.png" "$W/d/p+a.png-0.png"
}

@test "odd names and lists are read as detect reads them" {
    mkdir "$W/odd"
    cp crops/0.png "$W/odd/a b,"$'\n\xff'.png
    find "$W/odd" -type f -print0 >"$W/list"
    run -0 "$FERCLI" classify -m m -0 --format jsonl - <"$W/list"
    [[ ${lines[0]} == *'/a b,\u000a\ufffd.png","path_hex":"'* ]]
    run -0 "$FERCLI" classify -m m - <<<crops/1.png
    [[ ${lines[1]} = "crops/1.png,0,"* ]]
}

@test "a closed pipe ends quietly, a full device does not" {
    yes crops/0.png | head -n 5000 >"$W/list"
    run --separate-stderr bash -c 'set -o pipefail; "$0" classify -m m --files-from "$1" | head -n 2' "$FERCLI" "$W/list"
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 2 ]
    [ -z "$stderr" ]
    [ -e /dev/full ] || skip "/dev/full is not there"
    refused 1 "cannot write '/dev/full': No space left on device" "$FERCLI" classify -m m -o /dev/full crops
    run -1 --separate-stderr bash -c '"$0" classify -m m crops >/dev/full' "$FERCLI"
    [ "$stderr" = "fercli: cannot write to standard output: No space left on device" ]
}

@test "an interruption leaves whole rows and status 130" {
    yes p/a.png | head -n 3000 >"$W/list"
    "$FERCLI" classify -m m --files-from "$W/list" >"$W/rows" &
    for ((i = 0; i < 200; i++)); do
        [ "$(wc -l <"$W/rows")" -gt 3 ] && break
        sleep 0.05
    done
    kill -INT $!
    wait $! && false || [ $? -eq 130 ]
    [ "$(wc -l <"$W/rows")" -lt 3000 ]
    [ "$(tail -n +2 "$W/rows" | sort -u | wc -l)" -eq 1 ]
    [[ $(tail -n 1 "$W/rows") == "p/a.png,0,"*",ok" ]]
}

# ---- the model ----------------------------------------------------------------------------------------

@test "the model is --model's, else FERCLI_MODEL's, else beside the binary, never the working directory's" {
    FERCLI_MODEL=$PWD/m run -0 "$FERCLI" classify crops/0.png
    row=${lines[1]}
    FERCLI_MODEL=none run -0 "$FERCLI" classify -m m crops/0.png
    [ "${lines[1]}" = "$row" ]
    FERCLI_MODEL=none refused 3 "none.cfg" "$FERCLI" classify crops/0.png
    mkdir -p "$W/tree/build" "$W/tree/models" "$W/here/models"
    cp "$FERCLI" "$W/tree/build/fercli"
    crop=$PWD/crops/0.png
    tiny_model "$W/tree/models/general"
    cd "$W/here"
    run -0 ../tree/build/fercli classify "$crop"
    [ "${lines[1]}" = "${row/crops*.png/$crop}" ]
    mv ../tree/models/* models
    run --separate-stderr ../tree/build/fercli --version
    [[ $output != *"$W/here"* ]]
    if [[ $output == *"model: none"* ]]; then
        refused 3 "there is neither '$(realpath "$W")/tree/models/general.weights' nor '" \
            ../tree/build/fercli classify "$crop"
    fi
}

@test "a model whose parts do not fit is refused: status 3" {
    for part in cfg weights names; do
        tiny_model "$W/x"
        rm "$W/x.$part"
        refused 3 "'$W/x.$part'" "$FERCLI" classify -m "$W/x" crops
    done
    tiny_model "$W/x"
    head -c 100 m.weights >"$W/x.weights"
    refused 3 "$W/x.weights" "$FERCLI" classify -m "$W/x" crops
    tiny_model "$W/x"
    head -n 6 m.names >"$W/x.names"
    refused 3 "6 names" "$FERCLI" classify -m "$W/x" crops
    tiny_model "$W/x"
    sed 's/output=7/output=seven/' m.cfg >"$W/x.cfg"
    refused 3 "$W/x.cfg:13" "$FERCLI" classify -m "$W/x" crops
    refused 3 "give the PREFIX of the three files, '$PWD/m'" "$FERCLI" classify -m "$PWD/m.weights" crops
}

@test "unknown keys of the cfg are noted once" {
    tiny_model "$W/x"
    sed 's/^batch=1/batch=1\ncolour=5/' m.cfg >"$W/x.cfg"
    run -0 --separate-stderr "$FERCLI" classify -m "$W/x" crops
    [[ $stderr == "fercli: $W/x.cfg:3: "*"colour"* ]]
    [ "${#stderr_lines[@]}" -eq 1 ]
    run -0 --separate-stderr "$FERCLI" classify -q -m "$W/x" crops
    [ -z "$stderr" ]
}

# ---- evaluation ---------------------------------------------------------------------------------------

# draw_labelled DIR: crops of three classes, four pictures in all; class folders match in any case.
draw_labelled() {
    mkdir -p "$1/Angry" "$1/happy" "$1/SAD/more"
    cp crops/0.png "$1/Angry/0.png"
    cp crops/1.png "$1/happy/1.png"
    cp crops/2.png "$1/happy/2.png"
    cp crops/1.png "$1/SAD/more/1.png"
}

@test "an output that cannot be written is refused before the work" {
    draw_labelled "$W/l"
    run -1 --separate-stderr "$FERCLI" classify -m m --labelled "$W/l" -o "$W/none/report"
    [[ $stderr == "fercli: cannot write '$W/none/report': No such file or directory" ]]
    cp "$W/l/happy/2.png" "$W/kept.png"
    run --separate-stderr "$FERCLI" classify -m m --labelled "$W/l" -o "$W/l/happy/2.png"
    [[ $status -ne 0 && $stderr == *"which is an input"* ]]
    cmp "$W/l/happy/2.png" "$W/kept.png"
}

@test "a labelled folder as one line of JSON" {
    draw_labelled "$W/l"
    run -0 --separate-stderr "$FERCLI" classify -m m --labelled "$W/l" --format jsonl
    [ "${#lines[@]}" -eq 1 ]
    for key in accuracy low high balanced_accuracy macro_f1 ece; do
        [[ $output =~ \"$key\":[01]\.[0-9]+[,}] ]]
    done
    [[ $output == *'"n":4,'* ]]
    row='\[[0-9]+(,[0-9]+){6}\]'
    [[ $output =~ \"confusion\":\[$row(,$row){6}\] ]]
    [[ $stderr == *"taken whole"* ]]
    if command -v jq >/dev/null; then
        # The confusion matrix agrees with the rows of a plain run.
        "$FERCLI" classify -m m "$W/l" >"$W/rows"
        hits=$(awk -F, '{ split($1, part, "/"); folder = tolower(part[length(part) - 1])
            if (folder == "more") folder = "sad"
            hits += folder == $8 } END { print hits + 0 }' "$W/rows")
        [ "$(jq '[.confusion[][]] | add' <<<"$output")" -eq 4 ]
        [ "$(jq -c '[.confusion[] | add]' <<<"$output")" = "[1,0,0,2,1,0,0]" ]
        [ "$(jq -r '.accuracy * 4 | round' <<<"$output")" -eq "$hits" ]
        [ "$(jq -r '[.classes[].name] | join(" ")' <<<"$output")" = "angry disgust fear happy sad surprise neutral" ]
    fi
}

@test "the report for people and the csv say the same" {
    draw_labelled "$W/l"
    run -0 --separate-stderr "$FERCLI" classify -m m --labelled "$W/l"
    for word in "accuracy  " "95 % interval" "balanced accuracy" "macro F1" "calibration error" "precision   recall" confusion; do
        [[ $output == *"$word"* ]]
    done
    accuracy=$(awk '$1 == "accuracy" { print $2 + 0 }' <<<"$output")
    "$FERCLI" classify -q -m m --labelled "$W/l" --format csv -o "$W/report.csv"
    [ "$(head -n 1 "$W/report.csv")" = "measure,class,predicted,value" ]
    [ "$(awk -F, '$1 == "accuracy" { print $4 + 0 }' "$W/report.csv")" = "$accuracy" ]
    [ "$(grep -c ^confusion "$W/report.csv")" -eq 49 ]
}

@test "--min-accuracy is a gate: status 4 below it" {
    draw_labelled "$W/l"
    run -4 --separate-stderr "$FERCLI" classify -m m --labelled "$W/l" --min-accuracy 1
    [[ $output == *"accuracy"* ]]
    [[ $stderr == *"below the 1.0000 asked for" ]]
    run -0 "$FERCLI" classify -m m --labelled "$W/l" --min-accuracy 0
}

@test "pictures that cannot be read are listed, and the rest is measured: status 1" {
    draw_labelled "$W/l"
    : >"$W/l/happy/empty.png"
    run -1 --separate-stderr "$FERCLI" classify -m m --labelled "$W/l" --format jsonl
    [[ $output == *'"n":4,'*'"unreadable":1,'* ]]
    [[ $stderr == *"$W/l/happy/empty.png"* ]]
}

@test "a labelled folder of photographs is searched, and one without a face left out" {
    mkdir -p "$W/l/happy" "$W/l/sad"
    cp p/a.png "$W/l/happy/a.png"
    cp p/sub/c.png "$W/l/sad/c.png"
    cp p/b.png "$W/l/sad/b.png"
    run -0 --separate-stderr "$FERCLI" classify -m m --labelled "$W/l" --format jsonl
    [[ $output == *'"n":2,"without_face":1,'* ]]
    [[ $stderr == *"$W/l/sad/b.png"* ]]
    [[ $stderr == *"largest face"* ]]
    run -0 --separate-stderr "$FERCLI" classify -m m --labelled "$W/l" --no-detect --format jsonl
    [[ $output == *'"n":3,"without_face":0,'* ]]
}

@test "FER-2013's CSV by split" {
    cd "$ROOT"
    needs "$CSV"
    m=$BATS_FILE_TMPDIR/m
    run -0 --separate-stderr "$FERCLI" classify -m "$m" --fer-csv "$CSV" --split PublicTest --format jsonl
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == *'"n":35,'* ]]
    public=$output
    run -0 "$FERCLI" classify -m "$m" --fer-csv "$CSV" --split PublicTest,PrivateTest --format jsonl
    [[ $output == *'"n":70,'* ]]
    for threads in 1 2; do
        run -0 "$FERCLI" classify -m "$m" --fer-csv "$CSV" --split PublicTest --format jsonl --threads "$threads"
        [ "$output" = "$public" ]
    done
}

@test "data that cannot be used: status 3" {
    mkdir -p "$W/wrong/hapy" "$W/none"
    cp crops/0.png "$W/wrong/hapy"
    refused 3 "angry, disgust, fear, happy, sad, surprise, neutral" "$FERCLI" classify -m m --labelled "$W/wrong"
    refused 3 "$W/none" "$FERCLI" classify -m m --labelled "$W/none"
    refused 3 "nowhere" "$FERCLI" classify -m m --labelled nowhere
    refused 3 "none.csv" "$FERCLI" classify -m m --fer-csv none.csv --split PublicTest
    printf 'emotion,pixels,Usage\n0,1 2 3,Training\n' >"$W/short.csv"
    refused 3 "$W/short.csv:2" "$FERCLI" classify -m m --fer-csv "$W/short.csv" --split PublicTest
}

# ---- refusals -----------------------------------------------------------------------------------------

@test "wrong usage: status 2, one line, nothing done" {
    refused 2 "no INPUT" "$FERCLI" classify -m m
    refused 2 "unknown option '--modle'; did you mean '--model'?" "$FERCLI" classify --modle m p
    refused 2 "'--model' needs a value: --model PREFIX" "$FERCLI" classify p -m
    refused 2 "--detect and --no-detect exclude each other" "$FERCLI" classify -m m --detect --no-detect p
    refused 2 "'1.5' is not a number from 0 to 1" "$FERCLI" classify -m m --reject-below 1.5 p
    refused 2 "'fast' is none of native, darknet" "$FERCLI" classify -m m --engine fast p
    refused 2 "--split needs --fer-csv" "$FERCLI" classify -m m --split PublicTest p
    refused 2 "--min-accuracy needs --fer-csv or --labelled" "$FERCLI" classify -m m --min-accuracy 0.5 p
    refused 2 "--fer-csv needs --split" "$FERCLI" classify -m m --fer-csv x.csv
    refused 2 "Test" "$FERCLI" classify -m m --fer-csv x.csv --split Test
    refused 2 "--fer-csv and --labelled exclude each other" "$FERCLI" classify -m m --fer-csv x --split PublicTest --labelled y
    refused 2 "no INPUT such as 'p'" "$FERCLI" classify -m m --labelled y p
    refused 2 "--crops does not go with --labelled" "$FERCLI" classify -m m --labelled y --crops z
    refused 2 "--reject-below does not go with" "$FERCLI" classify -m m --labelled y --reject-below 0.5
    refused 2 "--detect does not go with --fer-csv" "$FERCLI" classify -m m --fer-csv x --split PublicTest --detect
    refused 2 "--split is about --fer-csv" "$FERCLI" classify -m m --labelled y --split PublicTest
}

@test "an option that an evaluation would not read is refused" {
    for option in --max-pixels=9 --crop-size=9 --margin=1 --try-rotations --files-from=x --null --shard=1/2 --annotate=x; do
        refused 2 "${option%=*} does not go with --labelled" "$FERCLI" classify -m m --labelled y "$option"
        refused 2 "${option%=*} does not go with --fer-csv" \
            "$FERCLI" classify -m m --fer-csv x --split PublicTest "$option"
    done
    for option in --cascade=x --scale-factor=1.2 --min-neighbors=3 --min-size=9 --largest; do
        refused 2 "${option%=*} does not go with --fer-csv: its pictures are faces already" \
            "$FERCLI" classify -m m --fer-csv x --split PublicTest "$option"
        refused 3 "'y'" "$FERCLI" classify -m m --labelled y "$option"
    done
}

@test "a cascade that is named must be there, even when no picture needs it" {
    refused 3 "'no.xml'" "$FERCLI" classify -m m --cascade no.xml crops
    run -0 "$FERCLI" classify -m m --cascade no.xml --no-detect crops
}

@test "test photographs: the rows of one thread and of two are the same" {
    cd "$ROOT"
    needs "$PHOTOS"
    m=$BATS_FILE_TMPDIR/m
    for threads in 1 2; do
        "$FERCLI" classify -m "$m" --threads "$threads" "$PHOTOS"/one-s* "$PHOTOS"/special-* \
            >"$W/$threads" 2>"$W/errors" && false || [ $? -eq 1 ]
    done
    cmp "$W/1" "$W/2"
    [ "$(wc -l <"$W/errors")" -eq 3 ]
    [ "$(grep -c "^$PHOTOS/one-[^,]*,0,.*,ok$" "$W/1")" -eq 3 ]
    [ "$(grep -c "^$PHOTOS/special-[^,]*,0,.*,ok$" "$W/1")" -eq 7 ]
}
