#!/bin/sh
# Trains the shipped model again: the command that made models/general.* from FER-2013's CSV.
#
# usage: scripts/train-general.sh FER-CSV [PREFIX]
#   PREFIX   of the files written (default: build/general)
#
# Takes about two hours on one core. What was interrupted goes on where it stopped. The same processor, libraries and
# number of threads give the same bytes.
set -eu

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
csv=$1 prefix=${2:-build/general}
top=$(cd "$(dirname "$0")/.." && pwd)
fercli=${FERCLI:-$top/build/fercli}

resume=
[ ! -e "$prefix.state" ] || resume=--resume
# shellcheck disable=SC2086 # empty or one word
"$fercli" train-general --fer-csv "$csv" --cfg "$top/cfg/general.cfg" --seed 1 --threads 1 --out "$prefix" $resume
"$fercli" classify --model "$prefix" --fer-csv "$csv" --split PublicTest --tta
