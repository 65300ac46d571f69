#!/bin/bash
# Checks what the Makefile does for a user: the demo of the README, and installing. Speaks TAP.
#
# It works on the build that is being tested (BUILD), and needs the shipped model.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# A make above this one hands down its flags, WERROR among them, but not its terminal or its jobs.
make=(make --no-print-directory -j1)

number=0
failed=0
check() { # FACT COMMAND...
    number=$((number + 1))
    if "${@:2}" >"$scratch/log" 2>&1; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        sed 's/^/# /' "$scratch/log" | tail -n 30
        failed=1
    fi
}

says() { # TEXT COMMAND...; the command succeeds and its output has the text
    local output
    output=$("${@:2}" 2>&1) || { echo "$output"; return 1; }
    echo "$output"
    grep -qF -- "$1" <<<"$output"
}
has_files() { # FOLDER FILE...
    local file
    for file in "${@:2}"; do
        [ -s "$1/$file" ] || { echo "$1/$file is missing or empty"; find "$1"; return 1; }
    done
}
is_without_files() { # FOLDER
    find "$1" ! -type d | grep . && return 1
    return 0
}
photo=/usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg
echo 'no picture' >"$scratch/text.png"
installed=(bin/fercli share/man/man1/fercli.1 share/bash-completion/completions/fercli
    share/fercli/models/general.{cfg,weights,names} share/fercli/cfg/general.cfg)

echo 1..8
rm -rf "$build/demo"
check "make demo says where the marked pictures are" says "are in $build/demo/" "${make[@]}" demo
check "make demo marks the faces" test -n "$(find "$build/demo" -name '*.png' -size +1k 2>/dev/null)"
check "make demo ends well where a picture cannot be read, and says so" \
    says "Not everything could be done" "${make[@]}" demo PHOTOS="$photo $scratch/text.png"
check "an unknown option still fails make demo" \
    bash -c '! "$@"' - "${make[@]}" demo PHOTOS=--no-such-option

# A copy, so that the other PREFIX does not make the build under test again.
cp -a "$build" "$scratch/build"
at=(BUILD="$scratch/build" PREFIX="$scratch/usr")
check "make install works" "${make[@]}" "${at[@]}" install
check "everything is installed" has_files "$scratch/usr" "${installed[@]}"
check "the installed program finds the installed model" \
    env -u FERCLI_MODEL bash -c 'cd / && "$1/bin/fercli" --version | grep -F "$1/share/fercli/models/general"' - "$scratch/usr"
"${make[@]}" "${at[@]}" uninstall >"$scratch/uninstall" 2>&1
check "make uninstall leaves nothing" is_without_files "$scratch/usr"
exit "$failed"
