// Package nerd is the way in for programs: it connects to containerd, starting
// the managed engine if there is no other, and hands out containers, images and
// networks. It prints nothing and reads neither flags nor the environment.
//
// The companion of a running container, nerd-monitor, has to be installed. At
// the end of a container it calls back: Config.Helper names the command, which
// may be the program itself if its main begins with
//
//	if nerd.IsInternal(os.Args[1:]) {
//		os.Exit(nerd.Internal(ctx, config, os.Args[1:], os.Stdout, os.Stderr))
//	}
package nerd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	apicontainer "github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/container/spec"
	"github.com/nerd-cli/nerd/pkg/ctrd"
	"github.com/nerd-cli/nerd/pkg/engine"
	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/event"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/logs/driver"
	"github.com/nerd-cli/nerd/pkg/namespace"
	"github.com/nerd-cli/nerd/pkg/netutil"
	"github.com/nerd-cli/nerd/pkg/registry"
	"github.com/nerd-cli/nerd/pkg/state"
	"github.com/nerd-cli/nerd/pkg/volume"
)

// Config says which containerd and which folders to use. Empty fields take the
// defaults of the design.
type Config struct {
	Address     string // containerd's socket; empty: /run/containerd/containerd.sock, else the managed engine
	Namespace   string // containerd's namespace; empty: default
	DataRoot    string // what survives a reboot; empty: /var/lib/nerd
	RunRoot     string // what does not; empty: /run/nerd
	Snapshotter string // empty: overlayfs
	Monitor     string // path of nerd-monitor; empty: looked for
	Logger      string // path of nerd-logger; empty: looked for
	// Log is the log driver of containers that ask for none, and its options;
	// empty: json-file.
	Log apicontainer.LogConfig
	// ForceForeign lets verbs change containers that other tools, such as a
	// kubelet, made.
	ForceForeign bool
	// Helper is the command the monitor runs when something happens to a
	// container; "internal VERB ID" is appended. Empty: the running program.
	Helper []string
	// HelperEnv is the environment of the helper besides a PATH. Nothing of the
	// caller's is passed on by itself.
	HelperEnv []string
	CNIPath   []string // folders of CNI plugins; empty: the engine's, then /opt/cni/bin and /usr/lib/cni
	// NetworkDirs are folders whose CNI conflists are networks, besides nerd's own.
	NetworkDirs []string
	// HostsDirs are folders of hosts.toml files; empty: containerd's and Docker's.
	HostsDirs []string
	// DockerConfigDir holds Docker's config.json with the credentials; empty: none.
	DockerConfigDir string
	Insecure        []string // registries, "host" or "host:port", whose TLS is not verified
	// Runtimes are OCI runtimes by name, besides runc, crun and paths.
	Runtimes       map[string]container.Runtime
	DefaultRuntime string   // empty: runc
	CDIDirs        []string // descriptions of devices; empty: /etc/cdi and /var/run/cdi
	// Init is the first process of containers that want one; its Binary, if empty,
	// is looked for as Monitor is.
	Init container.Init
}

// Client is a connection to one containerd namespace.
type Client struct {
	Containers *container.Service
	Images     *image.Service
	Networks   *netutil.Service
	Volumes    *volume.Service
	Events     *event.Log
	Namespaces *namespace.Service
	Layout     state.Layout
	Managed    bool // containerd is the engine of nerd's own

	ctrd   *ctrd.Client
	logged string // log driver of containers that ask for none
	// What a builder that is started has to know of registries.
	hostsDirs, insecure []string
}

// helperPath is where the helper finds iptables and the like.
const helperPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// helperAddress has the helper come back to the containerd that has the container,
// even if another one, that is preferred, has been started since.
const helperAddress = "CONTAINERD_ADDRESS="

