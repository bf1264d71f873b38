package engine

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/nerd-cli/nerd/pkg/state"
)

// maxShimDir is the longest folder that containerd takes for its shims' sockets,
// whose names are hashes.
const maxShimDir = 38

// disabledPlugins are those that a containerd with everything built in would
// otherwise load: what serves Kubernetes, snapshotters that need tools or file
// systems of their own, and the one that writes into /opt.
func disabledPlugins() []string {
	return []string{
		"io.containerd.grpc.v1.cri",
		"io.containerd.cri.v1.images",
		"io.containerd.cri.v1.runtime",
		"io.containerd.podsandbox.controller.v1.podsandbox",
		"io.containerd.nri.v1.nri",
		"io.containerd.snapshotter.v1.blockfile",
		"io.containerd.snapshotter.v1.btrfs",
		"io.containerd.snapshotter.v1.devmapper",
		"io.containerd.snapshotter.v1.erofs",
		"io.containerd.snapshotter.v1.zfs",
		"io.containerd.differ.v1.erofs",
		"io.containerd.mount-handler.v1.erofs",
		"io.containerd.monitor.container.v1.restart",
		"io.containerd.internal.v1.opt",
		"io.containerd.internal.v1.tracing",
		"io.containerd.tracing.processor.v1.otlp",
		"io.containerd.image-verifier.v1.bindir",
	}
}

// containerdConfig is the configuration of the managed containerd. Everything it
// writes is below nerd's own roots, it listens on nothing but its socket, and it
// neither reads /etc/containerd nor touches its own OOM score, which takes a
// capability that root inside a container lacks.
func containerdConfig(l state.Layout) []byte {
	var b tomlWriter
	b.key("version", 4)
	b.key("root", filepath.Join(l.Engine(), "containerd"))
	b.key("state", filepath.Join(l.EngineRun(), "containerd"))
	b.key("oom_score", 0)
	b.key("imports", []string{})
	b.key("disabled_plugins", disabledPlugins())
	b.table("debug")
	b.key("level", "warn")
	b.table("timeouts")
	// Without it a second containerd on the same root waits forever for the
	// database of the first.
	b.key("io.containerd.timeout.bolt.open", "10s")
	b.table("plugins", "io.containerd.server.v1.grpc")
	b.key("address", Socket(l))
	b.table("plugins", "io.containerd.server.v1.ttrpc")
	b.key("address", Socket(l)+".ttrpc")
	b.table("plugins", "io.containerd.server.v1.debug")
	b.key("address", "")
	b.table("plugins", "io.containerd.server.v1.metrics")
	b.key("address", "")
	if dir := filepath.Join(l.EngineRun(), "s"); len(dir) <= maxShimDir {
		b.table("plugins", "io.containerd.shim.v1.manager")
		b.key("socket_dir", dir)
	}
	return b.Bytes()
}

// writeConfig replaces the file only if it would change: starting costs no fsync
// that it does not need.
func writeConfig(path string, data []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return nil
	}
	return state.WriteFile(path, data, 0o600)
}

// tomlWriter writes the little TOML that a configuration takes. Keys and strings
// are always quoted.
type tomlWriter struct{ bytes.Buffer }

func (w *tomlWriter) table(path ...string) {
	quoted := make([]string, len(path))
	for i, p := range path {
		quoted[i] = tomlString(p)
	}
	w.WriteString("\n[" + strings.Join(quoted, ".") + "]\n")
}

// key writes a string, a list of strings, a number or a boolean.
func (w *tomlWriter) key(name string, value any) {
	var text string
	switch v := value.(type) {
	case string:
		text = tomlString(v)
	case []string:
		quoted := make([]string, len(v))
		for i, s := range v {
			quoted[i] = tomlString(s)
		}
		text = "[" + strings.Join(quoted, ", ") + "]"
	case int:
		text = strconv.Itoa(v)
	case bool:
		text = strconv.FormatBool(v)
	}
	w.WriteString(tomlString(name) + " = " + text + "\n")
}

// tomlString quotes as TOML's basic strings, whose escapes are the few that
// JSON has; control characters take the long form.
func tomlString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			hex := strconv.FormatInt(int64(r), 16)
			b.WriteString(`\u` + strings.Repeat("0", 4-len(hex)) + hex)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
