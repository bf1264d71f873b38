package netutil

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
)

// systemPath is searched after the caller's PATH: a plugin looks for iptables,
// which is in sbin, and the PATH of an ordinary login does not have that.
const systemPath = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"

// pluginExec runs plugins as processes. A plugin sees its own variables and
// PATH, nothing else of the caller's environment, and does not write to the
// terminal: what it says on stderr is part of its error if it fails.
type pluginExec struct {
	version.PluginDecoder
	raw *invoke.RawExec
}

func newPluginExec() invoke.Exec { return &pluginExec{raw: &invoke.RawExec{}} }

func (p *pluginExec) ExecPlugin(ctx context.Context, path string, stdin []byte, environ []string) ([]byte, error) {
	return p.raw.ExecPlugin(ctx, path, stdin, pluginEnv(environ))
}

func (p *pluginExec) FindInPath(plugin string, dirs []string) (string, error) {
	path, err := p.raw.FindInPath(plugin, dirs)
	if err != nil {
		return "", &MissingPluginError{Plugin: plugin, Dirs: dirs}
	}
	return path, nil
}

func pluginEnv(environ []string) []string {
	path := systemPath
	var env []string
	for _, kv := range environ {
		switch key, value, _ := strings.Cut(kv, "="); {
		case key == "PATH" && value != "":
			path = value + ":" + systemPath
		case strings.HasPrefix(key, "CNI_"):
			env = append(env, kv)
		}
	}
	return append(env, "PATH="+path)
}

// MissingPluginError says that a CNI plugin is not installed.
type MissingPluginError struct {
	Plugin string
	Dirs   []string
}

func (e *MissingPluginError) Error() string {
	dirs := slices.Clone(e.Dirs)
	for i, d := range dirs {
		dirs[i] = filepath.Clean(d)
	}
	return "the CNI plugin " + e.Plugin + " is not in " + strings.Join(dirs, " or ") + ": build the engine with `make engine` or install the CNI plugins"
}

// cniMessage is what a plugin said, on one line.
func cniMessage(err error) string {
	var cni *types.Error
	msg := err.Error()
	if asCNI(err, &cni) {
		msg = cni.Msg
		if cni.Details != "" {
			msg += ": " + cni.Details
		}
	}
	return strings.Join(strings.Fields(msg), " ")
}
