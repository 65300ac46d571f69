#!/bin/sh
# Trains the shipped model again: the commands that made models/general.* from FER-2013's CSV.
#
# usage: scripts/train-general.sh FER-CSV [PREFIX]
#   PREFIX   of the files written (default: general in the repository's build/); those of the first stage begin with PREFIX-first
#
# Takes about four hours on one core. What was interrupted goes on where it stopped. The same processor, libraries and
# number of threads give the same bytes. EPOCHS, two numbers, makes the stages shorter.
set -eu

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
top=$(cd "$(dirname "$0")/.." && pwd)
csv=$1 prefix=${2:-$top/build/general}
fercli=${FERCLI:-$top/build/fercli}
epochs=${EPOCHS:-63 32}

# The second stage would be refused as well, but hours later.
if [ -e "$prefix.weights" ] && [ ! -e "$prefix.state" ]; then
    echo "train-general.sh: '$prefix.weights' is there and is not replaced" >&2
    exit 1
fi

# stage PREFIX CFG EPOCHS OPTION...
stage() {
    out=$1 cfg=$2 count=$3
    shift 3
    [ ! -e "$out.state" ] || set -- "$@" --resume
    "$fercli" train-general --fer-csv "$csv" --cfg "$cfg" --epochs "$count" --seed 1 --threads 1 --out "$out" "$@"
}

stage "$prefix-first" "$top/cfg/general.cfg" "${epochs% *}"

# The second stage: no mixup, and once more a rate that falls along a cosine.
sed -e '/^mixup/d' -e 's/^learning_rate=0.04$/learning_rate=0.015/' -e 's/^burn_in=900$/burn_in=448/' \
    "$top/cfg/general.cfg" >"$prefix-second.cfg"
stage "$prefix" "$prefix-second.cfg" "${epochs#* }" --init "$prefix-first.weights"

"$fercli" classify --model "$prefix" --fer-csv "$csv" --split PublicTest --tta
