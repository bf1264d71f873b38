package system

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/system"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/config"
	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/nerd"
)

func newFactory(t *testing.T) *factory.Factory {
	t.Helper()
	ios, _, _, _ := iostreams.Test()
	return &factory.Factory{
		IO: ios, Signals: &factory.Signals{},
		Config: func() (*config.Config, error) { return &config.Config{Debug: true}, nil },
		Client: func(context.Context) (*nerd.Client, error) {
			t.Error("containerd was asked")
			return nil, errors.New("none")
		},
	}
}

func execute(t *testing.T, cmd *cobra.Command, args string) error {
	t.Helper()
	cmd.SetArgs(strings.Fields(args))
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	return cmd.ExecuteContext(t.Context())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant:\n%s", path, got, want)
	}
}

func TestArgs(t *testing.T) {
	var version *VersionOptions
	if err := execute(t, NewCmdVersion(newFactory(t), func(_ context.Context, o *VersionOptions) error { version = o; return nil }), "-f json"); err != nil || version.Format != "json" {
		t.Fatalf("got %+v, %v", version, err)
	}
	var info *InfoOptions
	if err := execute(t, NewCmdInfo(newFactory(t), func(_ context.Context, o *InfoOptions) error { info = o; return nil }), "--format x"); err != nil || info.Format != "x" || !info.Debug {
		t.Fatalf("got %+v, %v", info, err)
	}
	var repair *RepairOptions
	if err := execute(t, NewCmdRepair(newFactory(t), func(_ context.Context, o *RepairOptions) error { repair = o; return nil }), "--dry-run"); err != nil || !repair.DryRun {
		t.Fatalf("got %+v, %v", repair, err)
	}
	var restore *RestoreOptions
	if err := execute(t, NewCmdRestore(newFactory(t), func(_ context.Context, o *RestoreOptions) error { restore = o; return nil }), ""); err != nil || restore == nil {
		t.Fatalf("got %v", err)
	}
	var inspect *InspectOptions
	keep := func(_ context.Context, o *InspectOptions) error { inspect = o; return nil }
	if err := execute(t, NewCmdInspect(newFactory(t), keep), "--type image -s -f {{.Id}} a b"); err != nil || inspect.Type != "image" || !inspect.Size || len(inspect.Names) != 2 {
		t.Fatalf("got %+v, %v", inspect, err)
	}
	if err := execute(t, NewCmdInspect(newFactory(t), keep), "--type x a"); err == nil || !strings.HasPrefix(err.Error(), `"x" is not a valid value for --type`) {
		t.Fatalf("got %v", err)
	}
	var internal *InternalOptions
	if err := execute(t, newInternal(newFactory(t), "exited", "X", func(_ context.Context, o *InternalOptions) error { internal = o; return nil }), "id"); err != nil || internal.ID != "id" || internal.Verb != "exited" {
		t.Fatalf("got %+v, %v", internal, err)
	}
}

func server() (system.VersionResponse, error) {
	return system.VersionResponse{Version: "v2.4.2", Components: []system.ComponentVersion{
		{Name: "containerd", Version: "v2.4.2", Details: map[string]string{"GitCommit": "abc"}},
		{Name: "runc", Version: "1.5.2", Details: map[string]string{"GitCommit": "def"}},
	}}, nil
}

