// Package engine manages nerd's own containerd and buildkitd, for machines that
// have none: it starts them detached from the caller, finds them again, stops
// them, and decides which containerd a command talks to.
//
// The daemons are ordinary: their state outlives this package, and containers
// outlive the daemons. What is kept about a daemon is one file that names its
// process, which is believed only as long as that very process runs.
package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/state"
)

// SystemSocket is where a containerd of the system itself listens.
const SystemSocket = "/run/containerd/containerd.sock"

// maxSocketPath is what a unix socket's address can hold, see unix(7).
const maxSocketPath = 107

// Options say which engine is meant and how to start it.
type Options struct {
	Layout state.Layout
	// Build also starts buildkitd, for the containerd namespace of Layout.
	Build bool
	// Address is the containerd that this buildkitd works in; empty: the managed
	// one, which is started as well.
	Address string
	// Env is the environment of the daemons beside PATH, as "KEY=value": proxies
	// and the like. The caller's own environment is never passed on, since
	// daemons hand theirs to what they start.
	Env []string
	// HostsDirs and Insecure are what a builder has to know of registries, see
	// registry.Config.
	HostsDirs, Insecure []string
	// Timeout bounds the wait for a daemon to answer; 0 is 30 seconds.
	Timeout time.Duration
}

func (o Options) timeout() time.Duration {
	if o.Timeout > 0 {
		return o.Timeout
	}
	return 30 * time.Second
}

// daemon is one of the two programs that the engine runs.
type daemon struct {
	name    string // containerd or buildkitd
	program string // executable
	config  string // its configuration file
	socket  string // where it answers
	pidFile string // state.Process of who runs it
	logFile string // its stdout and stderr
}

// args is the command line. It names the configuration file, by which a daemon
// is recognised when its pid file is lost.
func (d daemon) args() []string { return []string{"--config", d.config} }

// Socket is the address of the managed containerd.
func Socket(l state.Layout) string { return filepath.Join(l.EngineRun(), "containerd.sock") }

// BinDir holds the engine's programs.
func BinDir(l state.Layout) string { return filepath.Join(l.Engine(), "bin") }

// CNIDir holds the engine's CNI plugins.
func CNIDir(l state.Layout) string { return filepath.Join(l.Engine(), "cni") }

func containerd(l state.Layout) daemon {
	return daemon{
		name:    "containerd",
		program: filepath.Join(BinDir(l), "containerd"),
		config:  filepath.Join(l.Engine(), "containerd.toml"),
		socket:  Socket(l),
		pidFile: filepath.Join(l.EngineRun(), "containerd.pid"),
		logFile: filepath.Join(l.Engine(), "containerd.log"),
	}
}

// daemons are containerd and every buildkitd that has a pid file, containerd
// last: the order in which to stop them.
func daemons(l state.Layout) ([]daemon, error) {
	files, err := filepath.Glob(filepath.Join(l.EngineRun(), "buildkitd*.pid"))
	if err != nil {
		return nil, err
	}
	var all []daemon
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".pid")
		all = append(all, buildkitdNamed(l, name))
	}
	return append(all, containerd(l)), nil
}

// lockFile serialises starting and stopping.
func lockFile(l state.Layout) string { return filepath.Join(l.EngineRun(), "lock") }

// Installed is nil when everything that the engine runs is there. Otherwise it
// says what is missing and how to get it.
func Installed(l state.Layout) error {
	return missing(l, containerd(l).program, filepath.Join(BinDir(l), "containerd-shim-runc-v2"), filepath.Join(BinDir(l), "runc"))
}

// installedFor is Installed for one daemon. A buildkitd may work in a containerd
// that is not the engine's.
func installedFor(l state.Layout, d daemon) error {
	if d.name == "containerd" {
		return Installed(l)
	}
	return missing(l, d.program)
}

func missing(l state.Layout, programs ...string) error {
	var absent []string
	for _, p := range programs {
		info, err := os.Stat(p)
		switch {
		case errors.Is(err, fs.ErrPermission):
			return err
		case err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0:
			absent = append(absent, filepath.Base(p))
		}
	}
	if len(absent) == 0 {
		return nil
	}
	err := fmt.Errorf("nerd's engine is not installed: no %s in %s: %w", strings.Join(absent, ", "), BinDir(l), fs.ErrNotExist)
	return errs.WithHint(err, "run 'make engine' as root in nerd's source tree")
}

// checkPaths rejects roots with which no socket could be made.
func checkPaths(d daemon) error {
	if n := len(d.socket + ".ttrpc"); n > maxSocketPath {
		return errs.WithHint(fmt.Errorf("the path of the engine's socket %s is too long", d.socket), "choose a run root that is %d bytes shorter", n-maxSocketPath)
	}
	return nil
}
