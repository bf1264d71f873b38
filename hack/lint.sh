#!/bin/sh
# gofmt, go vet and golangci-lint over every module of the repository that has
# Go source.
#
#   --fix    format the source instead
#   PKG...   packages for go vet and golangci-lint, default ./...
set -eu
cd "$(dirname "$0")/.."

# linter builds the pinned golangci-lint into bin/tools unless it is there.
linter() {
	want=$({ go env GOVERSION && cat hack/tools/go.mod hack/tools/go.sum; } | sha256sum | cut -d' ' -f1)
	if [ "$(cat bin/tools/stamp 2>/dev/null)" != "$want" ]; then
		echo "lint: building golangci-lint" >&2
		mkdir -p bin/tools
		(cd hack/tools && CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly nice -n 5 go build -trimpath -ldflags '-s -w' -o ../../bin/tools/ tool)
		echo "$want" >bin/tools/stamp
	fi
}

if [ "${1:-}" = --fix ]; then
	linter
	exec bin/tools/golangci-lint fmt
fi

# Golden files and test data may hold source that is wrong on purpose.
bad=$(git ls-files -co --exclude-standard '*.go' | grep -v /testdata/ | xargs -r ls -d 2>/dev/null | xargs -r gofmt -l)
if [ -n "$bad" ]; then
	printf 'gofmt: not formatted, run make fmt:\n%s\n' "$bad" >&2
	exit 1
fi
if [ $# = 0 ]; then
	set -- ./...
fi
go vet "$@"
for mod in examples/*/go.mod hack/engine/containerd/go.mod; do
	if [ -e "$mod" ]; then
		(cd "$(dirname "$mod")" && GOWORK=off go vet ./...)
	fi
done
linter
bin/tools/golangci-lint run "$@"
