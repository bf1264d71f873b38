package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"

	"github.com/nerd-cli/nerd/pkg/state"
)

// BuildSocket is the address of the buildkitd that works in the layout's
// namespace of the containerd at address; empty: the managed one.
func BuildSocket(l state.Layout, address string) string { return buildkitd(l, address).socket }

// buildkitd works in one namespace of one containerd, so there is one for each
// in which something is built. That of the managed containerd's default
// namespace has the plain name; a containerd of another's goes into the name as
// a hash.
func buildkitd(l state.Layout, address string) daemon {
	name := "buildkitd"
	if l.Namespace != "" && l.Namespace != state.DefaultNamespace {
		name += "-" + l.Namespace
	}
	if address != "" && address != Socket(l) {
		sum := sha256.Sum256([]byte(address))
		name += "@" + hex.EncodeToString(sum[:4])
	}
	return buildkitdNamed(l, name)
}

func buildkitdNamed(l state.Layout, name string) daemon {
	return daemon{
		name:    name,
		program: filepath.Join(BinDir(l), "buildkitd"),
		config:  filepath.Join(l.Engine(), name+".toml"),
		socket:  filepath.Join(l.EngineRun(), name+".sock"),
		pidFile: filepath.Join(l.EngineRun(), name+".pid"),
		logFile: filepath.Join(l.Engine(), name+".log"),
	}
}

// builderIdle is how long a buildkitd runs that nobody asks anything, in seconds.
// It holds 50 MB, and starts in a quarter of a second.
const builderIdle = 300

// buildkitdConfig is the configuration of a managed buildkitd, which keeps its
// layers in the containerd that runs what is built: the result is an image at
// once. Build steps use the host's network, and --network host, which says so, is
// allowed. The table "nerd" is for the engine's own build of buildkitd: others pass
// over it.
func (o Options) buildkitdConfig() []byte {
	l, address := o.Layout, o.Address
	d := buildkitd(l, address)
	if address == "" {
		address = Socket(l)
	}
	var b tomlWriter
	b.key("root", filepath.Join(l.Engine(), d.name))
	b.key("insecure-entitlements", []string{"network.host"})
	b.table("grpc")
	b.key("address", []string{"unix://" + d.socket})
	b.table("history")
	b.key("maxEntries", 0) // a record would hold on to an image that has been removed
	b.table("worker", "oci")
	b.key("enabled", false)
	b.table("worker", "containerd")
	b.key("enabled", true)
	b.key("address", address)
	b.key("namespace", l.Namespace)
	b.key("snapshotter", "overlayfs")
	b.key("gc", true)
	b.key("networkMode", "host")
	b.table("nerd")
	b.key("idle", builderIdle)
	b.key("hostsDirs", o.HostsDirs)
	b.key("insecure", o.Insecure)
	return b.Bytes()
}
