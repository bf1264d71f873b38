package container

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/errdefs"

	"github.com/nerd-cli/nerd/pkg/ctrd"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// RuntimeRunc is the name of the runtime of containers that ask for none.
const RuntimeRunc = "runc"

// Runtime is an OCI runtime of the configuration, as dockerd's daemon.json has
// them: a path for one that takes runc's arguments, a type for a shim of its own.
type Runtime struct {
	Path    string         // program; empty: the shim's own choice
	Type    string         // io.containerd.NAME.vN, or the path of a shim; empty: runc's shim
	Options map[string]any // of the shim
}

// shimPrefix is how programs are named that are shims.
const shimPrefix = "containerd-shim-"

// runtime finds what a name stands for: one of the configuration, a program that
// takes runc's arguments, by path or known name, or a shim.
func (s *Service) runtime(name string, systemdCgroup bool) (ctrd.RuntimeSpec, error) {
	out := ctrd.RuntimeSpec{SystemdCgroup: systemdCgroup}
	if rt, ok := s.cfg.Runtimes[name]; ok {
		out.Shim, out.Binary, out.Options = rt.Type, rt.Path, rt.Options
		if out.Shim != "" && out.Shim != ctrd.RuntimeRunc && out.Binary != "" {
			return out, errorf(errdefs.ErrInvalidArgument, "runtime %s: a path goes with the type %s only", name, ctrd.RuntimeRunc)
		}
		return out, checkProgram(name, out.Binary)
	}
	switch {
	case name == RuntimeRunc || name == ctrd.RuntimeRunc:
		return out, nil
	case name == "crun" || name == "youki":
		out.Binary = name
		if findProgram(name) == "" {
			return out, unknownRuntime(name, "install it, or give its path")
		}
		return out, nil
	case filepath.IsAbs(name):
		if strings.HasPrefix(filepath.Base(name), shimPrefix) {
			out.Shim = name
		} else {
			out.Binary = name
		}
		return out, checkProgram(name, name)
	case isShimName(name):
		out.Shim = name
		return out, nil
	}
	return out, unknownRuntime(name, "it can be runc, crun, the path of a program, a shim's name such as io.containerd.runc.v2, or one of the section runtimes of nerd.toml")
}

func unknownRuntime(name, hint string) error {
	return errs.WithHint(errorf(errdefs.ErrInvalidArgument, "unknown or invalid runtime name: %s", name), "%s", hint)
}

// isShimName: io.containerd.NAME.vN, or another prefix with two parts behind it.
func isShimName(name string) bool {
	parts := strings.Split(name, ".")
	if len(parts) < 4 || slices.Contains(parts, "") || strings.ContainsAny(name, "/ \t\n") {
		return false
	}
	version, ok := strings.CutPrefix(parts[len(parts)-1], "v")
	return ok && version != "" && strings.Trim(version, "0123456789") == ""
}

// checkProgram says early that a program is missing: the shim's words for it are
// hard to read.
func checkProgram(name, path string) error {
	if path == "" || !filepath.IsAbs(path) && findProgram(path) != "" {
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return unknownRuntime(name, "there is no program "+path)
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return unknownRuntime(name, path+" is not a program")
	}
	return nil
}

// programDirs are where containerd's PATH leads.
var programDirs = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

func findProgram(name string) string {
	for _, dir := range programDirs {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// defaultRuntime is the runtime of containers that ask for none.
func (s *Service) defaultRuntime() string { return cmp.Or(s.cfg.DefaultRuntime, RuntimeRunc) }

// Runtimes lists the runtimes by their names, and says which is the default.
func (s *Service) Runtimes() (names []string, standard string) {
	known := map[string]bool{RuntimeRunc: true, ctrd.RuntimeRunc: true, s.defaultRuntime(): true}
	for name := range s.cfg.Runtimes {
		known[name] = true
	}
	if findProgram("crun") != "" {
		known["crun"] = true
	}
	return slices.Sorted(maps.Keys(known)), s.defaultRuntime()
}
