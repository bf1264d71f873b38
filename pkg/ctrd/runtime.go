package ctrd

import (
	"context"

	"github.com/opencontainers/runtime-spec/specs-go/features"
)

// RuntimeVersion is the OCI runtime behind containerd's default shim.
type RuntimeVersion struct {
	Name    string // of the shim, io.containerd.runc.v2
	Version string // of the runtime; empty when it does not tell
	Commit  string
}

// Annotations by which runc tells its version (`runc features`).
const (
	runcVersion = "org.opencontainers.runc.version"
	runcCommit  = "org.opencontainers.runc.commit"
)

// Runtime asks the default shim which runtime it runs. Containerd starts the
// shim's binary for that, which takes some milliseconds.
func (c *Client) Runtime(ctx context.Context) (RuntimeVersion, error) {
	info, err := c.inner.RuntimeInfo(ctx, "", nil)
	if err != nil {
		return RuntimeVersion{}, err
	}
	out := RuntimeVersion{Name: info.Name}
	if f, ok := info.Features.(*features.Features); ok && f != nil {
		out.Version, out.Commit = f.Annotations[runcVersion], f.Annotations[runcCommit]
	}
	return out, nil
}
