package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nerd-cli/nerd/test/e2e/testimage"
)

// environment is what the scripts of one run share.
type environment struct {
	target string   // nerd or docker
	bin    string   // absolute path of the target
	guest  bool     // inside the guest
	id     string   // tells this run's names from another's
	dir    string   // folder of this run: the link to the target, archives
	pass   []string // variables of the caller that scripts get too

	busybox, app []testimage.File
	registries   map[string]*registry // by kind
	registryLock sync.Mutex
}

// newEnvironment looks for the target. A reason means that nothing can be run
// and that nobody asked for it by name.
func newEnvironment() (env *environment, reason string, err error) {
	e := &environment{target: os.Getenv("NERD_TEST_TARGET"), guest: os.Getenv("NERD_TEST_GUEST") != "", registries: map[string]*registry{}}
	asked := e.target != ""
	if !asked {
		e.target = "nerd"
	}
	if err := e.find(); err != nil {
		if asked {
			return nil, "", err
		}
		return nil, err.Error(), nil
	}
	id := make([]byte, 2)
	if _, err := rand.Read(id); err != nil {
		return nil, "", err
	}
	e.id = hex.EncodeToString(id)
	if e.dir, err = os.MkdirTemp("", "nerd-e2e-"); err != nil {
		return nil, "", err
	}
	return e, "", e.prepare()
}

// find locates the target's program.
func (e *environment) find() error {
	var err error
	switch e.target {
	case "docker":
		e.bin, err = exec.LookPath("docker")
		e.pass = []string{"DOCKER_HOST", "DOCKER_CONFIG"}
		return err
	case "nerd":
		if os.Geteuid() != 0 {
			return errors.New("containers need root: run the tests with sudo")
		}
		e.pass = []string{"CONTAINERD_ADDRESS", "NERD_DATA_ROOT", "NERD_RUN_ROOT", "NERD_TOML"}
		if e.bin = os.Getenv("NERD_BIN"); e.bin == "" {
			e.bin = filepath.Join("..", "..", "bin", "nerd")
		}
		if e.bin, err = filepath.Abs(e.bin); err != nil {
			return err
		}
		if _, err := os.Stat(e.bin); err != nil {
			return fmt.Errorf("%s is missing: run make build first", e.bin)
		}
		return nil
	}
	return fmt.Errorf("NERD_TEST_TARGET is %q: it can be nerd or docker", e.target)
}

// prepare makes what all scripts use: the target under the name nerd, and the
// files of the images.
func (e *environment) prepare() error {
	if err := os.Mkdir(filepath.Join(e.dir, "bin"), 0o755); err != nil {
		return err
	}
	for _, name := range []string{"nerd", "docker"} {
		if err := os.Symlink(e.bin, filepath.Join(e.dir, "bin", name)); err != nil {
			return err
		}
	}
	var err error
	if e.busybox, err = testimage.Busybox("/bin/busybox"); err != nil {
		return err
	}
	app := os.Getenv("NERD_TEST_APP")
	if app == "" {
		app = filepath.Join(e.dir, "app")
		build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", app, "./testdata/app")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("cannot build testdata/app: %w\n%s", err, out)
		}
	}
	e.app, err = testimage.Program(app, "app")
	return err
}

// run runs the tests between two looks at the machine.
func (e *environment) run(m *testing.M) int {
	if err := e.warm(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	before := e.snapshot()
	code := m.Run()
	e.stopRegistries()
	if left := e.leaks(before); len(left) > 0 {
		fmt.Fprintf(os.Stderr, "--- FAIL: left behind after the suite:\n    %s\n", strings.Join(left, "\n    "))
		code = max(code, 1)
	} else {
		e.removeFolders()
	}
	if err := os.RemoveAll(e.dir); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
	}
	return code
}

// removeFolders removes the namespaces' own folders, which hold caches by now.
func (e *environment) removeFolders() {
	for _, dir := range []string{root("NERD_RUN_ROOT", "/run/nerd"), root("NERD_DATA_ROOT", "/var/lib/nerd")} {
		dirs, err := filepath.Glob(filepath.Join(dir, "e2e-"+e.id+"-*"))
		if err != nil {
			continue
		}
		for _, d := range dirs {
			if err := os.RemoveAll(d); err != nil {
				fmt.Fprintln(os.Stderr, "e2e:", err)
			}
		}
	}
}

// warm runs a first container, so that the engine is up and what stays on
// purpose, such as the bridge and its rules, is there before the first look.
func (e *environment) warm() error {
	name := e.namespace("warm")
	vars := append(os.Environ(), "NERD_NAMESPACE="+name)
	ref, err := e.load(vars, name, "busybox")
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	cmd := exec.Command(e.bin, "run", "--rm", "-p", port+":80", ref, "true")
	cmd.Env = vars
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the first container fails: %w\n%s", err, out)
	}
	// The first network with IPv6 has the firewall make its tables for that.
	for _, args := range [][]string{{"network", "create", "--ipv6", "--subnet", "fd00:e2e::/64", name + "-six"}, {"network", "rm", name + "-six"}} {
		cmd := exec.Command(e.bin, args...)
		cmd.Env = vars
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("the first network fails: %w\n%s", err, out)
		}
	}
	e.sweep(vars, name)
	return nil
}

// namespace is the containerd namespace, and the prefix of all names, of one
// script. No script's prefix, with the hyphen after it, begins another's.
func (e *environment) namespace(script string) string {
	return "e2e-" + e.id + "-" + strings.ReplaceAll(script, "-", "")
}