func TestVersion(t *testing.T) {
	ios, _, out, _ := iostreams.Test()
	o := &VersionOptions{IO: ios, Server: func(context.Context) (system.VersionResponse, error) { return server() }}
	if err := runVersion(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(out.String(), "\n\n")
	golden(t, "version-server", text)
	if !strings.HasPrefix(out.String(), "Client:\n Version:           "+config.Version+"\n") {
		t.Errorf("got %s", out)
	}
	out.Reset()
	o.Format = "{{.Server.Version}} {{.Client.Version}}"
	if err := runVersion(t.Context(), o); err != nil || out.String() != "v2.4.2 "+config.Version+"\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

// Without a server, what is known is shown and the failure is told.
func TestVersionNoServer(t *testing.T) {
	down := errors.New("cannot reach containerd")
	for format, want := range map[string]string{"": "Client:", "{{.Client.Version}}": config.Version, "{{.Server.Version}}": ""} {
		ios, _, out, _ := iostreams.Test()
		o := &VersionOptions{IO: ios, Format: format, Server: func(context.Context) (system.VersionResponse, error) { return system.VersionResponse{}, down }}
		err := runVersion(t.Context(), o)
		if !errors.Is(err, down) || !strings.HasPrefix(out.String(), want) || strings.Contains(out.String(), "Server") {
			t.Errorf("%q: got %q, %v", format, out, err)
		}
	}
}

func TestInfo(t *testing.T) {
	ios, _, out, stderr := iostreams.Test()
	facts := system.Info{
		ID: "id", Containers: 3, ContainersRunning: 1, ContainersPaused: 1, ContainersStopped: 1, Images: 2, ServerVersion: "v2.4.2",
		Driver: "overlayfs", DriverStatus: [][2]string{{"driver-type", "x"}}, LoggingDriver: "json-file", CgroupDriver: "cgroupfs", CgroupVersion: "1",
		Plugins:  system.PluginsInfo{Network: []string{"bridge", "host"}, Log: []string{"json-file", "none"}},
		Runtimes: map[string]system.RuntimeWithStatus{"runc": {}, "other": {}}, DefaultRuntime: "runc",
		ContainerdCommit: system.Commit{ID: "abc"}, RuncCommit: system.Commit{ID: "def"},
		SecurityOptions: []string{"name=apparmor", "name=seccomp,profile=builtin"},
		KernelVersion:   "6.18", OperatingSystem: "Debian", OSType: "linux", Architecture: "x86_64", NCPU: 2, MemTotal: 24 << 30, Name: "host",
		DockerRootDir: "/var/lib/nerd", Warnings: []string{"WARNING: no swap limit"},
		Containerd: &system.ContainerdInfo{Address: "/x.sock", Namespaces: system.ContainerdNamespaces{Containers: "default"}},
	}
	o := &InfoOptions{IO: ios, Info: func(context.Context) (system.Info, error) { return facts, nil }}
	if err := runInfo(t.Context(), o); err != nil || stderr.String() != "WARNING: no swap limit\n" {
		t.Fatalf("got %q, %v", stderr, err)
	}
	_, text, _ := strings.Cut(out.String(), "\n\n")
	golden(t, "info-server", text)
	out.Reset()
	o.Format, o.Context = "{{.Containers}} {{.ClientInfo.Context}}", "default"
	if err := runInfo(t.Context(), o); err != nil || out.String() != "3 default\n" {
		t.Errorf("got %q, %v", out, err)
	}
	out.Reset()
	o.Format, o.Info = "", func(context.Context) (system.Info, error) { return system.Info{}, errors.New("down") }
	if err := runInfo(t.Context(), o); err == nil || !strings.HasPrefix(out.String(), "Client:") || strings.Contains(out.String(), "Server") {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestRepair(t *testing.T) {
	ios, _, out, stderr := iostreams.Test()
	o := &RepairOptions{IO: ios, DryRun: true, Repair: func(_ context.Context, dryRun bool) ([]container.Finding, error) {
		if !dryRun {
			t.Error("not dry")
		}
		return []container.Finding{{Kind: "task", Name: "a", Action: "remove"}, {Kind: "name", Name: "b", Action: "release", Err: errors.New("busy")}}, nil
	}}
	err := runRepair(t.Context(), o)
	if errs.Code(err, 0) != 1 || out.String() != "task a: remove\n" || stderr.String() != "nerd: name b: release: busy\n" {
		t.Fatalf("got %q, %q, %v", out, stderr, err)
	}
}

func TestRestore(t *testing.T) {
	ios, _, out, _ := iostreams.Test()
	failed := errors.New("one failed")
	o := &RestoreOptions{IO: ios, Restore: func(context.Context) ([]string, error) { return []string{"a", "b"}, failed }}
	if err := runRestore(t.Context(), o); !errors.Is(err, failed) || out.String() != "a\nb\n" {
		t.Fatalf("got %q, %v", out, err)
	}
}

type kinded struct{ error }

func (kinded) Unwrap() error { return errdefs.ErrNotFound }

func TestInspect(t *testing.T) {
	gone := kinded{errors.New("No such container: x")}
	finders := []Finder{
		{"container", true, func(_ context.Context, name string, _ bool) (any, error) {
			switch name {
			case "c", "both":
				return map[string]string{"Id": "container"}, nil
			case "broken":
				return nil, errors.New("corrupt record")
			}
			return nil, gone
		}},
		{"image", false, func(_ context.Context, name string, _ bool) (any, error) {
			if name == "i" || name == "both" {
				return map[string]string{"Id": "image"}, nil
			}
			return nil, gone
		}},
	}
	for _, tc := range []struct {
		names, kind, out, err string
	}{
		{"c i both", "", "container\nimage\ncontainer\n", ""},
		{"both", "image", "image\n", ""},
		{"i nosuch c", "", "image\ncontainer\n", "nerd: No such object: nosuch\n"},
		{"i", "container", "", "nerd: No such container: x\n"},
		{"broken", "", "", "nerd: corrupt record\n"},
	} {
		ios, _, out, stderr := iostreams.Test()
		err := runInspect(t.Context(), &InspectOptions{IO: ios, Finders: finders, Names: strings.Fields(tc.names), Type: tc.kind, Format: "{{.Id}}"})
		if out.String() != tc.out || stderr.String() != tc.err || (errs.Code(err, 0) == 1) != (tc.err != "") {
			t.Errorf("%s: got %q, %q, %v", tc.names, out, stderr, err)
		}
	}
}

func TestInternal(t *testing.T) {
	for _, tc := range []struct {
		status int
		text   string
		err    error
		want   int
	}{
		{0, "", nil, 0},
		{75, "restart 100\n", nil, 75},
		{0, "", errors.New("x"), 1},
		{3, "", errors.New("x"), 3},
	} {
		ios, _, out, _ := iostreams.Test()
		o := &InternalOptions{IO: ios, Verb: "exited", ID: "id", Do: func(_ context.Context, verb, id string) (int, string, error) {
			if verb != "exited" || id != "id" {
				t.Errorf("got %s %s", verb, id)
			}
			return tc.status, tc.text, tc.err
		}}
		if err := runInternal(t.Context(), o); errs.Code(err, 0) != tc.want || out.String() != tc.text {
			t.Errorf("%+v: got %q, %v", tc, out, err)
		}
	}
}
