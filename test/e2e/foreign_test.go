package e2e

import (
	"os/exec"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdCtr runs containerd's own client, the one that comes with the engine, in the
// script's namespace: it makes containers that nerd did not make.
func (e *environment) cmdCtr(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, len(args) > 0, "[!] ctr ARGS...")
	ctr := filepath.Join(root("NERD_DATA_ROOT", "/var/lib/nerd"), "engine", "bin", "ctr")
	if path, err := exec.LookPath("ctr"); err == nil {
		ctr = path
	}
	err := ts.Exec(ctr, append([]string{"--address", containerdSocket(), "--namespace", ts.Getenv("NERD_NAMESPACE")}, args...)...)
	switch {
	case err != nil && !neg:
		ts.Fatalf("unexpected failure: %v", err)
	case err == nil && neg:
		ts.Fatalf("unexpected success")
	}
}
