#!/bin/sh
# run.sh SECONDS: each fuzzer of the fuzz build for so long, with its dictionary; what it finds new is kept in build/fuzz/corpus.
set -eu
cd "$(dirname "$0")/../.."

for target in build/fuzz/tests/fuzz.*; do
    name=${target##*.}
    mkdir -p "build/fuzz/corpus/$name"
    echo "fuzz.$name"
    "$target" -max_total_time="$1" -max_len=65536 -print_final_stats=1 -verbosity=0 -dict="tests/fuzz/$name.dict" \
        -artifact_prefix="build/fuzz/$name-" "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name"
done
