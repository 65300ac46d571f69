#!/usr/bin/env bats
# train-general --audit and --leave-out, classify --unseen: identical pictures in FER-2013's CSV. A row is drawn from
# three characters: its picture, its label and its split (T, V for PublicTest, P); a picture named by a capital is blank.
load common

# draw_rows ROW...: FER-2013's CSV.
draw_rows() {
    printf '%s\n' "$@" | awk '
        BEGIN { print "emotion,pixels,Usage"; usage["T"] = "Training"; usage["V"] = "PublicTest"; usage["P"] = "PrivateTest" }
        {
            value = 2 * index("abcdefghijklmnopqrstuvwxyz", tolower(substr($0, 1, 1)))
            line = substr($0, 2, 1) ","
            for (i = 0; i < 2304; i++)
                line = line (i ? " " : "") (i == 100 && substr($0, 1, 1) ~ /[a-z]/ ? 255 : value)
            print line "," usage[substr($0, 3, 1)]
        }'
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    draw_rows a0T A0T b1T b2T c3T c3T d4T e5T f6T g0T c3V A0V d5V h2V a0P i1P >rows.csv
    cat >tiny.cfg <<'CFG'
[net]
batch=2
height=48
width=48
channels=1
learning_rate=.01
max_batches=4

[maxpool]
size=16
stride=16
padding=0

[connected]
output=7
activation=linear

[softmax]
CFG
}

train() {
    "$FERCLI" train-general --fer-csv rows.csv --cfg tiny.cfg --epochs 1 --threads 1 --no-progress "$@"
}

@test "the audit counts classes, copies, conflicts and blanks" {
    run -0 --separate-stderr "$FERCLI" train-general --audit --fer-csv rows.csv
    [ -z "$stderr" ]
    [[ ${lines[0]} == "pictures "*" 16 of rows.csv" ]]
    row() { grep "^ *$1  " <<<"$output" | sed "s/^ *$1 *//" | tr -s ' '; }
    [ "$(row angry)" = "3 1 1 5" ]
    [ "$(row all)" = "10 4 2 16" ]
    [ "$(row 'different pictures')" = "8 4 2 10" ]
    [ "$(row 'groups of identical ones')" = "2 0 0 5" ]
    [ "$(row 'surplus copies')" = "2 0 0 6" ]
    [ "$(row 'groups of several labels')" = "1 0 0 2" ]
    [ "$(row 'blank (one value only)')" = "1 1 0 2" ]
    [[ $output == *"PublicTest in Training "*" 3                   1"* ]]
    [[ ${lines[-1]} == "blank rows, counted from 0: 1, 11" ]]
}

@test "results do not replace the CSV" {
    cp rows.csv kept.csv
    run -2 --separate-stderr "$FERCLI" train-general --audit --fer-csv rows.csv -o rows.csv
    [[ $stderr == *"the results would replace 'rows.csv', which is an input"* ]]
    run -2 "$FERCLI" train-general --fer-csv rows.csv --out m -o rows.csv
    run -2 "$FERCLI" classify --fer-csv rows.csv --split PrivateTest -o rows.csv
    run -2 "$FERCLI" finetune --user . --general-csv rows.csv --out m -o rows.csv
    cmp rows.csv kept.csv
}

@test "the CSV's name cannot drive the terminal" {
    cp rows.csv $'rows\e[31m.csv'
    "$FERCLI" train-general --audit --fer-csv $'rows\e[31m.csv' >report
    cat report
    grep -qF 'of rows\x1b[31m.csv' report
    run -1 grep -q $'\e' report
}

@test "jsonl and csv say the same" {
    run -0 --separate-stderr "$FERCLI" train-general --audit --fer-csv rows.csv --format jsonl
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == *'"Training":{"n":10,"classes":{"angry":3,'*'"distinct":8,"groups":2,"grouped":4,"surplus":2,"conflicting_groups":1,"conflicting":2,"blank":1}'* ]]
    [[ $output == *'{"of":"PublicTest","in":"Training","n":3,"labelled_otherwise":1,'* ]]
    [[ $output == *'"blank_rows":[1,11]}' ]]
    "$FERCLI" train-general --audit --fer-csv rows.csv --format csv -o rows
    [ "$(head -n 1 rows)" = measure,split,in,class,value ]
    for row in n,Training,,,10 distinct,all,,,10 copies,PublicTest,Training,,3 copies,PrivateTest,Training,angry,1 \
        labelled_otherwise,PublicTest,Training,,1; do
        grep -qx "$row" rows
    done
}

@test "FER-2013 itself: the figures that are known of it" {
    cd "$ROOT"
    needs ../shared/data/fer2013.csv.gz
    run -0 --separate-stderr "$FERCLI" train-general --audit --fer-csv ../shared/data/fer2013.csv.gz --format jsonl
    figures='"distinct":27473,"groups":1035,"grouped":2271,"surplus":1236,"conflicting_groups":39,"conflicting":107,"blank":11}'
    [[ $output == *'"Training":{"n":28709,"classes":{"angry":3995,"disgust":436,"fear":4097,"happy":7215,"sad":4830,"surprise":3171,"neutral":4965},'"$figures"* ]]
    [[ $output == *'"distinct":34034,"groups":1516,'*'"conflicting_groups":57,'*'"blank":12}'* ]]
    [[ $output == *'"of":"PublicTest","in":"Training","n":280,"labelled_otherwise":13,"classes":{"angry":29,"disgust":15,"fear":47,"happy":29,"sad":27,"surprise":114,"neutral":19}'* ]]
    [[ $output == *'"of":"PrivateTest","in":"Training","n":288,"labelled_otherwise":15,'* ]]
    [[ $output == *'"of":"PrivateTest","in":"PublicTest","n":44,"labelled_otherwise":2,'* ]]
    [[ $output == *'"blank_rows":[6458,7629,10423,11286,13148,13402,13988,15894,22198,22927,28601,30002]}' ]]
}

