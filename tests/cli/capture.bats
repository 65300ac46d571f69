#!/usr/bin/env bats
# scripts/capture-user: what it asks ffmpeg for, which faces it leaves, refusals.

load common

# Stands in for ffmpeg: writes its arguments and, for the frames asked for, two pictures with a face and one without.
stand_in() {
    mkdir -p "$W/bin"
    draw "$W/face.png" 160 120 128 40 20 80 1
    draw "$W/none.png" 160 120 128
    cat >"$W/bin/ffmpeg" <<SH
#!/bin/sh
echo "\$*" >>"$W/calls"
for last; do :; done
[ ! -e "$W/broken" ] || exit 1
for n in 1 2; do cp "$W/face.png" "\$(printf "\$last" \$n)"; done
cp "$W/none.png" "\$(printf "\$last" 3)"
SH
    chmod +x "$W/bin/ffmpeg"
    PATH=$W/bin:$PATH
}

setup() {
    cd "$ROOT" || return 1
    W=$(mktemp -d "${TMPDIR:-/tmp}/capture.XXXXXX")
    tiny_model "$W/m"
    export FERCLI
}

teardown() {
    rm -rf "$W"
}

@test "a film yields a folder for each class, with crops of the network's size" {
    stand_in
    : >"$W/film.mp4"
    run -0 --separate-stderr scripts/capture-user --video "$W/film.mp4" --model "$W/m" --takes 2 --seconds 4 "$W/me"
    [ "$(ls "$W/me" | tr '\n' ' ')" = "angry disgust fear happy neutral sad surprise " ]
    [ "$(ls "$W/me/happy" | tr '\n' ' ')" = "happy-1-01.png happy-1-02.png happy-2-01.png happy-2-02.png " ]
    [ "$(wc -l <"$W/calls")" -eq 14 ]
    grep -q -- "-ss 0 -i $W/film.mp4 -t 4 -vf fps=2" "$W/calls"
    grep -q -- "-ss 52 -i $W/film.mp4 -t 4" "$W/calls"
    [[ $stderr == *"28 faces are in '$W/me'"* ]]
    [[ $output == *"finetune --user $W/me --group-by name --out me" ]]
    # width and height, at bytes 16 to 23 of a PNG
    [ "$(od -An -tx1 -j16 -N8 "$W/me/sad/sad-1-01.png" | tr -d ' ')" = 0000003000000030 ]
}

@test "finetune takes what was captured, a group for each take" {
    stand_in
    : >"$W/film.mp4"
    scripts/capture-user --video "$W/film.mp4" --model "$W/m" --takes 1 "$W/me" >/dev/null 2>&1
    run -0 "$FERCLI" finetune --user "$W/me" --model "$W/m" --out "$W/t" --threads 1 --epochs 2 -q --report "$W/r.json"
    [ "$(jq .n_user "$W/r.json")" = 14 ]
}

@test "the camera is asked for, takes are numbered on, and Enter begins one" {
    stand_in
    yes '' | scripts/capture-user --camera /dev/none --model "$W/m" --takes 2 "$W/me" >/dev/null 2>&1
    yes '' | scripts/capture-user --camera /dev/none --model "$W/m" --takes 1 "$W/me" >/dev/null 2>"$W/asked"
    grep -q -- "-f v4l2 -i /dev/none -t 3" "$W/calls"
    grep -q "look SURPRISE, then press Enter" "$W/asked"
    [ -e "$W/me/fear/fear-3-02.png" ]
}

@test "what cannot work is refused" {
    stand_in
    run -2 scripts/capture-user
    run -2 scripts/capture-user --takes 0 "$W/me"
    run -2 scripts/capture-user --colour "$W/me"
    run -2 scripts/capture-user "$W/me" "$W/you"
    run -1 scripts/capture-user --model "$W/none" "$W/me"
    [[ $output == *"no model '$W/none'"* ]]
    run -1 scripts/capture-user --model "$W/m" --video "$W/none.mp4" "$W/me"
    [[ $output == *"cannot read '$W/none.mp4'"* ]]
    : >"$W/broken"
    run -1 scripts/capture-user --model "$W/m" --yes "$W/me"
    [[ $output == *"could not take pictures"* ]]
    [ ! -e "$W/me" ]
}

@test "ffmpeg itself cuts a film" {
    command -v ffmpeg >/dev/null || skip "ffmpeg is not there"
    draw "$W/face.png" 160 120 128 40 20 80 1
    ffmpeg -nostdin -v error -loop 1 -i "$W/face.png" -t 8 -r 5 -pix_fmt yuv420p "$W/film.avi"
    run -0 scripts/capture-user --model "$W/m" --video "$W/film.avi" --takes 1 --seconds 1 "$W/me"
    [ -e "$W/me/surprise/surprise-1-02.png" ]
}
