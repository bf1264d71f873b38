package container

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/nerd-cli/nerd/pkg/state"
)

// What belongs to the other container cannot be set, in Docker's words.
func TestCheckShared(t *testing.T) {
	join := container.HostConfig{NetworkMode: "container:x"}
	with := func(change func(*container.HostConfig)) container.HostConfig {
		hc := join
		change(&hc)
		return hc
	}
	port := network.MustParsePort("80/tcp")
	for _, c := range []struct {
		own  container.Config
		hc   container.HostConfig
		mac  bool
		want string
	}{
		{container.Config{}, join, false, ""},
		{container.Config{Hostname: "h", Domainname: "d"}, container.HostConfig{NetworkMode: "host"}, false, ""},
		{container.Config{Hostname: "h"}, container.HostConfig{UTSMode: "host"}, false, "hostname and the UTS mode"},
		{container.Config{Domainname: "d"}, container.HostConfig{UTSMode: "host"}, false, "domainname and the UTS mode"},
		{container.Config{Hostname: "h"}, join, false, "hostname and the network mode"},
		{container.Config{Domainname: "d"}, join, false, "domainname and the network mode"},
		{container.Config{}, join, true, "mac-address and the network mode"},
		{container.Config{ExposedPorts: network.PortSet{port: {}}}, join, false, "port exposing and the container type network mode"},
		{container.Config{}, with(func(hc *container.HostConfig) { hc.PublishAllPorts = true }), false, "port publishing and the container type network mode"},
		{container.Config{}, with(func(hc *container.HostConfig) { hc.PortBindings = network.PortMap{port: nil} }), false, "port publishing and the container type network mode"},
		{container.Config{}, with(func(hc *container.HostConfig) { hc.DNS = []netip.Addr{{}} }), false, "dns and the network mode"},
		{container.Config{}, with(func(hc *container.HostConfig) { hc.DNSSearch = []string{"x"} }), false, "dns and the network mode"},
		{container.Config{}, with(func(hc *container.HostConfig) { hc.ExtraHosts = []string{"a:1.2.3.4"} }), false, "custom host-to-IP mapping and the network mode"},
		{container.Config{}, with(func(hc *container.HostConfig) { hc.Links = []string{"a"} }), false, "container type network can't be used with links"},
	} {
		p := &plan{}
		p.HostConfig = &c.hc
		if c.mac {
			p.Networks = map[string]*network.EndpointSettings{"container:x": {MacAddress: network.HardwareAddr{2, 0, 0, 0, 0, 1}}}
		}
		err := checkShared(&c.own, p)
		if (c.want == "") != (err == nil) || err != nil && (!strings.Contains(err.Error(), "conflicting options: "+c.want) || !errdefs.IsInvalidArgument(err)) {
			t.Errorf("%+v: %v, want %q", c.own, err, c.want)
		}
	}
}

// runs makes a container look as if this process were its first one.
func (w *world) runs(t *testing.T, ctx context.Context, id string) int {
	t.Helper()
	c, err := w.get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	self, err := state.Self()
	if err != nil {
		t.Fatal(err)
	}
	c.Status.State, c.Status.Process, c.Status.StartedAt = container.StateRunning, self, now()
	if err := w.saveStatus(ctx, c); err != nil {
		t.Fatal(err)
	}
	return self.PID
}

