#!/bin/sh
# What the command table prints for others: man pages and bash completion. install_pages.sh NIGHTJAR SHARE-FOLDER
set -eu
nightjar=$1
man=$2/man/man1
completions=$2/bash-completion/completions

mkdir -p "$man" "$completions"
"$nightjar" help --man >"$man/nightjar.1"
ln -sf nightjar.1 "$man/nj.1"
"$nightjar" completion verbs | while read -r verb; do
    "$nightjar" help "$verb" --man >"$man/nightjar-$verb.1"
done
"$nightjar" completion bash >"$completions/nightjar"
ln -sf nightjar "$completions/nj"
