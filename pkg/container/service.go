// Package container makes, starts, follows and removes containers. It knows
// Docker's configuration on one side and containerd's tasks on the other; it
// prints nothing and reads no flags.
package container

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/container/spec"
	"github.com/nerd-cli/nerd/pkg/ctrd"
	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/event"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/netutil"
	"github.com/nerd-cli/nerd/pkg/state"
	"github.com/nerd-cli/nerd/pkg/volume"
)

// Images is what containers need of images.
type Images interface {
	// ResolveFor finds a local image by name, digest or id, for a platform; nil
	// is the host's.
	ResolveFor(ctx context.Context, ref string, platform *ocispec.Platform) (*image.Image, error)
	// EnsureUnpacked makes the snapshot of the image's last layer.
	EnsureUnpacked(ctx context.Context, img *image.Image, snapshotter string) error
	// Commit makes an image of another and a layer.
	Commit(ctx context.Context, opts image.CommitOptions) (digest.Digest, error)
}

// Networks is what containers need of networks.
type Networks interface {
	NewSandbox(ctx context.Context, id string) (path string, err error)
	Attach(ctx context.Context, req netutil.AttachRequest) (*netutil.Attachment, error)
	Detach(ctx context.Context, id string) error
	ReservePorts(ctx context.Context, name, id string, ports []netutil.PublishedPort) (*netutil.Reservation, error)
	Repair(ctx context.Context, live func(id string) bool, dryRun bool) ([]netutil.Finding, error)
	Network(ctx context.Context, ref string) (*netutil.Network, error)
	CheckEndpoint(ctx context.Context, ep netutil.Endpoint) (name string, err error)
	Connect(ctx context.Context, req netutil.AttachRequest) (*netutil.Attachment, error)
	Disconnect(ctx context.Context, id, network string) (*netutil.Attachment, error)
	Evict(ctx context.Context, network, container string) error
	Rename(ctx context.Context, id, name string) error
	Retire(ctx context.Context, id string) error
}

// Backend is what containers need of containerd.
type Backend interface {
	Containers() containers.Store
	Leases() leases.Manager
	Snapshots(name string) snapshots.Snapshotter
	SnapshotterName() string
	Tasks() ctrd.Tasks
	Address() string // of containerd's socket
	Shims() ([]ctrd.Shim, error)
	Context(ctx context.Context) context.Context
}

// Config is what a Service is made of.
type Config struct {
	Layout   state.Layout
	Backend  Backend
	Images   Images
	Networks Networks
	Volumes  *volume.Service
	Events   event.Sink                // told what happens; nil: nobody
	Host     func() (spec.Host, error) // facts of the machine; called once, when the first spec is made
	Monitor  string                    // path of nerd-monitor
	Logger   string                    // path of nerd-logger
	Log      container.LogConfig       // of containers that ask for no driver; empty: json-file
	// Helper is the command that a monitor runs to have an exit handled, such as
	// "nerd --namespace default"; "internal VERB ID" is appended.
	Helper []string
	// ForceForeign lets verbs change containers that others, such as a kubelet, made.
	ForceForeign bool
	HelperEnv    []string // the helper's environment, nothing else is passed on
	// Runtimes are the OCI runtimes of the configuration, by name.
	Runtimes       map[string]Runtime
	DefaultRuntime string // of containers that ask for none; empty: runc
	// CDIDirs are the folders of descriptions of devices; empty: the usual ones.
	CDIDirs []string
	Init    Init
}

// Service is the container part of nerd. Its methods may be called from several
// goroutines and several processes at once.
type Service struct {
	cfg    Config
	store  containers.Store
	leases leases.Manager
	tasks  ctrd.Tasks
}

// New makes a Service. It does nothing yet.
func New(cfg Config) *Service {
	return &Service{cfg: cfg, store: cfg.Backend.Containers(), leases: cfg.Backend.Leases(), tasks: cfg.Backend.Tasks()}
}