// setup gives a script its own namespace, names, ports and image.
func (e *environment) setup(env *testscript.Env) error {
	name := e.namespace(scriptName(env))
	env.Setenv("PATH", filepath.Join(e.dir, "bin")+":"+env.Getenv("PATH"))
	env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
	env.Setenv("NAME", name)
	env.Setenv("NERD_NAMESPACE", name)
	for _, key := range e.pass {
		if v, ok := os.LookupEnv(key); ok {
			env.Setenv(key, v)
		}
	}
	for _, key := range []string{"PORT", "PORT2", "PORT3"} {
		port, err := freePort()
		if err != nil {
			return err
		}
		env.Setenv(key, port)
	}
	env.Setenv("HOSTIP", hostAddress())
	// The first parts of subnets for this script alone: $NET.0/24, $NET6::/64.
	net := make([]byte, 4)
	if _, err := rand.Read(net); err != nil {
		return err
	}
	env.Setenv("NET", fmt.Sprintf("10.%d.%d", 100+net[0]%100, net[1]))
	env.Setenv("NET6", fmt.Sprintf("fd00:%x%02x:%x%02x", net[0]|0x10, net[1], net[2]|0x10, net[3]))
	env.Setenv("TARGET", e.target)
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return err
	}
	env.Setenv("ROOT", root) // of the project
	env.Setenv("NERD", e.bin)
	if err := os.MkdirAll(filepath.Join(env.WorkDir, "home"), 0o700); err != nil {
		return err
	}
	ref, err := e.load(env.Vars, name, "busybox")
	if err != nil {
		return err
	}
	env.Setenv("IMG", ref)
	env.Defer(func() { e.finish(env, name) })
	return nil
}

// scriptName is the name of the script that env belongs to.
func scriptName(env *testscript.Env) string {
	return strings.TrimPrefix(filepath.Base(env.WorkDir), "script-")
}

// load puts one of the images into the namespace and returns its reference. A
// label with the script's name makes what it leaves behind findable.
func (e *environment) load(vars []string, name, kind string) (string, error) {
	path, ref, err := e.archive(name, kind)
	if err != nil {
		return "", err
	}
	cmd := exec.Command(e.bin, "load", "-q", "-i", path)
	cmd.Env = vars
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot load the image %s: %w\n%s", ref, err, out)
	}
	return ref, nil
}

// archive writes one of the images as a tar and returns its path and reference;
// rootfs is the bare files of busybox.
func (e *environment) archive(name, kind string) (path, ref string, err error) {
	ref = "localhost/" + name + "/" + kind + ":1"
	path = filepath.Join(e.dir, name+"-"+kind+".tar")
	var buf bytes.Buffer
	if kind == "rootfs" {
		if err := testimage.Rootfs(&buf, e.busybox); err != nil {
			return "", "", err
		}
		return path, "", os.WriteFile(path, buf.Bytes(), 0o600)
	}
	img := testimage.Image{Refs: []string{ref}, Files: e.busybox}
	img.Config.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	img.Config.Labels = map[string]string{"nerd.e2e": name}
	switch kind {
	case "busybox":
		img.Config.Cmd = []string{"sh"}
	case "app":
		img.Files, img.Config = e.app, ocispec.ImageConfig{Labels: img.Config.Labels, Entrypoint: []string{"/app"}}
	case "config":
		img.Config.Entrypoint = []string{"/bin/echo", "entry"}
		img.Config.Cmd = []string{"cmd"}
		img.Config.User = "alice"
		img.Config.WorkingDir = "/made/by/image"
		img.Config.Env = append(img.Config.Env, "FROM_IMAGE=yes", "CHANGED=no")
		img.Config.Labels["from"] = "image"
		img.Config.StopSignal = "SIGUSR1"
		img.Config.ExposedPorts = map[string]struct{}{"80/tcp": {}}
	case "volumes":
		img.Config.Cmd = []string{"sh"}
		img.Files = append(slices.Clone(img.Files), testimage.Volumes...)
		img.Config.Volumes = map[string]struct{}{"/data": {}, "/empty": {}, "/absent": {}}
	default:
		return "", "", fmt.Errorf("there is no image %q: busybox, app, config, volumes", kind)
	}
	if err := testimage.Write(&buf, img); err != nil {
		return "", "", err
	}
	return path, ref, os.WriteFile(path, buf.Bytes(), 0o600)
}

// ports hands out numbers below the ephemeral range, each once per run.
var ports struct {
	sync.Mutex
	next int
}

// freePort is a TCP port of the host that nobody listens on.
func freePort() (string, error) {
	ports.Lock()
	defer ports.Unlock()
	if ports.next == 0 {
		ports.next = 20000 + os.Getpid()%10000
	}
	for range 2000 {
		ports.next++
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", ports.next))
		if err != nil {
			continue
		}
		return fmt.Sprint(ports.next), l.Close()
	}
	return "", errors.New("no free port was found")
}

// hostAddress is an IPv4 address of the host that is not of a loopback.
func hostAddress() string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return ""
	}
	i := slices.IndexFunc(addrs, func(a net.Addr) bool {
		ip, ok := a.(*net.IPNet)
		return ok && ip.IP.To4() != nil && ip.IP.IsGlobalUnicast()
	})
	if i < 0 {
		return ""
	}
	return addrs[i].(*net.IPNet).IP.String()
}
