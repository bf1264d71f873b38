#!/bin/sh
# Builds examples/embed, a program of another module, and has it run containers
# through pkg/nerd: with nerd-monitor beside it and without the nerd binary.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
if [ "$(id -u)" != 0 ]; then
	exec sudo env PATH="$PATH" "$0" "$@"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
	echo "test-embed: $*" >&2
	exit 1
}

# like NAME GOT WANT
like() {
	[ "$2" = "$3" ] || fail "$1 is '$2', expected '$3'"
}

cd "$root/examples/embed"
export GOWORK=off GOFLAGS=-mod=readonly
go vet ./...
go test ./...
CGO_ENABLED=0 go build -o "$work/embed" .
cd "$root"
CGO_ENABLED=0 go build -o "$work/nerd-monitor" ./cmd/nerd-monitor
go run ./hack/images -ref localhost/embed:1 -o "$work/image.tar"

# From here on nothing of nerd's is on PATH.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
ns=embed-test # always the same, for its image stays
status=0
"$work/embed" -namespace "$ns" -archive "$work/image.tar" localhost/embed:1 sh -c 'echo out; echo err >&2; exit 42' >"$work/out" 2>"$work/err" || status=$?
like 'the exit code' "$status" 42
like 'stdout' "$(cat "$work/out")" out
like 'stderr' "$(cat "$work/err")" err

status=0
"$work/embed" -namespace "$ns" localhost/embed:1 no-such-command >"$work/out" 2>&1 || status=$?
like 'the exit code of a missing command' "$status" 127
status=0
"$work/embed" -namespace "$ns" localhost/no-such-image:1 true >"$work/out" 2>&1 || status=$?
like 'the exit code without an image' "$status" 125

# Killed while its container runs: the monitor calls the program back, which
# handles the end and removes the container.
"$work/embed" -namespace "$ns" localhost/embed:1 sleep 1 >"$work/out" 2>&1 &
embed=$!
tries=0
while ! ls "/run/nerd/$ns/containers"/*/attach.sock >/dev/null 2>&1; do
	tries=$((tries + 1))
	[ "$tries" -lt 100 ] || fail "the container does not start: $(cat "$work/out")"
	sleep 0.1
done
sleep 0.3
kill -KILL "$embed"
wait "$embed" 2>/dev/null || true
tries=0
while [ -n "$(ls "/run/nerd/$ns/containers" "/var/lib/nerd/$ns/containers" 2>/dev/null | grep -v ':$')" ]; do
	tries=$((tries + 1))
	[ "$tries" -lt 150 ] || fail "a killed program leaves its container behind"
	sleep 0.1
done
rm -rf "/run/nerd/$ns" "/var/lib/nerd/$ns"
echo "test-embed: passed"
