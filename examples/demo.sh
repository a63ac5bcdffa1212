#!/bin/bash
# The demo: a laboratory of its own, one question, eighteen experiments, one answer.
set -euo pipefail
cd "$(dirname "$0")/.."

export NIGHTJAR_HOME=$PWD/build/demo
export PATH=$PWD/build/release:$PATH
say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }
run() { say "$@"; "$@"; }

rm -rf "$NIGHTJAR_HOME"
trap 'nj daemon stop >/dev/null 2>&1 || true' EXIT

run nj check examples/vowels.yaml
run nj submit examples/vowels.yaml
run nj status
run nj wait last
run nj report
