#!/bin/sh
# Records the names and types of what Docker shows in inspect, ps, stats and events
# into test/e2e/testdata/shapes, which TestShapes compares nerd with, and what images
# its builder makes of testdata/dockerfiles, for TestDockerfiles. The client on PATH
# is asked, or the private Docker that test-e2e.sh starts.
set -eu
cd "$(dirname "$0")/.."
NERD_TEST_RECORD=1 exec hack/test-e2e.sh docker -run 'TestShapes$|TestDockerfiles$'
