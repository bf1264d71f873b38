package inspect

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"

	"github.com/nerd-cli/nerd/pkg/netutil"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	created  = time.Date(2026, 11, 21, 4, 56, 3, 833290197, time.UTC)
	started  = created.Add(2 * time.Second)
	finished = created.Add(time.Minute)
	at       = finished.Add(5 * time.Minute)
)

func port(t *testing.T, text string) network.Port {
	t.Helper()
	p, err := network.ParsePort(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// example is a container as Docker 26 was asked for one, too:
// run -d --name s-g -p 18080:80 -p 127.0.0.1:18081:81/udp --expose 90 --label a=b
// -e A=1 -w /tmp -v /src:/data:ro --hostname hh --restart on-failure:3 IMG sleep 600
func example(t *testing.T, state container.ContainerState) Container {
	t.Helper()
	ports := network.PortSet{port(t, "80/tcp"): {}, port(t, "81/udp"): {}, port(t, "90/tcp"): {}}
	c := Container{
		ID: "55a67ba2f40091a37879f96ef38998d1b9ff0130dcea1f7e4641092322909f0f", Name: "s-g", Created: created,
		Path: "sleep", Args: []string{"600"}, ImageRef: "mtest", ImageID: "sha256:4fb3", Platform: "linux/amd64", Driver: "overlayfs",
		Config: &container.Config{
			Hostname: "hh", ExposedPorts: ports, Env: []string{"A=1"}, Cmd: []string{"sleep", "600"}, Image: "mtest", WorkingDir: "/tmp",
			Labels: map[string]string{"a": "b"},
		},
		HostConfig: &container.HostConfig{
			NetworkMode: "bridge", RestartPolicy: container.RestartPolicy{Name: "on-failure", MaximumRetryCount: 3}, Binds: []string{"/src:/data:ro"},
		},
		Mounts: []container.MountPoint{{
			Type: mount.TypeBind, Source: "/src", Destination: "/data", Mode: "ro", Propagation: mount.PropagationRPrivate,
		}},
		State: state,
	}
	if state == container.StateRunning || state == container.StatePaused {
		c.PID, c.StartedAt = 24855, started
		c.Ports = []netutil.PublishedPort{
			{HostPort: 18080, ContainerPort: 80, Protocol: "tcp"},
			{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: 18081, ContainerPort: 81, Protocol: "udp"},
		}
		c.Networks = map[string]*network.EndpointSettings{"bridge": {
			NetworkID: "net", EndpointID: "end", Gateway: netip.MustParseAddr("10.199.0.1"),
			IPAddress: netip.MustParseAddr("10.199.0.4"), IPPrefixLen: 16,
		}}
	}
	if state == container.StateExited {
		c.StartedAt, c.FinishedAt, c.ExitCode = started, finished, 137
	}
	return c
}

// golden compares v, as JSON, with a file of testdata.
func golden(t *testing.T, name string, v any) {
	t.Helper()
	got, err := json.MarshalIndent(v, "", "    ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; run the test with -update and look at the difference.\ngot %s", path, got)
	}
}

func TestGolden(t *testing.T) {
	files := Files{ResolvConf: "/d/resolv.conf", Hostname: "/d/hostname", Hosts: "/d/hosts", Log: "/d/log"}
	for _, state := range []container.ContainerState{container.StateCreated, container.StateRunning, container.StateExited} {
		c := example(t, state)
		golden(t, "inspect-"+string(state), Response(c, files))
		golden(t, "summary-"+string(state), Summary(c, at))
	}
}

// What Docker 26.1 printed for the example, less what each run makes anew. Keys it
// has and ours lacks, or values that differ, break scripts.
func TestSameAsDocker(t *testing.T) {
	for file, ours := range map[string]any{
		"docker-inspect-running": Response(example(t, container.StateRunning), Files{}),
		"docker-inspect-exited":  Response(example(t, container.StateExited), Files{}),
		"docker-summary-running": Summary(example(t, container.StateRunning), at),
	} {
		data, err := os.ReadFile(filepath.Join("testdata", file+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var want, got any
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(ours)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		contains(t, file, got, want)
	}
}

// contains tells of everything in want that is not in got.
func contains(t *testing.T, at string, got, want any) {
	t.Helper()
	object, ok := want.(map[string]any)
	if !ok {
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, Docker says %v", at, got, want)
		}
		return
	}
	have, ok := got.(map[string]any)
	if !ok {
		t.Errorf("%s is %v, Docker says %v", at, got, want)
		return
	}
	for key, value := range object {
		contains(t, at+"."+key, have[key], value)
	}
}

func TestStatusText(t *testing.T) {
	for _, c := range []struct {
		state container.ContainerState
		want  string
	}{
		{container.StateCreated, "Created"},
		{container.StateRunning, "Up 5 minutes"},
		{container.StatePaused, "Up 5 minutes (Paused)"},
		{container.StateRestarting, "Restarting (3) 5 minutes ago"},
		{container.StateExited, "Exited (3) 5 minutes ago"},
		{container.StateDead, "Dead"},
	} {
		in := Container{State: c.state, ExitCode: 3, StartedAt: finished, FinishedAt: finished}
		if got := StatusText(in, at); got != c.want {
			t.Errorf("%s: %q, want %q", c.state, got, c.want)
		}
	}
	if got := StatusText(Container{State: container.StateRunning, StartedAt: at}, at); got != "Up Less than a second" {
		t.Errorf("just started: %q", got)
	}
}

func TestCommand(t *testing.T) {
	for _, c := range []struct {
		path string
		args []string
		want string
	}{
		{"sleep", []string{"600"}, "sleep 600"},
		{"sh", []string{"-c", "a b"}, "sh -c 'a b'"},
		{"a b", []string{"c d"}, "a b 'c d'"}, // Docker quotes arguments alone
		{"true", nil, "true"},
	} {
		if got := command(Container{Path: c.path, Args: c.args}); got != c.want {
			t.Errorf("%q", got)
		}
	}
}

func TestPortsAreInOrder(t *testing.T) {
	c := example(t, container.StateRunning)
	c.Config.ExposedPorts[port(t, "90/udp")] = struct{}{}
	c.Config.ExposedPorts[port(t, "7/tcp")] = struct{}{}
	first := Ports(c)
	want := []string{"7/tcp", "80/tcp", "80/tcp", "81/udp", "90/tcp", "90/udp"}
	var got []string
	for _, p := range first {
		got = append(got, fmt.Sprintf("%d/%s", p.PrivatePort, p.Type))
	}
	if !slices.Equal(got, want) {
		t.Errorf("ports are %v, want %v", got, want)
	}
	if first[1].IP != netip.IPv4Unspecified() || first[2].IP != netip.IPv6Unspecified() {
		t.Errorf("families of 80/tcp: %v, %v", first[1].IP, first[2].IP)
	}
	for range 50 {
		if again := Ports(c); !reflect.DeepEqual(again, first) {
			t.Fatalf("the order changes: %v, %v", first, again)
		}
	}
}

// A stopped container publishes and exposes nothing, but is not without the tables.
func TestStoppedHasNoPorts(t *testing.T) {
	c := example(t, container.StateExited)
	if p := Ports(c); p == nil || len(p) > 0 {
		t.Errorf("ports are %#v", p)
	}
	if m := PortMap(c); m == nil || len(m) > 0 {
		t.Errorf("the port table is %#v", m)
	}
}

func TestNetworksOfAStoppedOne(t *testing.T) {
	for mode, want := range map[container.NetworkMode]string{"": "", "default": "bridge", "bridge": "bridge", "none": "none", "mine": "mine", "container:x": ""} {
		c := example(t, container.StateCreated)
		c.HostConfig.NetworkMode = mode
		got := networks(c)
		if _, ok := got[want]; want != "" && (!ok || len(got) != 1) || want == "" && len(got) > 0 {
			t.Errorf("mode %q: networks %v", mode, got)
		}
	}
	c := example(t, container.StateCreated)
	c.AskedNetworks = map[string]*network.EndpointSettings{"x": {Aliases: []string{"y"}}}
	if got := networks(c); len(got) != 1 || got["x"].Aliases[0] != "y" {
		t.Errorf("networks asked for: %v", got)
	}
}

func TestStateOf(t *testing.T) {
	for state, want := range map[container.ContainerState][4]bool{ // running, paused, restarting, dead
		container.StateCreated:    {},
		container.StateRunning:    {true, false, false, false},
		container.StatePaused:     {true, true, false, false},
		container.StateRestarting: {true, false, true, false},
		container.StateExited:     {},
		container.StateDead:       {false, false, false, true},
	} {
		s := stateOf(Container{State: state})
		if got := [4]bool{s.Running, s.Paused, s.Restarting, s.Dead}; got != want || s.Status != state {
			t.Errorf("%s: %v, want %v", state, got, want)
		}
		if s.StartedAt != "0001-01-01T00:00:00Z" || s.FinishedAt != s.StartedAt {
			t.Errorf("%s: never started is %q, %q", state, s.StartedAt, s.FinishedAt)
		}
	}
}