func TestJoinNamespaces(t *testing.T) {
	w, ctx := newWorld(t)
	donor := w.create(t, ctx, "donor", func(hc *container.HostConfig) { hc.IpcMode = "shareable" })
	pid := w.runs(t, ctx, donor)
	guest := w.create(t, ctx, "guest", func(hc *container.HostConfig) {
		hc.NetworkMode, hc.PidMode, hc.IpcMode = "container:donor", "container:"+container.PidMode(donor[:10]), "container:donor"
	})
	c, err := w.get(ctx, guest)
	if err != nil {
		t.Fatal(err)
	}
	if hc := c.HostConfig; string(hc.NetworkMode) != joinPrefix+donor || string(hc.PidMode) != joinPrefix+donor || string(hc.IpcMode) != joinPrefix+donor {
		t.Errorf("names were not resolved: %s %s %s", hc.NetworkMode, hc.PidMode, hc.IpcMode)
	}
	if c.FilesOf != donor || c.Config.Hostname != short(donor) {
		t.Errorf("the files are those of %q, the host name is %s", c.FilesOf, c.Config.Hostname)
	}
	still, err := w.joinNamespaces(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := still(); err != nil {
		t.Error(err)
	}
	c, err = w.get(ctx, guest)
	if err != nil {
		t.Fatal(err)
	}
	var oci specs.Spec
	if err := json.Unmarshal(c.oci, &oci); err != nil {
		t.Fatal(err)
	}
	want := map[specs.LinuxNamespaceType]string{
		specs.NetworkNamespace: w.cfg.Layout.Netns(donor),
		specs.PIDNamespace:     fmt.Sprintf("/proc/%d/ns/pid", pid),
		specs.IPCNamespace:     fmt.Sprintf("/proc/%d/ns/ipc", pid),
	}
	for _, ns := range oci.Linux.Namespaces {
		if ns.Path != want[ns.Type] {
			t.Errorf("%s: %q, want %q", ns.Type, ns.Path, want[ns.Type])
		}
	}
	sources := map[string]string{}
	for _, m := range oci.Mounts {
		sources[m.Destination] = m.Source
	}
	if sources["/dev/shm"] != w.shmDir(donor) || sources["/etc/hosts"] != filepath.Join(w.cfg.Layout.Container(donor), hostsFile) {
		t.Errorf("mounts: %v", sources)
	}
}

func TestJoinErrors(t *testing.T) {
	w, ctx := newWorld(t)
	idle := w.create(t, ctx, "idle")
	busy := w.create(t, ctx, "busy")
	w.runs(t, ctx, busy)
	again := w.create(t, ctx, "again")
	c, err := w.get(ctx, again)
	if err != nil {
		t.Fatal(err)
	}
	c.Status.State = container.StateRestarting
	if err := w.saveStatus(ctx, c); err != nil {
		t.Fatal(err)
	}
	for i, tc := range []struct {
		hc   container.HostConfig
		want string // at creation when it begins with a capital
	}{
		{container.HostConfig{NetworkMode: "container:idle"}, "cannot join network of a non running container: " + idle},
		{container.HostConfig{PidMode: "container:idle"}, "failed to join PID namespace: container " + idle + " is not running"},
		{container.HostConfig{IpcMode: "container:idle"}, "failed to join IPC namespace: container " + idle + " is not running"},
		{container.HostConfig{IpcMode: "container:busy"}, "failed to join IPC namespace: container " + busy + ": non-shareable IPC (hint: use IpcMode:shareable for the donor container)"},
		{container.HostConfig{PidMode: "container:again"}, "Container " + again + " is restarting, wait until the container is running"},
	} {
		id, err := w.tryCreate(ctx, fmt.Sprintf("guest%d", i), func(hc *container.HostConfig) {
			*hc = tc.hc
		})
		if err != nil {
			t.Fatal(err)
		}
		c, err := w.get(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.joinNamespaces(ctx, c); err == nil || err.Error() != tc.want {
			t.Errorf("%+v: %v", tc.want, err)
		}
	}
	for _, hc := range []container.HostConfig{{NetworkMode: "container:none"}, {PidMode: "container:none"}, {IpcMode: "container:none"}} {
		if _, err := w.tryCreate(ctx, "xx", func(own *container.HostConfig) { *own = hc }); err == nil || err.Error() != "No such container: none" {
			t.Errorf("%v", err)
		}
	}
	if _, err := w.tryCreate(ctx, "xx", func(hc *container.HostConfig) { hc.NetworkMode = "container:" }); !errdefs.IsInvalidArgument(err) {
		t.Errorf("no name: %v", err)
	}
}

// A guest of a guest has the files and the memory of the first one.
func TestJoinChain(t *testing.T) {
	w, ctx := newWorld(t)
	a := w.create(t, ctx, "aa", func(hc *container.HostConfig) { hc.IpcMode = "shareable" })
	w.create(t, ctx, "bb", func(hc *container.HostConfig) { hc.NetworkMode, hc.IpcMode = "container:aa", "container:aa" })
	id := w.create(t, ctx, "cc", func(hc *container.HostConfig) { hc.NetworkMode, hc.IpcMode = "container:bb", "container:bb" })
	c, err := w.get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if c.FilesOf != a || !strings.Contains(string(c.oci), `"source":"`+w.shmDir(a)+`"`) {
		t.Errorf("files of %q, specification %s", c.FilesOf, c.oci)
	}
}