// Open connects. Containerd itself is not asked anything yet.
func Open(ctx context.Context, cfg Config) (*Client, error) {
	layout, err := state.NewLayout(cfg.DataRoot, cfg.RunRoot, cfg.Namespace)
	if err != nil {
		return nil, err
	}
	if !engine.Listening(ctx, cfg.Address, layout) {
		if err := NoteExits(ctx, layout); err != nil {
			return nil, err
		}
	}
	address, managed, err := engine.Resolve(ctx, cfg.Address, layout)
	if err != nil {
		return nil, err
	}
	conn, err := ctrd.Dial(ctrd.Config{Address: address, Namespace: layout.Namespace, Snapshotter: cfg.Snapshotter})
	if err != nil {
		return nil, err
	}
	helper := cfg.Helper
	if len(helper) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("own executable: %w", err)
		}
		helper = []string{self}
	}
	c := &Client{Layout: layout, Managed: managed, ctrd: conn, Namespaces: namespace.New(conn, layout), logged: cmp.Or(cfg.Log.Type, driver.JSONFile), Events: event.NewLog(layout.Events()), hostsDirs: hostsDirs(cfg), insecure: cfg.Insecure}
	c.Images = image.New(conn, layout, NewRegistry(cfg))
	c.Images.SetEvents(c.Events)
	c.Networks = netutil.New(netutil.Config{
		Layout: layout, PluginDirs: pluginDirs(cfg, layout), ConflistDirs: cfg.NetworkDirs,
		Resolver: programPath("", "nerd-resolver", layout), Events: c.Events,
		Live: func(ctx context.Context, id string) (bool, error) { return c.Containers.Live(ctx, id) },
	})
	c.Volumes = volume.New(volume.Config{
		Layout: layout, Events: c.Events,
		Users: func(ctx context.Context) (map[string][]string, error) { return c.Containers.VolumeUsers(ctx) },
		Live:  func(ctx context.Context, id string) (bool, error) { return c.Containers.Live(ctx, id) },
	})
	c.Containers = container.New(container.Config{
		Layout: layout, Backend: conn, Images: c.Images, Networks: c.Networks, ForceForeign: cfg.ForceForeign, Volumes: c.Volumes, Events: c.Events,
		Host:   sync.OnceValues(func() (spec.Host, error) { return container.HostFacts() }),
		Logger: programPath(cfg.Logger, "nerd-logger", layout), Log: cfg.Log,
		Monitor: programPath(cfg.Monitor, "nerd-monitor", layout), Helper: helper,
		HelperEnv: append([]string{helperPath, helperAddress + address}, cfg.HelperEnv...),
		Runtimes:  cfg.Runtimes, DefaultRuntime: cfg.DefaultRuntime, CDIDirs: cfg.CDIDirs,
		Init: container.Init{Binary: programPath(cfg.Init.Binary, "nerd-init", layout), Default: cfg.Init.Default},
	})
	c.Namespaces.SetBuilder(c.removeBuilder)
	c.Images.SetInUse(c.imageUses)
	return c, nil
}

// imageUses lists the containers that need each image.
func (c *Client) imageUses(ctx context.Context) (image.Uses, error) {
	found, err := c.Containers.ImageUses(ctx)
	uses := image.Uses{}
	for key, list := range found {
		for _, u := range list {
			uses[key] = append(uses[key], image.User(u))
		}
	}
	return uses, err
}

// Repair compares what containers, networks and images hold with what lives, and
// mends it; a dry run only tells.
func (c *Client) Repair(ctx context.Context, dryRun bool) ([]container.Finding, error) {
	found, err := c.Containers.Repair(ctx, dryRun)
	images, ierr := c.Images.Repair(ctx, dryRun)
	for _, text := range images {
		found = append(found, container.Finding{Kind: "image", Name: text, Action: "free what a killed command was bringing in, or held"})
	}
	volumes, verr := c.Volumes.Repair(ctx, dryRun)
	for _, f := range volumes {
		found = append(found, container.Finding(f))
	}
	return found, errors.Join(err, ierr, verr)
}

// Close ends the connection.
func (c *Client) Close() error { return c.ctrd.Close() }

// Address is the socket of the containerd in use.
func (c *Client) Address() string { return c.ctrd.Address() }

// Snapshotter is the snapshotter of new containers.
func (c *Client) Snapshotter() string { return c.ctrd.SnapshotterName() }

// ServerVersion is the version and the revision of containerd.
func (c *Client) ServerVersion(ctx context.Context) (version, revision string, err error) {
	version, revision, err = c.ctrd.Version(ctx)
	if ctrd.IsUnreachable(err) {
		err = errs.WithHint(fmt.Errorf("cannot reach containerd at %s", c.Address()), "start it, or run `nerd engine up` for nerd's own")
	}
	return version, revision, err
}

// NewRegistry makes the way to registries that cfg describes. It needs no containerd.
func NewRegistry(cfg Config) *registry.Resolver {
	return registry.New(registry.Config{
		HostsDirs: hostsDirs(cfg), DockerConfigDir: cfg.DockerConfigDir, Insecure: cfg.Insecure, UserAgent: "nerd",
	})
}

func hostsDirs(cfg Config) []string {
	if len(cfg.HostsDirs) > 0 {
		return cfg.HostsDirs
	}
	return registry.DefaultHostsDirs("")
}

func pluginDirs(cfg Config, l state.Layout) []string {
	if len(cfg.CNIPath) > 0 {
		return cfg.CNIPath
	}
	return []string{filepath.Join(l.Engine(), "cni"), filepath.Join(state.DefaultDataRoot, "engine", "cni"), "/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"}
}

