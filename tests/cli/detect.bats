#!/usr/bin/env bats
# detect through the binary: rows, formats, inputs, files made, and what is refused.
load common

setup_file() {
    draw_folder "$BATS_FILE_TMPDIR/p"
}

setup() {
    cd "$BATS_FILE_TMPDIR"
    W=$BATS_TEST_TMPDIR/w
    mkdir "$W"
}

# ---- rows ---------------------------------------------------------------------------------------------

@test "a folder gives a row for every picture, in byte order, and says what cannot be read" {
    run -1 --separate-stderr "$FERCLI" detect p
    [ "${lines[0]}" = "path,face,x,y,width,height,score,status" ]
    printf '%s\n' "${lines[@]:1}" >"$W/rows"
    [ "$(cut -d, -f1,2,8 "$W/rows")" = "p/a.png,0,ok
p/b.png,,no_face
p/cut.png,,unreadable
p/empty.jpg,,unreadable
p/sub/c.png,0,ok
p/sub/c.png,1,ok
p/text.png,,unreadable" ]
    [[ ${lines[2]} = "p/b.png,,,,,,,no_face" ]]
    [ "${#stderr_lines[@]}" -eq 3 ]
    for name in cut.png empty.jpg text.png; do
        [[ $stderr == *"'p/$name'"* ]]
    done
}

@test "the box is where the face was drawn" {
    run -0 "$FERCLI" detect p/a.png
    IFS=, read -r _ _ x y width height score _ <<<"${lines[1]}"
    ((x > 20 && x < 40 && y > 20 && y < 40 && width > 50 && width < 70 && height > 50 && height < 70))
    [[ $score =~ ^[0-9]+\.[0-9]{4}$ ]]
}

@test "faces come largest first, --largest keeps the first" {
    run -0 "$FERCLI" detect p/sub/c.png
    [ "${#lines[@]}" -eq 3 ]
    IFS=, read -r _ number _ _ first _ <<<"${lines[1]}"
    IFS=, read -r _ _ _ _ second _ <<<"${lines[2]}"
    [ "$number" -eq 0 ]
    ((first > second))
    row=${lines[1]}
    run -0 "$FERCLI" detect --largest p/sub/c.png
    [ "${#lines[@]}" -eq 2 ]
    [ "${lines[1]}" = "$row" ]
}

@test "the detector's options reach the detector" {
    run -0 "$FERCLI" detect --min-size 90 p/a.png
    [ "${lines[1]}" = "p/a.png,,,,,,,no_face" ]
    run -0 "$FERCLI" detect --min-neighbors 1000 p/a.png
    [ "${lines[1]}" = "p/a.png,,,,,,,no_face" ]
    run -0 "$FERCLI" detect p/a.png
    default=$output
    run -0 "$FERCLI" detect --scale-factor 1.5 --min-neighbors 1 p/a.png
    [ "$output" != "$default" ]
}

@test "the folder as given leads every path" {
    run -0 "$FERCLI" detect "$PWD/p/sub"
    [[ ${lines[1]} = "$PWD/p/sub/c.png,"* ]]
    run -0 "$FERCLI" detect p/sub/
    [[ ${lines[1]} = "p/sub/c.png,"* ]]
    run -0 "$FERCLI" detect ./p/a.png
    [[ ${lines[1]} = "./p/a.png,"* ]]
}

@test "rows keep the order and number of the inputs" {
    run -1 "$FERCLI" detect -q p/b.png p/sub p/text.png p/b.png nothing.png p/a.png
    [ "$(printf '%s\n' "${lines[@]}" | grep -v ^fercli | cut -d, -f1 | uniq | xargs)" = \
        "path p/b.png p/sub/c.png p/text.png p/b.png nothing.png p/a.png" ]
}

@test "jsonl has the same names and null where there is no face" {
    run -1 --separate-stderr "$FERCLI" detect --format jsonl p/a.png p/b.png nothing.png
    [[ ${lines[0]} =~ ^\{\"path\":\"p/a.png\",\"face\":0,\"x\":[0-9]+,\"y\":[0-9]+,\"width\":[0-9]+,\"height\":[0-9]+,\"score\":[0-9]+\.[0-9]{4},\"status\":\"ok\"\}$ ]]
    [ "${lines[1]}" = '{"path":"p/b.png","face":null,"x":null,"y":null,"width":null,"height":null,"score":null,"status":"no_face"}' ]
    [ "${lines[2]}" = '{"path":"nothing.png","face":null,"x":null,"y":null,"width":null,"height":null,"score":null,"status":"unreadable"}' ]
    [ "${#lines[@]}" -eq 3 ]
}

@test "a table is aligned" {
    run -0 "$FERCLI" detect --format table p/b.png p/sub/c.png
    [[ ${lines[0]} =~ ^"path         face      x" ]]
    [[ ${lines[1]} =~ ^"p/b.png         -      -" ]]
    [[ ${lines[2]} =~ ^"p/sub/c.png     0 " ]]
}

@test "the number of threads changes nothing" {
    "$FERCLI" detect --threads 1 -q p >"$W/one" 2>/dev/null || true
    "$FERCLI" detect --threads 2 -q p >"$W/two" 2>/dev/null || true
    [ -s "$W/one" ]
    cmp "$W/one" "$W/two"
}

# ---- inputs -------------------------------------------------------------------------------------------

odd_names=("a b.png" "comma,.png" 'quote".png' $'new\nline.png' $'bytes\xff\xfe.png' "-dash.png" "umlaut-ä.png")

make_odd_names() {
    mkdir "$W/odd"
    for name in "${odd_names[@]}"; do
        cp p/b.png "$W/odd/$name"
    done
    cd "$W/odd"
}

@test "odd names are quoted in csv, byte for byte" {
    make_odd_names
    "$FERCLI" detect -- "${odd_names[@]}" >"$W/rows"
    {
        echo "path,face,x,y,width,height,score,status"
        printf '%s,,,,,,,no_face\n' "a b.png" '"comma,.png"' '"quote"".png"' $'"new\nline.png"' $'bytes\xff\xfe.png' \
            "-dash.png" "umlaut-ä.png"
    } | cmp - "$W/rows"
}

@test "odd names make valid UTF-8 in jsonl, with the bytes in path_hex" {
    make_odd_names
    "$FERCLI" detect --format jsonl . >"$W/rows"
    [ "$(wc -l <"$W/rows")" -eq 7 ]
    iconv -f UTF-8 -t UTF-8 "$W/rows" >/dev/null
    grep -qF '{"path":"./quote\".png",' "$W/rows"
    grep -qF '{"path":"./new\u000aline.png",' "$W/rows"
    grep -qF '{"path":"./umlaut-ä.png",' "$W/rows"
    grep -qF '{"path":"./bytes\ufffd\ufffd.png","path_hex":"2e2f6279746573fffe2e706e67",' "$W/rows"
    [ "$(grep -c path_hex "$W/rows")" -eq 1 ]
    if command -v jq >/dev/null; then
        [ "$(jq -r .status "$W/rows" | sort -u)" = no_face ]
    fi
}

@test "a list on standard input is read line by line, folders included" {
    printf 'p/a.png\n\np/sub\nnothing here.png' >"$W/list"
    "$FERCLI" detect - <"$W/list" >"$W/rows" 2>"$W/errors" && false || [ $? -eq 1 ]
    [ "$(column 1 "$W/rows" | uniq)" = "p/a.png
p/sub/c.png
nothing here.png" ]
    grep -q "'nothing here.png'" "$W/errors"
    run -1 "$FERCLI" detect -q --files-from "$W/list" p/b.png
    [[ ${lines[1]} = "p/b.png,"* ]]
    [[ ${lines[2]} = "p/a.png,"* ]]
    run -1 "$FERCLI" detect -q --files-from - <"$W/list"
    [[ ${lines[1]} = "p/a.png,"* ]]
}

@test "-0 reads names with newlines" {
    make_odd_names
    find . -type f -print0 | sort -z >"$W/list"
    "$FERCLI" detect -0 - <"$W/list" >"$W/rows"
    grep -qF './a b.png,,' "$W/rows"
    grep -qF 'line.png",,' "$W/rows"
    "$FERCLI" detect --null --files-from "$W/list" | cmp - "$W/rows"
    # The same list without -0 is one line with NUL bytes: said so, once.
    run -1 --separate-stderr "$FERCLI" detect - <"$W/list"
    [[ $stderr == *"NUL bytes in it: add -0" ]]
}

@test "an empty list is a header and a note" {
    run -0 --separate-stderr "$FERCLI" detect - </dev/null
    [ "$output" = "path,face,x,y,width,height,score,status" ]
    [ "$stderr" = "fercli: the list of paths is empty" ]
}

@test "what cannot be found has its row and its message" {
    run -1 --separate-stderr "$FERCLI" detect nothing.png --files-from no-list
    [ "${lines[1]}" = "nothing.png,,,,,,,unreadable" ]
    [ "${lines[2]}" = "no-list,,,,,,,unreadable" ]
    [ "${stderr_lines[0]}" = "fercli: cannot open 'nothing.png': No such file or directory" ]
    [ "${stderr_lines[1]}" = "fercli: cannot open the list 'no-list': No such file or directory" ]
    run -1 --separate-stderr "$FERCLI" detect --files-from $'no\nlist\e[2J\xff'
    [ "$stderr" = "fercli: cannot open the list 'no?list?[2J\\xff': No such file or directory" ]
}

@test "a folder without a picture has its row and its message" {
    mkdir -p "$W/none/below"
    touch "$W/none/notes.txt"
    run -1 --separate-stderr "$FERCLI" detect -v "$W/none"
    [ "${lines[1]}" = "$W/none,,,,,,,unreadable" ]
    [[ $stderr == *"passed over '$W/none/notes.txt'"* ]]
    [[ $stderr == *"no picture in the folder '$W/none'"* ]]
}

@test "a folder below that cannot be read has its row, and everything else stays" {
    mkdir -p "$W/in/closed"
    cp p/b.png "$W/in/b.png"
    cp p/b.png "$W/in/closed/hidden.png"
    cp p/b.png "$W/in/z.png"
    ln -s "$(printf 'n%.0s' {1..300})" "$W/in/long"
    run -1 --separate-stderr "$FERCLI" detect "$W/in"
    [ "$(printf '%s\n' "${lines[@]:1}")" = "$W/in/b.png,,,,,,,no_face
$W/in/closed/hidden.png,,,,,,,no_face
$W/in/long,,,,,,,unreadable
$W/in/z.png,,,,,,,no_face" ]
    [ "$stderr" = "fercli: cannot read '$W/in/long': File name too long" ]
    rm "$W/in/long"
    chmod 0 "$W/in/closed"
    # To root nothing is closed, unless it gives up its capabilities.
    plainly=()
    [ "$(id -u)" -ne 0 ] || plainly=(setpriv --bounding-set=-all --inh-caps=-all)
    "${plainly[@]}" true || skip "root cannot give up its capabilities here"
    run -1 --separate-stderr "${plainly[@]}" "$FERCLI" detect "$W/in"
    chmod 755 "$W/in/closed"
    [ "$(printf '%s\n' "${lines[@]:1}")" = "$W/in/b.png,,,,,,,no_face
$W/in/closed,,,,,,,unreadable
$W/in/z.png,,,,,,,no_face" ]
    [ "$stderr" = "fercli: cannot read the folder '$W/in/closed': Permission denied" ]
}

@test "other formats of picture have the same rows" {
    draw "$W/a.pgm" 120 120 128 30 30 60 1
    cp "$W/a.pgm" "$W/b.tiff" # what counts is the content
    run -0 "$FERCLI" detect p/a.png
    box=${lines[1]#p/a.png}
    run -0 "$FERCLI" detect "$W"
    [ "${lines[1]}" = "$W/a.pgm$box" ]
    [ "${lines[2]}" = "$W/b.tiff$box" ]
}

@test "a damaged file of each format has one row and one line" {
    printf 'RIFF\x08\0\0\0WEBP' >"$W/a.webp"
    printf 'II*\0\x08\0\0\0' >"$W/b.tif"
    printf '\0\0\0\x10ftypheic\0\0\0\0' >"$W/c.heic"
    printf '\0\0\0\x10ftypavif\0\0\0\0' >"$W/d.avif"
    printf 'GIF89a\x01' >"$W/e.gif"
    printf 'BM0000000000000(\0\0\0' >"$W/f.bmp"
    printf 'P6 1 1 255\n' >"$W/g.ppm"
    run -1 --separate-stderr "$FERCLI" detect "$W"
    [ "${#lines[@]}" -eq 8 ]
    [ "${#stderr_lines[@]}" -eq 7 ]
    for name in a.webp b.tif c.heic d.avif e.gif f.bmp g.ppm; do
        [[ $output == *"$W/$name,,,,,,,unreadable"* ]]
        [[ $stderr == *"fercli: cannot read '$W/$name': "* ]]
    done
}

@test "--max-pixels makes a larger picture unreadable, and says so" {
    run -1 --separate-stderr "$FERCLI" detect --max-pixels 14400 p/a.png p/sub/c.png
    [[ ${lines[1]} = "p/a.png,0,"*",ok" ]]
    [ "${lines[2]}" = "p/sub/c.png,,,,,,,unreadable" ]
    [ "$stderr" = "fercli: cannot read 'p/sub/c.png': 200x120 pixels are more than the limit of 14400" ]
}

@test "a file named by the user is taken whatever its name" {
    cp p/b.png "$W/picture.dat"
    run -0 "$FERCLI" detect "$W/picture.dat"
    [[ ${lines[1]} == *",no_face" ]]
    run -1 "$FERCLI" detect -q p/notes.txt
    [[ $output == *",unreadable"* ]]
}

# ---- output -------------------------------------------------------------------------------------------

@test "-o writes a whole file, and leaves the old one when it cannot" {
    "$FERCLI" detect p/a.png >"$W/expected"
    run -0 "$FERCLI" detect -o "$W/out.csv" p/a.png
    [ -z "$output" ]
    cmp "$W/out.csv" "$W/expected"
    refused 1 "cannot write '$W/none/out.csv'" "$FERCLI" detect -o "$W/none/out.csv" p/a.png
    refused 1 "it is a directory" "$FERCLI" detect -o "$W" p/a.png
    [ "$(ls "$W" | xargs)" = "expected out.csv" ]
}

@test "a full device is noticed" {
    [ -e /dev/full ] || skip "/dev/full is not there"
    refused 1 "cannot write '/dev/full': No space left on device" "$FERCLI" detect -o /dev/full p/a.png
    run -1 --separate-stderr bash -c '"$0" detect p/a.png >/dev/full' "$FERCLI"
    [ "$stderr" = "fercli: cannot write to standard output: No space left on device" ]
    [ -c /dev/full ]
}

@test "without a standard error messages do not end up in the results" {
    "$FERCLI" detect -o "$W/with.csv" p 2>/dev/null && false || [ $? -eq 1 ]
    "$FERCLI" detect -o "$W/without.csv" p 2>&- && false || [ $? -eq 1 ]
    cmp "$W/with.csv" "$W/without.csv"
}

@test "a closed pipe ends quietly" {
    yes p/b.png | head -n 500 >"$W/list"
    run --separate-stderr bash -c 'set -o pipefail; "$0" detect --files-from "$1" | head -n 2' "$FERCLI" "$W/list"
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 2 ]
    [ -z "$stderr" ]
}

@test "an interruption leaves whole rows and status 130" {
    yes p/a.png | head -n 3000 >"$W/list"
    "$FERCLI" detect --files-from "$W/list" -o "$W/whole.csv" >"$W/rows" &
    first=$!
    "$FERCLI" detect --files-from "$W/list" >"$W/rows" &
    second=$!
    for ((i = 0; i < 200; i++)); do
        [ "$(wc -l <"$W/rows")" -gt 3 ] && break
        sleep 0.05
    done
    kill -INT "$first" "$second"
    wait "$first" && false || [ $? -eq 130 ]
    wait "$second" && false || [ $? -eq 130 ]
    for rows in rows whole.csv; do
        [ "$(wc -l <"$W/$rows")" -lt 3000 ]
        [ "$(tail -n +2 "$W/$rows" | sort -u | wc -l)" -eq 1 ]
        [[ $(tail -n 1 "$W/$rows") == "p/a.png,0,"*",ok" ]]
    done
}

# Rows that no reader takes fill the pipe, and the program waits in a write.
@test "an interruption loses no row that a slow reader has not taken" {
    yes p/nothing.png | head -n 5000 >"$W/list"
    mkfifo "$W/pipe"
    "$FERCLI" detect --files-from "$W/list" >"$W/pipe" 2>"$W/errors" &
    exec {from}<"$W/pipe"
    until [ "${before:-0}" -gt 0 ] && [ "$(stat -c %s "$W/errors")" -eq "$before" ]; do
        before=$(stat -c %s "$W/errors")
        sleep 0.3
    done
    kill -INT $!
    sleep 0.1
    cat <&"$from" >"$W/rows"
    wait $! && false || [ $? -eq 130 ]
    [ "$(sort -u "$W/errors")" = "fercli: cannot open 'p/nothing.png': No such file or directory" ]
    [ "$(tail -n +2 "$W/rows" | sort -u)" = p/nothing.png,,,,,,,unreadable ]
    [ "$(tail -n +2 "$W/rows" | wc -l)" -eq "$(wc -l <"$W/errors")" ]
}

# png_size FILE: WIDTH HEIGHT DEPTH COLOUR-TYPE
png_size() {
    od -An -tu1 -j16 -N10 "$1" | awk '{ print $3 * 256 + $4, $7 * 256 + $8, $9, $10 }'
}

@test "--crops writes a grey 48x48 PNG a face, and two pictures of one name do not collide" {
    mkdir "$W/x" "$W/y"
    cp p/a.png "$W/x/same.png"
    cp p/sub/c.png "$W/y/same.png"
    cd "$W"
    run -0 "$FERCLI" detect --crops new/folder x/same.png y
    [ "$(ls new/folder | xargs)" = "x+same.png-0.png y+same.png-0.png y+same.png-1.png" ]
    for crop in new/folder/*; do
        [ "$(png_size "$crop")" = "48 48 8 0" ]
    done
    "$FERCLI" detect --crops wide --crop-size 96 --margin 0.3 x/same.png
    [ "$(png_size wide/x+same.png-0.png)" = "96 96 8 0" ]
    "$FERCLI" detect --crops narrow --crop-size 96 x/same.png
    run -1 cmp -s wide/x+same.png-0.png narrow/x+same.png-0.png
}

@test "--annotate writes every picture that could be read" {
    run -1 "$FERCLI" detect -q --annotate "$W/marked" p
    [ "$(ls "$W/marked" | xargs)" = "p+a.png-faces.png p+b.png-faces.png p+sub+c.png-faces.png" ]
    [ "$(png_size "$W/marked/p+a.png-faces.png")" = "120 120 8 2" ]
}

# A large JPEG is searched at a smaller scale, but marked at its own.
@test "a picture too large to be annotated keeps its row, and the others follow" {
    draw "$W/big.jpg" 800 600 128 100 100 400 1
    tiny_model "$W/m"
    for command in detect "classify -m $W/m"; do
        rm -rf "$W/marked"
        run -1 --separate-stderr "$FERCLI" $command --min-size 96 --max-pixels 100000 --annotate "$W/marked" \
            "$W/big.jpg" p/b.png
        [ "$stderr" = "fercli: not annotated: cannot read '$W/big.jpg': 800x600 pixels are more than the limit of 100000" ]
        [[ ${lines[1]} = "$W/big.jpg,0,"*",ok" ]]
        [[ ${lines[2]} = "p/b.png,"*",no_face" ]]
        [ "$(ls "$W/marked")" = "p+b.png-faces.png" ]
    done
}

@test "an annotated picture that cannot be written ends the run" {
    mkdir -p "$W/marked/p+a.png-faces.png"
    refused 1 "cannot write '$W/marked/p+a.png-faces.png'" \
        "$FERCLI" detect --threads 1 -o "$W/rows" --annotate "$W/marked" p/a.png p/b.png
    [ "$(wc -l <"$W/rows")" -eq 1 ]
}

@test "a folder that cannot be made ends the command before it begins" {
    refused 1 "cannot make the folder 'p/a.png'" "$FERCLI" detect --crops p/a.png p/a.png
    refused 1 "cannot make the folder 'p/a.png'" "$FERCLI" detect --annotate p/a.png/x p/a.png
}

@test "an option without effect is noted" {
    run -0 --separate-stderr "$FERCLI" detect --crop-size 96 p/b.png
    [ "$stderr" = "fercli: --crop-size does nothing without --crops" ]
    run -0 --separate-stderr "$FERCLI" detect -q --crop-size 96 p/b.png
    [ -z "$stderr" ]
}

# ---- refusals -----------------------------------------------------------------------------------------

@test "wrong usage: status 2, one line, nothing done" {
    refused 2 "no INPUT" "$FERCLI" detect
    refused 2 "unknown option '--lagest'; did you mean '--largest'?" "$FERCLI" detect --lagest p
    refused 2 "unknown option '-Q'" "$FERCLI" detect -Q p
    refused 2 "'--crops' needs a value: --crops DIR" "$FERCLI" detect p --crops
    refused 2 "'--crops' needs a value before '--largest'" "$FERCLI" detect --crops --largest p
    refused 2 "'--output': its value FILE is empty" "$FERCLI" detect -o "" p
    refused 2 "'--largest' takes no value" "$FERCLI" detect --largest=yes p
    refused 2 "'--crop' could be any of" "$FERCLI" detect --crop x p
    refused 2 "'0' is not a whole number from 1 to 16384" "$FERCLI" detect --min-size 0 p
    refused 2 "'0' is not a whole number from 1 to 268435456" "$FERCLI" detect --max-pixels 0 p
    refused 2 "'24.5' is not a whole number" "$FERCLI" detect --min-size 24.5 p
    refused 2 "'1' is not a number from 1.01 to 10" "$FERCLI" detect --scale-factor 1 p
    refused 2 "'nan' is not a number" "$FERCLI" detect --margin nan p
    refused 2 "'-1' is not a whole number" "$FERCLI" detect --threads -1 p
    refused 2 "'xml' is none of auto, csv, jsonl, table" "$FERCLI" detect --format xml p
    refused 2 "--quiet and --verbose exclude each other" "$FERCLI" detect -qv p
    refused 2 "standard input ('-') is named more than once" "$FERCLI" detect - --files-from -
    refused 2 "'--null' (-0) is about a list" "$FERCLI" detect -0 p
}

@test "a cascade that is missing or none: status 3" {
    refused 3 "'no.xml'" "$FERCLI" detect --cascade no.xml p
    refused 3 "'p/notes.txt'" "$FERCLI" detect --cascade p/notes.txt p
}

# turn_clockwise FROM TO: a PGM by a quarter.
turn_clockwise() {
    perl -e '
        local $/;
        open my $in, "<:raw", $ARGV[0] or die;
        my ($width, $height, $pixels) = <$in> =~ /^P5 (\d+) (\d+) 255\n(.*)$/s or die;
        open my $out, ">:raw", $ARGV[1] or die;
        print $out "P5 $height $width 255\n";
        for my $x (0 .. $width - 1) {
            print $out map { substr $pixels, $_ * $width + $x, 1 } reverse 0 .. $height - 1;
        }' "$1" "$2"
}

@test "--try-rotations finds faces that lie on their side, and tells where they are" {
    draw "$W/upright.pgm" 200 120 128 20 30 60 1
    turn_clockwise "$W/upright.pgm" "$W/right.pgm"
    turn_clockwise "$W/right.pgm" "$W/down.pgm"
    turn_clockwise "$W/down.pgm" "$W/left.pgm"
    draw "$W/empty.pgm" 90 60 90
    run -0 "$FERCLI" detect --format csv "$W/right.pgm" "$W/left.pgm"
    [ "$(grep -c no_face <<<"$output")" -eq 2 ]

    run -0 "$FERCLI" detect --format csv --try-rotations --crops "$W/crops" \
        "$W/upright.pgm" "$W/right.pgm" "$W/left.pgm" "$W/empty.pgm"
    [ "$(wc -l <<<"$output")" -eq 5 ]
    grep -q 'empty.pgm,.*no_face' <<<"$output"
    IFS=, read -r _ _ x y width height _ < <(grep upright <<<"$output")
    # A quarter clockwise takes (x, y) of a picture of 120 rows to (120 - y, x).
    grep -q "right.pgm,0,$((120 - y - height)),$x,$height,$width," <<<"$output"
    grep -q "left.pgm,0,$y,$((200 - x - width)),$height,$width," <<<"$output"
    # The crops are upright.
    [ "$(ls "$W/crops" | wc -l)" -eq 3 ]
    [ "$(cat "$W"/crops/* | wc -c)" -eq $((3 * $(cat "$W"/crops/*+upright.* | wc -c))) ]
    for side in right left; do cmp "$W"/crops/*+upright.* "$W"/crops/*+$side.*; done
}

# ---- photographs --------------------------------------------------------------------------------------

@test "test photographs: one face on each portrait, none without people, three files unreadable" {
    cd "$ROOT"
    needs "$PHOTOS"
    "$FERCLI" detect "$PHOTOS" >"$W/rows" 2>"$W/errors" && false || [ $? -eq 1 ]
    [ "$(grep -c "^$PHOTOS/one-[^,]*,0,.*,ok$" "$W/rows")" -eq 18 ]
    [ "$(grep -c "^$PHOTOS/one-" "$W/rows")" -eq 18 ]
    [ "$(grep -c "^$PHOTOS/none-[^,]*,,,,,,,no_face$" "$W/rows")" -eq 8 ]
    [ "$(grep -c "^$PHOTOS/none-" "$W/rows")" -eq 8 ]
    [ "$(grep ,unreadable "$W/rows" | cut -d, -f1 | xargs -n 1 basename | xargs)" = \
        "special-empty.jpg special-text.png special-truncated.jpg" ]
    [ "$(wc -l <"$W/errors")" -eq 3 ]
    for name in empty.jpg text.png truncated.jpg; do
        grep -q "'$PHOTOS/special-$name'" "$W/errors"
    done
    # Upright by EXIF: nearly the same box as in the picture that was never turned, whose pixels differ a little.
    awk -F, '/special-exif6/ { for (i = 3; i <= 6; i++) turned[i] = $i }
            /one-grace-hopper/ { for (i = 3; i <= 6; i++) straight[i] = $i }
            END { for (i = 3; i <= 6; i++) if (straight[i] < 100 || (turned[i] - straight[i]) ^ 2 > 4) exit 1 }' "$W/rows"
}

@test "test photographs: at least 50 of 63 faces in groups, at most 3 false boxes" {
    cd "$ROOT"
    needs "$PHOTOS"
    scripts/count-faces --photos "$PHOTOS" >"$W/count"
    grep -qx 'none 8 0 0 0 0' "$W/count"
    grep -qx 'one 18 18 18 0 18' "$W/count"
    read -r _ _ faces hits false _ < <(grep ^many "$W/count")
    [ "$faces" -eq 63 ] && [ "$hits" -ge 50 ] && [ "$false" -le 3 ]
}

@test "results take no input's place" {
    draw "$W/a.png" 60 60 128
    ln "$W/a.png" "$W/b.png"
    cp "$W/a.png" "$W/kept.png"
    echo "$W/a.png" >"$W/list"
    for file in a.png b.png list; do
        run -2 --separate-stderr "$FERCLI" detect --files-from "$W/list" -o "$W/$file"
        [ "$stderr" = "fercli: the results would replace '$W/$file', which is an input" ]
    done
    for stream in "-" --stream; do
        run -2 --separate-stderr "$FERCLI" detect "$stream" --crops "$W/crops" -o "$W/list" <"$W/list"
        [[ $stderr == *"which is an input" ]]
    done
    run -2 "$FERCLI" detect --stream-mjpeg "$W/a.png" -o "$W/a.png"
    [ ! -e "$W/crops" ]
    cmp "$W/a.png" "$W/kept.png"
    "$FERCLI" detect -q "$W/a.png" -o "$W/new.csv"
    "$FERCLI" detect -q "$W/a.png" -o "$W/new.csv"
}

@test "a file that is standard output, by whatever name, is written on, not replaced" {
    draw "$W/a.png" 60 60 128
    for name in /dev/stdout "$W/out"; do
        (
            echo before
            "$FERCLI" detect -q "$W/a.png" -o "$name" --format csv
            echo after
        ) >"$W/out"
        cat "$W/out"
        [ "$(wc -l <"$W/out")" -eq 4 ]
        [ "$(sed -n '1p;4p' "$W/out" | xargs)" = "before after" ]
    done
}
