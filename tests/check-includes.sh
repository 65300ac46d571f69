#!/bin/bash
# Checks the laws of the source tree that a compiler does not know. Speaks TAP.
#
# usage: tests/check-includes.sh [ROOT]
#
# Every law is one function that prints a line for each place that breaks it. Each is then tried on a small
# tree that breaks it on purpose, so that a check which no longer finds anything shows up.
set -uo pipefail
root=$(realpath "${1:-$(dirname "$0")/..}")

# The module of a header as sources name it; nothing for a header of the system.
module_of() {
    case $1 in
    err.h) echo base ;;
    nn.h) echo nn ;;
    fer.h | fer_pictures.h) echo fer ;;
    base/* | nn/* | fer/* | cli/*) echo "${1%%/*}" ;;
    *) echo unknown ;;
    esac
}

# cli -> fer -> nn -> base; what is inside nn, fer and cli is included there alone.
includes_point_down() {
    local -A rank=([base]=0 [nn]=1 [fer]=2 [cli]=3)
    local file line header from to
    cd "$1" || return
    grep -rnE --include='*.[ch]' --include='*.cpp' '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' src include |
        while IFS=: read -r file line header; do
            header=${header#*\"}
            header=${header%%\"*}
            case $file in
            src/*) from=${file#src/} from=${from%%/*} ;;
            *) from=$(module_of "${file#include/}") ;;
            esac
            to=$(module_of "$header")
            [[ $file != src/* || ! -f ${file%/*}/$header ]] || to=$from
            if [ -z "${rank[$to]:-}" ] || [ -z "${rank[$from]:-}" ]; then
                echo "$file:$line: \"$header\" is in no module"
            elif [ "${rank[$to]}" -gt "${rank[$from]}" ]; then
                echo "$file:$line: $from includes \"$header\", which is above it"
            elif [ "$to" != "$from" ] && [ "$to" != base ] && [[ $header == */* ]]; then
                echo "$file:$line: $from includes \"$header\", which is internal to $to"
            fi
        done
}

onednn_is_behind_one_file() {
    cd "$1" || return
    grep -rnE '^[[:space:]]*#[[:space:]]*include.*dnnl' src include tests --include='*.[ch]' --include='*.cpp' |
        grep -vE '^src/nn/dnnl\.c:|"nn/'
}

haar_is_the_only_cplusplus() {
    cd "$1" || return
    find . -path ./build -prune -o -type f \
        \( -name '*.cpp' -o -name '*.cc' -o -name '*.cxx' -o -name '*.hpp' -o -name '*.hh' -o -name '*.C' \) \
        -print | grep -vFx ./src/fer/haar.cpp
}

# Comments are cut first; line numbers stay.
libraries_are_silent() {
    local file
    cd "$1" || return
    find src/base src/nn src/fer -name '*.[ch]' -o -name '*.cpp' | sort | while read -r file; do
        perl -0777 -pe 's{(/\*.*?\*/)|("(?:\\.|[^"\\\n])*")|//[^\n]*}
                         { defined $1 ? "\n" x ($1 =~ tr/\n//) : defined $2 ? q("") : "" }gse' "$file" |
            grep -nE '\b(printf|vprintf|puts|putchar|perror|exit|_exit|_Exit|quick_exit|abort|assert)[[:space:]]*\(|\b(stdout|stderr)\b' |
            sed "s|^|$file:|"
    done
}

# The pattern is put together from pieces because this file is searched as well.
nothing_names_a_machine() {
    local paths='(^|[^A-Za-z0-9_./])/(ho''me|ro''ot|wo''rk|Use''rs|var/t''mp)/'
    local hosts='\b(deb|security|ftp|archive|snapshot|registry)\.[a-z.]*(deb''ian|ub''untu|npm''js)\.(org|com)'
    cd "$1" || return
    {
        { [ -e .git ] && git ls-files -z --cached --others --exclude-standard 2>/dev/null; } ||
            find . -path ./build -prune -o -type f -print0
    } | xargs -0 -r grep -nHIsE -e "$paths" -e "$hosts" --
}

number=0
report() { # FACT BREACHES
    number=$((number + 1))
    if [ -z "$2" ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        printf '%s\n' "$2" | head -n 20 | sed 's/^/# /'
        failed=1
    fi
}

# Tries a law on a tree that keeps all of them, but for one line in one file.
breach_is_found() { # FACT FUNCTION FILE LINE
    local tree breaches
    tree=$(mktemp -d)
    mkdir -p "$tree"/{include,tests,src/{base,nn,fer,cli}} "$tree/$(dirname "$3")"
    echo '#include "nn.h"' >"$tree/include/fer.h"
    echo '#include <dnnl.h>' >"$tree/src/nn/dnnl.c"
    printf '/* printf("") */\n#include "nn/dnnl.h"\nconst char *s = "exit(1)";\n' >"$tree/src/nn/net.c"
    printf '#include "fer.h"\n#include "base/file.h"\n' >"$tree/src/cli/main.c"
    : >"$tree/src/fer/haar.cpp"
    breaches=$("$2" "$tree")
    if [ -n "$breaches" ]; then
        breaches="the tree without a breach is reported: $breaches"
    else
        printf '%s\n' "$4" >>"$tree/$3"
        breaches=$("$2" "$tree")
        if [ -z "$breaches" ]; then
            breaches="nothing was reported"
        else
            breaches=
        fi
    fi
    rm -rf "$tree"
    report "$1" "$breaches"
}

echo 1..16
failed=0
report "includes point downward, cli -> fer -> nn -> base" "$(includes_point_down "$root")"
report "only src/nn/dnnl.c includes oneDNN" "$(onednn_is_behind_one_file "$root")"
report "src/fer/haar.cpp is the only C++" "$(haar_is_the_only_cplusplus "$root")"
report "the libraries neither print nor end the program" "$(libraries_are_silent "$root")"
report "no file names a path or a package host of one machine" "$(nothing_names_a_machine "$root")"

breach_is_found "nn including fer.h is found" includes_point_down src/nn/bad.c '#include "fer.h"'
breach_is_found "a public header including upward is found" includes_point_down include/nn.h '#include "fer.h"'
breach_is_found "fer including nn's inside is found" includes_point_down src/fer/bad.c '#include "nn/net.h"'
breach_is_found "a header of no module is found" includes_point_down src/fer/bad.c '#include "bad.h"'
breach_is_found "oneDNN in fer is found" onednn_is_behind_one_file src/fer/bad.c '# include <oneapi/dnnl/dnnl.h>'
breach_is_found "a second C++ file is found" haar_is_the_only_cplusplus src/cli/bad.cc 'int i;'
breach_is_found "printf in nn is found" libraries_are_silent src/nn/bad.c 'printf ("x");'
breach_is_found "exit in C++ is found" libraries_are_silent src/fer/haar.cpp 'void f() { std::exit(1); }'
breach_is_found "stderr behind a comment is found" libraries_are_silent src/base/bad.c '/* x */ f(stderr);'
breach_is_found "a home folder is found" nothing_names_a_machine README.md "see /ho""me/somebody/photos"
breach_is_found "a package host is found" nothing_names_a_machine scripts/x "http://deb.deb""ian.org/debian"
exit "$failed"
