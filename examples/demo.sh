#!/bin/bash
# The demo: a laboratory of its own, one question, eighteen experiments, one answer.
set -euo pipefail
cd "$(dirname "$0")/.."

export NIGHTJAR_HOME=$PWD/build/demo
export PATH=$PWD/build/release:$PATH
say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }
run() { say "$@"; "$@"; }

stop() { NIGHTJAR_NO_START=1 nj daemon stop >/dev/null 2>&1 || true; }
stop # of a demo that was interrupted
rm -rf "$NIGHTJAR_HOME"
trap stop EXIT

run nj check examples/vowels.yaml
run nj submit examples/vowels.yaml
run nj status
run nj follow batch:1
run nj report
