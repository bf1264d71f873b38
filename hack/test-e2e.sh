#!/bin/sh
# The scripts of test/e2e against a target: nerd, as built in bin, or docker, the
# client on PATH. Containers need root, so an ordinary user is asked by sudo.
#
#   test-e2e.sh nerd|docker [FLAGS OF go test...]
set -eu
cd "$(dirname "$0")/.."
target=${1:-nerd}
[ $# = 0 ] || shift
if [ "$target" = docker ] && ! command -v docker >/dev/null; then
	# A private Docker beside the checkout serves where there is no other.
	engine=../shared/docker-engine/docker-engine
	if [ ! -x "$engine" ]; then
		echo "test-docker: no docker on PATH" >&2
		exit 1
	fi
	"$engine" up >/dev/null
	eval "$("$engine" env)"
fi
# The versions that are pinned are what is tested, also where the system runs a
# containerd of its own; CONTAINERD_ADDRESS chooses another.
if [ "$target" = nerd ]; then
	CONTAINERD_ADDRESS=${CONTAINERD_ADDRESS:-${NERD_RUN_ROOT:-/run/nerd}/engine/containerd.sock}
	export CONTAINERD_ADDRESS
fi
run=
if [ "$(id -u)" != 0 ] && [ "$target" = nerd ]; then
	run="sudo --preserve-env"
fi
$run env PATH="$PATH" NERD_TEST_TARGET="$target" "$(command -v go)" test -v -count=1 -timeout 20m ./test/e2e/... "$@"