// find resolves what a user typed: a name, an id, or a prefix of an id that no
// other container has. As in Docker, a whole id wins over a name, and a name
// over a prefix. One call to containerd.
func (s *Service) find(ctx context.Context, ref string) (*Container, error) {
	ref = strings.TrimPrefix(ref, "/")
	if strings.HasPrefix(ref, podScheme) {
		return s.findPod(ctx, ref)
	}
	if ref == "" || strings.ContainsAny(ref, "\"\\/ \t\n") {
		return nil, notFound(ref)
	}
	filters := []string{fmt.Sprintf("id==%q", ref), fmt.Sprintf("labels.%q==%q", labelName, ref)}
	if isHex(ref) {
		filters = append(filters, fmt.Sprintf("id~=%q", "^"+ref))
	}
	list, err := s.store.List(ctx, filters...)
	if err != nil {
		return nil, unreachable(err)
	}
	best, rank, ties := -1, 0, 0
	for i, c := range list {
		r := matchRank(c, ref)
		switch {
		case r > rank:
			best, rank, ties = i, r, 0
		case r == rank:
			ties++
		}
	}
	switch {
	case best < 0:
		return nil, notFound(ref)
	case ties > 0:
		return nil, fmt.Errorf("multiple containers match the id prefix %q: give more of it: %w", ref, errdefs.ErrInvalidArgument)
	}
	out, err := decode(list[best])
	if err == nil {
		s.observe(ctx, out)
	}
	return out, err
}

func matchRank(c containers.Container, ref string) int {
	switch {
	case c.ID == ref:
		return 3
	case c.Labels[labelName] == ref:
		return 2
	case strings.HasPrefix(c.ID, ref):
		return 1
	}
	return 0
}

// get reads a container by its whole id.
func (s *Service) get(ctx context.Context, id string) (*Container, error) {
	c, err := s.store.Get(ctx, id)
	if errdefs.IsNotFound(err) {
		return nil, notFound(id)
	}
	if err != nil {
		return nil, unreachable(err)
	}
	return decode(c)
}

// own is find for verbs that need what nerd keeps of a container: those of others
// are refused.
func (s *Service) own(ctx context.Context, ref, verb string) (*Container, error) {
	c, err := s.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	if c.Foreign {
		return nil, refuseForeign(c, verb)
	}
	return c, nil
}

// lock serialises the changes of one container across processes.
func (s *Service) lock(ctx context.Context, id string) (*state.Lock, error) {
	return state.AcquireLock(ctx, filepath.Join(s.cfg.Layout.ContainerRun(id), "lock"))
}

// locked re-reads the container under its lock and runs fn on it.
func (s *Service) locked(ctx context.Context, id string, fn func(*Container) error) error {
	l, err := s.lock(ctx, id)
	if err != nil {
		return err
	}
	c, err := s.get(ctx, id)
	if errdefs.IsNotFound(err) { // removed meanwhile: the lock has made its folder anew
		_ = l.Remove()
		_ = os.Remove(s.cfg.Layout.ContainerRun(id)) // fails while somebody still has a file there
		return err
	}
	defer func() { _ = l.Release() }()
	if err != nil {
		return err
	}
	return fn(c)
}

func notFound(ref string) error {
	return &messageError{msg: "No such container: " + ref, kind: errdefs.ErrNotFound}
}

// messageError is an error whose text is Docker's own and whose kind does not
// show in it.
type messageError struct {
	msg  string
	kind error
}

func (e *messageError) Error() string { return e.msg }
func (e *messageError) Unwrap() error { return e.kind }

func errorf(kind error, format string, args ...any) error {
	return &messageError{msg: fmt.Sprintf(format, args...), kind: kind}
}

// unreachable says in one line what a failed dial means.
func unreachable(err error) error {
	if ctrd.IsUnreachable(err) {
		return errs.WithHint(fmt.Errorf("cannot reach containerd: %w", err), "start one, or run `nerd engine up`")
	}
	return err
}

func isHex(s string) bool {
	for _, r := range s {
		if (r < '0' || r > '9') && (r < 'a' || r > 'f') {
			return false
		}
	}
	return true
}