// ProgramPath finds a program of nerd's own, such as nerd-build. If it is nowhere,
// its name alone is the answer.
func ProgramPath(name string, l state.Layout) string { return programPath("", name, l) }

// programPath finds a program of nerd's own: as configured, beside this one, with
// the engine, or on the PATH. If it is nowhere, the error comes when it is needed.
func programPath(configured, name string, l state.Layout) string {
	if configured != "" {
		return configured
	}
	var places []string
	if self, err := os.Executable(); err == nil {
		dir := filepath.Dir(self)
		places = append(places, filepath.Join(dir, name), filepath.Join(dir, "..", "libexec", "nerd", name))
	}
	places = append(places, filepath.Join(l.Engine(), "bin", name), filepath.Join(state.DefaultDataRoot, "engine", "bin", name))
	for _, p := range places {
		if fi, err := os.Stat(p); err == nil && fi.Mode().IsRegular() {
			return p
		}
	}
	if p, err := exec.LookPath(name); err == nil {
		return p
	}
	return name
}

// exitRestart is how a helper tells the monitor to start the container again
// after the delay that it printed (sysexits' EX_TEMPFAIL: try later).
const exitRestart = 75

// IsInternal tells whether args are a call of nerd-monitor.
func IsInternal(args []string) bool { return len(args) == 3 && args[0] == "internal" }

// Internal does what nerd-monitor asks for: "internal exited|cleanup|close-stdin|restart|health|thaw ID".
// It returns the exit status of the program, and what to print on stdout.
func (c *Client) Internal(ctx context.Context, verb, id string) (status int, stdout string, err error) {
	switch verb {
	case "exited":
		again, err := c.Containers.Finish(ctx, id)
		if err != nil {
			return 1, "", err
		}
		if again.Wanted {
			return exitRestart, fmt.Sprintf("restart %d\n", again.After.Milliseconds()), nil
		}
		return 0, "", c.Containers.Cleanup(ctx, id)
	case "cleanup":
		return 0, "", c.Containers.Cleanup(ctx, id)
	case "close-stdin":
		return 0, "", c.Containers.CloseStdin(ctx, id)
	case "restart":
		return 0, "", c.Containers.RestartExited(ctx, id)
	case container.ThawVerb:
		return 0, "", c.Containers.Thaw(ctx, id)
	case "health":
		next, err := c.Containers.CheckHealth(ctx, id)
		if err != nil {
			return 1, "", err
		}
		return 0, fmt.Sprintf("next %d\n", next.Milliseconds()), nil
	}
	return 1, "", errors.New("unknown internal verb " + verb)
}

// Checkable is an error if an internal verb is not to be served now: a health
// check must not start an engine that somebody has stopped.
func Checkable(ctx context.Context, cfg Config, verb string) error {
	layout, err := state.NewLayout(cfg.DataRoot, cfg.RunRoot, cfg.Namespace)
	if err == nil && verb == "health" && !engine.Listening(ctx, cfg.Address, layout) {
		err = errors.New("no containerd is running: nothing is checked until one is")
	}
	return err
}

// NoteExits keeps, before the engine is started, how containers have ended while
// it did not run: containerd forgets that at its start.
func NoteExits(ctx context.Context, l state.Layout) error {
	if engine.Listening(ctx, engine.Socket(l), l) {
		return nil
	}
	list, err := ctrd.EndedShims(ctx, engine.Socket(l))
	for _, e := range list {
		own, lerr := state.NewLayout(l.Data, l.Run, e.Namespace)
		if lerr == nil {
			lerr = container.NoteExit(own, e.ID, e.Exit)
		}
		err = errors.Join(err, lerr)
	}
	return err
}

// Internal is Client.Internal for a program that has no client yet; args are as
// for IsInternal. It writes to the streams what Client.Internal returns. Nobody
// but a debugger reads an error: the next command on the container finishes what
// could not be done.
func Internal(ctx context.Context, cfg Config, args []string, stdout, stderr io.Writer) int {
	status, out, err := internal(ctx, cfg, args)
	if err == nil {
		_, err = io.WriteString(stdout, out)
	}
	if err != nil {
		fmt.Fprintln(stderr, "nerd:", err)
		return max(status, 1)
	}
	return status
}

func internal(ctx context.Context, cfg Config, args []string) (status int, stdout string, err error) {
	if err := Checkable(ctx, cfg, args[1]); err != nil {
		return 1, "", err
	}
	client, err := Open(ctx, cfg)
	if err != nil {
		return 1, "", err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	return client.Internal(ctx, args[1], args[2])
}
