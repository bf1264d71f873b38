package container

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/metadata"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/nerd-cli/nerd/pkg/container/spec"
	"github.com/nerd-cli/nerd/pkg/ctrd"
	"github.com/nerd-cli/nerd/pkg/ctrd/ctrdtest"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/netutil"
	"github.com/nerd-cli/nerd/pkg/state"
	"github.com/nerd-cli/nerd/pkg/volume"
)

// world is a Service on a real containerd store in this process, with tasks,
// images and networks made up.
type world struct {
	*Service
	store *ctrdtest.Store
	tasks *fakeTasks
	net   *fakeNetworks
}

func newWorld(t *testing.T) (*world, context.Context) {
	t.Helper()
	store := ctrdtest.New(t)
	layout, err := state.NewLayout(t.TempDir(), t.TempDir(), ctrdtest.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{store: store, tasks: &fakeTasks{exits: map[string]ctrd.Exit{}}, net: &fakeNetworks{}}
	w.Service = New(Config{
		Layout: layout, Backend: &backend{store.Client, metadata.NewContainerStore(store.DB), w.tasks}, Images: fakeImages{}, Networks: w.net,
		Host:    func() (spec.Host, error) { return spec.Host{CgroupV2: true}, nil },
		Monitor: "/nonexistent/nerd-monitor",
		Volumes: volume.New(volume.Config{Layout: layout, Users: func(ctx context.Context) (map[string][]string, error) { return w.VolumeUsers(ctx) }}),
	})
	// The user of the image is known, so that no root file system is mounted.
	key := sha256.Sum256([]byte(strings.Join([]string{"", "", ""}, "\x00")))
	cache := filepath.Join(layout.ImageCache(), "user-"+hex.EncodeToString(key[:16])+".json")
	if err := state.WriteJSON(cache, spec.User{}); err != nil {
		t.Fatal(err)
	}
	return w, store.Context(t)
}

func (w *world) create(t *testing.T, ctx context.Context, name string, change ...func(*container.HostConfig)) string {
	t.Helper()
	id, err := w.tryCreate(ctx, name, change...)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (w *world) tryCreate(ctx context.Context, name string, change ...func(*container.HostConfig)) (string, error) {
	hc := &container.HostConfig{NetworkMode: "bridge"}
	for _, c := range change {
		c(hc)
	}
	res, err := w.Create(ctx, CreateOptions{Name: name, Config: &container.Config{Image: "img", Cmd: []string{"true"}}, HostConfig: hc})
	return res.ID, err
}

// ran makes a container look as if its process had run and were gone.
func (w *world) ran(t *testing.T, ctx context.Context, id string, code uint32) {
	t.Helper()
	c, err := w.get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	c.Status.State, c.Status.Process, c.Status.StartedAt = container.StateRunning, state.Process{PID: 1 << 30, Start: 1}, now()
	if err := w.saveStatus(ctx, c); err != nil {
		t.Fatal(err)
	}
	w.tasks.exits[id] = ctrd.Exit{Code: code, At: time.Now()}
}

type backend struct {
	*ctrd.Client
	containers containers.Store
	tasks      ctrd.Tasks
}

func (b *backend) Containers() containers.Store { return b.containers }
func (b *backend) Tasks() ctrd.Tasks            { return b.tasks }
func (b *backend) Address() string              { return "/run/test/containerd.sock" }

// fakeTasks knows tasks that have ended.
type fakeTasks struct {
	onExec  func() // called by Exec
	mu      sync.Mutex
	exits   map[string]ctrd.Exit
	deleted int

	updates   []*specs.LinuxResources
	updateErr error
}

func (f *fakeTasks) Delete(_ context.Context, id, _ string) (ctrd.Exit, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	exit, ok := f.exits[id]
	if !ok {
		return ctrd.Exit{}, errdefs.ErrNotFound
	}
	delete(f.exits, id)
	f.deleted++
	return exit, nil
}

func (f *fakeTasks) Create(context.Context, string, []mount.Mount, ctrd.Stdio) (uint32, error) {
	return 0, errdefs.ErrNotImplemented
}

func (f *fakeTasks) Start(context.Context, string, string) (uint32, error) {
	return 0, errdefs.ErrNotImplemented
}

func (f *fakeTasks) Exec(context.Context, string, string, *specs.Process, ctrd.Stdio) error {
	if f.onExec != nil {
		f.onExec()
	}
	return errdefs.ErrNotImplemented
}

func (f *fakeTasks) Update(_ context.Context, _ string, r *specs.LinuxResources) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.updates = append(f.updates, r)
	return f.updateErr
}

func (f *fakeTasks) Kill(context.Context, string, string, syscall.Signal, bool) error {
	return errdefs.ErrNotFound
}

func (f *fakeTasks) Wait(_ context.Context, id, _ string) (ctrd.Exit, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	exit, ok := f.exits[id]
	if !ok {
		return ctrd.Exit{}, errdefs.ErrNotFound
	}
	return exit, nil
}

func (f *fakeTasks) Get(context.Context, string, string) (ctrd.TaskState, error) {
	return ctrd.TaskState{}, errdefs.ErrNotFound
}

func (f *fakeTasks) Checkpoint(context.Context, string, ctrd.Image, bool) error {
	return errdefs.ErrNotImplemented
}

func (f *fakeTasks) Restore(context.Context, string, []mount.Mount, ctrd.Stdio, containers.RuntimeInfo, ctrd.Image) error {
	return errdefs.ErrNotImplemented
}

func (f *fakeTasks) Resize(context.Context, string, string, uint16, uint16) error {
	return errdefs.ErrNotFound
}
func (f *fakeTasks) CloseStdin(context.Context, string, string) error { return errdefs.ErrNotFound }
func (f *fakeTasks) Pause(context.Context, string) error              { return errdefs.ErrNotFound }
func (f *fakeTasks) Resume(context.Context, string) error             { return errdefs.ErrNotFound }
func (f *fakeTasks) List(context.Context) ([]string, error)           { return nil, nil }

type fakeImages struct{}

func (fakeImages) ResolveFor(_ context.Context, ref string, _ *ocispec.Platform) (*image.Image, error) {
	if ref != "img" {
		return nil, errdefs.ErrNotFound
	}
	return &image.Image{Name: "img"}, nil
}
func (fakeImages) EnsureUnpacked(context.Context, *image.Image, string) error { return nil }

// Commit runs what writes the layer.
func (fakeImages) Commit(_ context.Context, opts image.CommitOptions) (digest.Digest, error) {
	_, err := opts.Layer(io.Discard, "")
	return digest.FromString(opts.Name), err
}

// fakeNetworks counts what is given back; every port is taken when busy is set.
type fakeNetworks struct {
	mu       sync.Mutex
	busy     error
	detached []string
}

func (f *fakeNetworks) Network(_ context.Context, name string) (*netutil.Network, error) {
	return nil, errorf(errdefs.ErrNotFound, "network %s not found", name)
}

func (f *fakeNetworks) NewSandbox(context.Context, string) (string, error) { return "/netns", nil }
func (f *fakeNetworks) Attach(context.Context, netutil.AttachRequest) (*netutil.Attachment, error) {
	return &netutil.Attachment{}, nil
}

func (f *fakeNetworks) Detach(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.detached = append(f.detached, id)
	return nil
}

func (f *fakeNetworks) ReservePorts(_ context.Context, _, _ string, ports []netutil.PublishedPort) (*netutil.Reservation, error) {
	return &netutil.Reservation{Ports: ports}, f.busy
}

func (f *fakeNetworks) CheckEndpoint(_ context.Context, ep netutil.Endpoint) (string, error) {
	return ep.Network, nil
}

func (f *fakeNetworks) Connect(context.Context, netutil.AttachRequest) (*netutil.Attachment, error) {
	return &netutil.Attachment{}, nil
}

func (f *fakeNetworks) Disconnect(context.Context, string, string) (*netutil.Attachment, error) {
	return &netutil.Attachment{}, nil
}
func (f *fakeNetworks) Evict(context.Context, string, string) error  { return nil }
func (f *fakeNetworks) Retire(context.Context, string) error         { return nil }
func (f *fakeNetworks) Rename(context.Context, string, string) error { return nil }

func (f *fakeNetworks) Repair(context.Context, func(string) bool, bool) ([]netutil.Finding, error) {
	return nil, nil
}
