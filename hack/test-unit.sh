#!/bin/sh
# Unit tests of all packages but the end-to-end ones, with the race detector.
#
#   PKG...   other packages
set -eu
cd "$(dirname "$0")/.."
if [ $# = 0 ]; then
	# shellcheck disable=SC2046 # a list of words
	set -- $(go list ./... | grep -v /test/e2e)
fi
CGO_ENABLED=1 go test -race -v "$@"

# What the engine's programs are made of beside the packages of their projects.
for pkg in deferred containerd/content buildkit/direct buildkit/idle; do
	(cd "hack/engine/$pkg" && GOWORK=off go test -v .)
done

# Networks against the kernel and the real plugins, in namespaces of their own.
run=
if [ "$(id -u)" != 0 ]; then
	run="sudo --preserve-env"
fi
$run env PATH="$PATH" "$(command -v go)" test -v -count=1 -tags root ./pkg/netutil
