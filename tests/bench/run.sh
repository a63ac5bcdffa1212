#!/bin/sh
# tests/bench/run.sh [NAME-PREFIX]: every figure beside its peer or limit, measured in the same run.
# A table on standard output, one JSON object a line in build/bench.jsonl.
set -eu
cd "$(dirname "$0")/../.."
exec /usr/bin/python3 -B tests/bench/bench.py "$@"
