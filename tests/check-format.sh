#!/bin/bash
# Checks that clang-format finds nothing to change (`make format` changes it). Speaks TAP.
#
# Releases of clang-format differ in detail, so only the one of Debian 12 is asked.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

case $(clang-format --version 2>/dev/null) in
*"version 14."*) ;;
*)
    echo "1..0 # SKIP clang-format 14 is not there"
    exit 0
    ;;
esac

echo 1..2
failed=0
breaches=$(find include src tests -name '*.[ch]' -o -name '*.cpp' | sort |
    xargs clang-format --dry-run 2>&1 | sed -nE 's/^([^:]*):([0-9]+):.*(warning|error):.*/\1:\2/p' |
    awk -F: '!($1 in first) { first[$1] = $2; order[++n] = $1 }
        { lines[$1]++ }
        END { for (i = 1; i <= n; i++) printf "%s: %d places, the first in line %s\n", order[i], lines[order[i]], first[order[i]] }')
if [ -z "$breaches" ]; then
    echo "ok 1 - the sources are as clang-format writes them"
else
    echo "not ok 1 - the sources are as clang-format writes them"
    printf '%s\n' "$breaches" | head -n 40 | sed 's/^/# /'
    failed=1
fi
if echo 'int  f(void) { return 0;}' | clang-format --assume-filename=src/f.c --dry-run --Werror 2>/dev/null; then
    echo "not ok 2 - a badly formatted function is found"
    failed=1
else
    echo "ok 2 - a badly formatted function is found"
fi
exit "$failed"
