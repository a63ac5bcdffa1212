#!/bin/bash
# The demo: a laboratory of its own, one question, eighteen experiments, one answer.
set -euo pipefail
cd "$(dirname "$0")/.."

export NIGHTJAR_HOME=$PWD/build/demo
export PATH=$PWD/build/release:$PATH
bold='' plain=''
if [ -t 1 ]; then bold=$'\033[1m' plain=$'\033[0m'; fi
say() { printf '\n%s$ %s%s\n' "$bold" "$*" "$plain"; }
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
