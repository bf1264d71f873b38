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
