#!/bin/sh
# Records what Docker Compose prints for the projects of pkg/cli/compose/testdata,
# which the unit tests compare with. It takes the docker on PATH, or the private one
# beside the checkout.
set -eu
cd "$(dirname "$0")/.."
if ! command -v docker >/dev/null; then
	engine=../shared/docker-engine/docker-engine
	"$engine" up >/dev/null
	eval "$("$engine" env)"
fi
exec go test -count=1 ./pkg/cli/compose -run TestConfigLikeDocker -record "$@"
