#!/bin/sh
# What has to pass before a change goes in: the linters, then all tests.
set -eu
cd "$(dirname "$0")/.."
hack/lint.sh
make build
hack/completions.sh --check completions
make test