@test "--leave-out takes rows out of Training, and says how many" {
    run -0 --separate-stderr train --out m --leave-out blank,test-copies,conflicts,surplus
    [[ $stderr == *"left out of Training: 1 blank, 4 copies of test pictures, 2 with conflicting labels, 0 surplus copies"* ]]
    [[ $stderr == *"3 pictures to train on, 4 to select on"* ]]
    run -0 --separate-stderr train --out n --leave-out surplus
    [[ $stderr == *"0 with conflicting labels, 2 surplus copies"*"8 pictures to train on"* ]]
}

@test "what is left trains as a CSV without those rows, and another choice does not resume" {
    train --out m -q --leave-out conflicts,blank
    draw_rows a0T c3T c3T d4T e5T f6T g0T c3V A0V d5V h2V >rows.csv
    train --out n -q
    cmp m.weights n.weights
    cmp m.state n.state
    draw_rows a0T A0T b1T b2T c3T c3T d4T e5T f6T g0T c3V A0V d5V h2V a0P i1P >rows.csv
    train --out m -q --resume --leave-out blank,conflicts
    run -3 --separate-stderr train --out m -q --resume
    [[ $stderr == *"the number of training pictures differs (7 there, 10 here)"* ]]
}

@test "PrivateTest is read for test-copies only, and then its pixels alone" {
    train --out m -q --leave-out blank
    grep -v PrivateTest rows.csv >others.csv
    "$FERCLI" train-general --fer-csv others.csv --cfg tiny.cfg --epochs 1 --threads 1 -q --out n --leave-out blank
    cmp m.state n.state
    train --out o -q --leave-out test-copies
    sed -i 's/^0\(.*PrivateTest\)/6\1/' rows.csv
    train --out p -q --leave-out test-copies
    cmp o.state p.state
}

@test "--unseen evaluates on the rows whose picture is not in Training" {
    tiny_model m
    run -0 --separate-stderr "$FERCLI" classify -m m --fer-csv rows.csv --split PublicTest --unseen --format jsonl
    [[ $output == *'"n":1,'*'"left_out_seen":3,'* ]]
    "$FERCLI" classify -m m --fer-csv rows.csv --split PublicTest --unseen --format csv | grep -qx 'left_out_seen,,,3'
    run -0 --separate-stderr "$FERCLI" classify -m m --fer-csv rows.csv --split PublicTest,PrivateTest --unseen
    [[ $output == *"pictures           2, "*"left out           4 that are in Training too"* ]]
    draw_rows h2V i1P >others.csv
    "$FERCLI" classify -m m --fer-csv others.csv --split PublicTest,PrivateTest | grep -E '^[a-z]' | tail -n +3 >all
    "$FERCLI" classify -m m --fer-csv rows.csv --split PublicTest,PrivateTest --unseen | grep -E '^[a-z]' | tail -n +4 | cmp - all
    draw_rows a0T a0V >seen.csv
    refused 3 "'seen.csv' has no row of PublicTest that is not in Training too" \
        "$FERCLI" classify -m m --fer-csv seen.csv --split PublicTest --unseen
}

@test "wrong usage: status 2" {
    tiny_model m
    refused 2 "--audit needs --fer-csv" "$FERCLI" train-general --audit
    refused 2 "--out does not go with --audit" "$FERCLI" train-general --audit --fer-csv rows.csv --out m
    refused 2 "--fer-csv does not go with --train and --valid" \
        "$FERCLI" train-general --audit --fer-csv rows.csv --train . --valid .
    refused 2 "--leave-out does not go with --audit" "$FERCLI" train-general --audit --fer-csv rows.csv --leave-out blank
    for option in --cfg=x --names=x --init=x --epochs=3 --batch=8 --teacher=m --teacher-weight=.5 --resume --force; do
        refused 2 "${option%=*} does not go with --audit, which trains nothing" \
            "$FERCLI" train-general --audit --fer-csv rows.csv "$option"
    done
    refused 2 "--leave-out is for --fer-csv" "$FERCLI" train-general --train . --valid . --out x --leave-out blank
    refused 2 "'black' is none of blank, test-copies, conflicts, surplus" train --out x --leave-out blank,black
    refused 2 "'surplus' is named twice" train --out x --leave-out surplus,surplus
    refused 2 "--unseen needs --fer-csv" "$FERCLI" classify -m m --unseen .
    refused 2 "--unseen is about --fer-csv" "$FERCLI" classify -m m --unseen --labelled .
    refused 2 "--unseen leaves no row of Training" "$FERCLI" classify -m m --unseen --fer-csv rows.csv --split PublicTest,Training
}

@test "a csv that cannot be read: status 3" {
    refused 3 "none.csv" "$FERCLI" train-general --audit --fer-csv none.csv
    sed -i '3s/^./9/' rows.csv
    refused 3 "rows.csv:3: " "$FERCLI" train-general --audit --fer-csv rows.csv
}
