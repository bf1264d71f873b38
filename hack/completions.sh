#!/bin/sh
# Writes the completion scripts of bin/nerd into a folder.
#
#   completions.sh DIR            generate
#   completions.sh --check DIR    fail if what is there is out of date
set -eu
cd "$(dirname "$0")/.."
check=
if [ "$1" = --check ]; then
	check=1
	shift
fi
dir=$1
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
bin/nerd completion bash >"$new/nerd.bash"
bin/nerd completion zsh >"$new/_nerd"
bin/nerd completion fish >"$new/nerd.fish"
bin/nerd completion powershell >"$new/nerd.ps1"
if [ -n "$check" ]; then
	diff -r "$new" "$dir" >&2 || {
		echo "completions are out of date: run make completions" >&2
		exit 1
	}
	exit 0
fi
mkdir -p "$dir"
cp "$new"/* "$dir/"
