#!/bin/sh
# Refreshes what is generated and checked in, from the built programs: tests/generate.sh [FOLDER]. With a folder it writes
# there instead (tests/system/test_generated.py compares).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${NIGHTJAR_BUILD:-$root/build/dev}
target=${1:-$root}

mkdir -p "$target/schema" "$target/docs"
"$build/nightjar" explain --schema >"$target/schema/spec.schema.json"
"$build/nightjar" explain --markdown >"$target/docs/settings.md"
"$build/nightjar" help --markdown >"$target/docs/commands.md"
