package container

import (
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/nerd-cli/nerd/pkg/ctrd"
)

func TestRuntimeNames(t *testing.T) {
	w, _ := newWorld(t)
	w.cfg.Runtimes = map[string]Runtime{
		"mine": {Path: "/bin/sh", Options: map[string]any{"Root": "/x"}}, "gone": {Path: "/nosuch"}, "shim": {Type: "io.containerd.x.v1"},
		"both": {Type: "io.containerd.x.v1", Path: "/bin/sh"}, "bare": {Path: "sh"},
	}
	for name, want := range map[string]ctrd.RuntimeSpec{
		"runc":                   {},
		"io.containerd.runc.v2":  {},
		"io.containerd.runsc.v1": {Shim: "io.containerd.runsc.v1"},
		"/bin/sh":                {Binary: "/bin/sh"},
		"mine":                   {Binary: "/bin/sh"},
		"shim":                   {Shim: "io.containerd.x.v1"},
		"bare":                   {Binary: "sh"},
	} {
		got, err := w.runtime(name, false)
		if err != nil || got.Shim != want.Shim || got.Binary != want.Binary || got.SystemdCgroup {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, want := range map[string]string{
		"nosuch": "unknown or invalid runtime name: nosuch", "/nosuch": "there is no program /nosuch", "/etc/passwd": "is not a program", "/bin": "is not a program",
		"gone": "there is no program /nosuch", "both": "a path goes with the type", "runc.v2": "unknown", "a.b.c.d": "unknown", "a.b..v1": "unknown", "../x": "unknown",
		"io.containerd.x.v": "unknown", "": "unknown",
	} {
		if got, err := w.runtime(name, false); !errdefs.IsInvalidArgument(err) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %+v, %v", name, got, err)
		}
	}
	names, standard := w.Runtimes()
	if standard != "runc" || !slices.Contains(names, "mine") || !slices.Contains(names, "runc") {
		t.Errorf("%v, %s", names, standard)
	}
	w.cfg.DefaultRuntime = "mine"
	if _, standard := w.Runtimes(); standard != "mine" {
		t.Error(standard)
	}
}

func TestRuntimeOfNewContainers(t *testing.T) {
	w, ctx := newWorld(t)
	w.cfg.Runtimes, w.cfg.DefaultRuntime = map[string]Runtime{"mine": {Path: "/bin/sh"}}, "mine"
	id := w.create(t, ctx, "box")
	c, err := w.get(ctx, id)
	if err != nil || c.HostConfig.Runtime != "mine" {
		t.Errorf("%s, %v", c.HostConfig.Runtime, err)
	}
	raw, err := w.Service.store.Get(ctx, id)
	if err != nil || raw.Runtime.Name != ctrd.RuntimeRunc || raw.Runtime.Options == nil {
		t.Errorf("%+v, %v", raw.Runtime, err)
	}
	if _, err := w.tryCreate(ctx, "other", func(hc *container.HostConfig) { hc.Runtime = "nosuch" }); !errdefs.IsInvalidArgument(err) {
		t.Error(err)
	}
}

func TestDeviceRequests(t *testing.T) {
	w, _ := newWorld(t)
	gpu := [][]string{{"gpu"}}
	for want, r := range map[string]container.DeviceRequest{
		`could not select device driver "" with capabilities: [[gpu]]`:  {Count: -1, Capabilities: gpu},
		`could not select device driver "x" with capabilities: [[gpu]]`: {Driver: "x", Count: 1, Capabilities: gpu},
		`could not select device driver "" with capabilities: [[tpu]]`:  {Capabilities: [][]string{{"tpu"}}},
		"unresolvable CDI devices a.com/b=c":                            {Driver: "cdi", DeviceIDs: []string{"a.com/b=c"}},
	} {
		w.cfg.CDIDirs = []string{t.TempDir()}
		err := w.injectDevices([]container.DeviceRequest{r}, &specs.Spec{})
		if !errdefs.IsInvalidArgument(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if err := w.injectDevices(nil, nil); err != nil {
		t.Error(err)
	}
}
