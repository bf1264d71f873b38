// Package e2e runs the scripts of this folder against a real engine: nerd with
// containerd, runc and CNI, or Docker, which decides what is expected.
//
// The environment chooses:
//
//	NERD_TEST_TARGET     nerd (the default: bin/nerd) or docker (the client on PATH)
//	NERD_BIN             another nerd than bin/nerd
//	NERD_TEST_ARTIFACTS  folder that keeps what a failed script leaves behind
//	NERD_TEST_GUEST      set inside the guest: guest/*.txtar run too
//	NERD_TEST_APP        the built testdata/app, where there is no Go
//
// The words that scripts have beside testscript's own are in commands_test.go
// and pty_test.go.
package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// limit is the time that the scripts of one folder have, so that a hang ends
// with the output of the command that hangs. The guest has an emulated processor.
const (
	limit      = 12 * time.Minute
	guestLimit = 14 * time.Minute
)

// suite is set by TestMain and not changed after it.
var suite *environment

func TestMain(m *testing.M) {
	flag.Parse()
	env, reason, err := newEnvironment()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	case reason != "":
		// Without the choice of a target this is `go test ./...` on a machine that
		// cannot run containers, which is no failure.
		fmt.Fprintln(os.Stderr, "e2e: nothing was run:", reason)
		os.Exit(0)
	}
	suite = env
	if f := flag.Lookup("test.parallel"); !isSet("test.parallel") {
		// Scripts mostly wait, for containers to end above all.
		if err := f.Value.Set("4"); err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
			os.Exit(1)
		}
	}
	os.Exit(env.run(m))
}

func isSet(name string) bool {
	found := false
	flag.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

// TestScripts runs every script of this folder.
func TestScripts(t *testing.T) {
	testscript.Run(t, suite.params("."))
}

// TestIdioms runs what shell scripts do with docker, by that name.
func TestIdioms(t *testing.T) {
	testscript.Run(t, suite.params("idioms"))
}

// TestGuestScripts runs what needs systemd, cgroup v2 or AppArmor.
func TestGuestScripts(t *testing.T) {
	if !suite.guest {
		t.Skip("these scripts need the guest: make test-guest")
	}
	testscript.Run(t, suite.params("guest"))
}

// params are testscript's for the scripts in dir.
func (e *environment) params(dir string) testscript.Params {
	length := limit
	if e.guest {
		length = guestLimit
	}
	return testscript.Params{
		Dir:                dir,
		Setup:              e.setup,
		Condition:          e.condition,
		Cmds:               commands(e),
		RequireUniqueNames: true,
		Deadline:           time.Now().Add(length),
	}
}

// condition answers for the words in brackets.
func (e *environment) condition(name string) (bool, error) {
	switch name {
	case "nerd", "docker":
		return e.target == name, nil
	case "guest":
		return e.guest, nil
	case "cgroupv2":
		_, err := os.Stat("/sys/fs/cgroup/cgroup.controllers")
		return err == nil, nil
	case "criu": // make criu brings it
		_, err := os.Stat(filepath.Join(root("NERD_DATA_ROOT", "/var/lib/nerd"), "engine", "bin", "criu"))
		if err != nil {
			_, err = exec.LookPath("criu")
		}
		return err == nil, nil
	case "apparmor":
		data, err := os.ReadFile("/sys/module/apparmor/parameters/enabled")
		return err == nil && len(data) > 0 && data[0] == 'Y', nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}
