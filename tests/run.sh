#!/bin/bash
# Runs ctest on the dev build (ASan, UBSan) and the system tests again on the release build, and closes with one line.
set -uo pipefail
cd "$(dirname "$0")/.."

passed=0 failed=0 skipped=0
run() { # preset label-regex
    local log=build/ctest-$1.log
    ctest --preset "$1" -j "$(nproc)" ${2:+-L "$2"} >"$log" 2>&1
    local status=$?
    grep -E '^ *[0-9]+/[0-9]+ Test|tests passed|tests failed' "$log" | sed "s/^/$1: /"
    if [ $status -ne 0 ]; then
        cat "$log"
    fi
    local p s f
    p=$(grep -cE '^ *[0-9]+/[0-9]+ Test .* Passed ' "$log")
    s=$(grep -cE '^ *[0-9]+/[0-9]+ Test .*\*\*\*Skipped' "$log")
    f=$(grep -cE '^ *[0-9]+/[0-9]+ Test .*(\*\*\*Failed|\*\*\*Timeout|\*\*\*Exception|\*\*\*Not Run)' "$log")
    passed=$((passed + p)) skipped=$((skipped + s)) failed=$((failed + f))
    [ $status -eq 0 ] || [ "$f" -gt 0 ] || failed=$((failed + 1))
}

run dev ""
run release "system|fault"

echo
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
