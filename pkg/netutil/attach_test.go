package netutil

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/moby/moby/api/types/network"
)

func request(id string, ports ...PublishedPort) AttachRequest {
	return AttachRequest{ContainerID: id, Name: "web", Endpoints: []Endpoint{{Network: NetworkDefault}}, Ports: ports}
}

var web = PublishedPort{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}

func TestAttachWritesIntentFirst(t *testing.T) {
	s, h, plugins := fakeService(t)
	if _, err := s.Attach(t.Context(), request("c1")); !errdefs.IsFailedPrecondition(err) {
		t.Fatalf("without a sandbox: %v", err)
	}
	path, err := s.NewSandbox(t.Context(), "c1")
	if err != nil || path != s.cfg.Layout.Netns("c1") {
		t.Fatalf("%s, %v", path, err)
	}
	plugins.before = func(call string) error {
		rec, err := s.load("c1")
		if err != nil || rec == nil || len(rec.Joined) != 1 || rec.complete() {
			return fmt.Errorf("at %s the record is %+v, %v", call, rec, err)
		}
		return nil
	}
	a, err := s.Attach(t.Context(), request("c1", web))
	if err != nil {
		t.Fatal(err)
	}
	if got := plugins.took(); !slices.Equal(got, []string{"ADD bridge eth0", "ADD portmap eth0"}) {
		t.Errorf("calls %v", got)
	}
	es := a.Networks[NetworkBridge]
	if es == nil || es.IPAddress.String() != "10.9.0.2" || es.IPPrefixLen != 16 || es.Gateway.String() != "10.9.0.1" ||
		es.MacAddress.String() != "02:00:00:00:00:07" || es.NetworkID != hash("network", NetworkBridge) || es.EndpointID == "" {
		t.Errorf("settings %+v", es)
	}
	if !slices.Equal(h.prepared, []string{NetworkBridge}) {
		t.Errorf("prepared %v", h.prepared)
	}

	// A restart in the same namespace is no new ADD, other ports are.
	if _, err := s.NewSandbox(t.Context(), "c1"); err != nil {
		t.Fatal(err)
	}
	b, err := s.Attach(t.Context(), request("c1", web))
	if err != nil || b.Networks[NetworkBridge].IPAddress != es.IPAddress || len(plugins.took()) != 0 {
		t.Errorf("again: %+v, %v", b, err)
	}
	plugins.before = nil
	if _, err := s.Attach(t.Context(), request("c1")); err != nil {
		t.Fatal(err)
	}
	if got := plugins.took(); !slices.Equal(got, []string{"DEL portmap eth0", "DEL bridge eth0", "ADD bridge eth0"}) {
		t.Errorf("calls %v", got)
	}
	for range 2 {
		if err := s.Detach(t.Context(), "c1"); err != nil {
			t.Fatal(err)
		}
	}
	nothingLeft(t, s)
}

func TestAttachUndoesOnFailure(t *testing.T) {
	s, _, plugins := fakeService(t)
	if _, err := s.NewSandbox(t.Context(), "c1"); err != nil {
		t.Fatal(err)
	}
	plugins.before = func(call string) error {
		if call == "ADD portmap eth0" {
			return &types.Error{Code: 999, Msg: "no\nrules", Details: "today"}
		}
		return nil
	}
	_, err := s.Attach(t.Context(), request("c1", web))
	if err == nil || !strings.Contains(err.Error(), "network bridge: ") || !strings.Contains(err.Error(), "no rules: today") || strings.Contains(err.Error(), "\n") {
		t.Fatalf("error %q", err)
	}
	if got := plugins.took(); !slices.Equal(got, []string{"ADD bridge eth0", "ADD portmap eth0", "DEL portmap eth0", "DEL bridge eth0"}) {
		t.Errorf("calls %v", got)
	}
	if err := s.Detach(t.Context(), "c1"); err != nil {
		t.Fatal(err)
	}
	nothingLeft(t, s)
}

// Two endpoints: the second fails, the first is undone, also if the caller has
// given up in the meantime.
func TestAttachUndoesEarlierEndpoints(t *testing.T) {
	s, _, plugins := fakeService(t)
	if _, err := s.NewSandbox(t.Context(), "c1"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	plugins.before = func(call string) error {
		if call == "ADD bridge eth1" {
			cancel()
			return errors.New("killed")
		}
		return nil
	}
	req := request("c1", web)
	req.Endpoints = append(req.Endpoints, Endpoint{Network: NetworkBridge})
	if _, err := s.Attach(ctx, req); err == nil {
		t.Fatal("no error")
	}
	want := []string{"ADD bridge eth0", "ADD portmap eth0", "ADD bridge eth1", "DEL bridge eth1", "DEL portmap eth0", "DEL bridge eth0"}
	if got := plugins.took(); !slices.Equal(got, want) {
		t.Errorf("calls %v", got)
	}
	if err := s.Detach(t.Context(), "c1"); err != nil {
		t.Fatal(err)
	}
	nothingLeft(t, s)
}

// Whatever is on disk after a kill, Detach gives everything back.
func TestDetachAfterKill(t *testing.T) {
	kill := errors.New("killed")
	for _, at := range []string{"ADD bridge eth0", "ADD portmap eth0", "after"} {
		for _, lost := range []string{"nothing", "namespace", "record", "both"} {
			t.Run(at+", lost "+lost, func(t *testing.T) {
				s, _, plugins := fakeService(t)
				if _, err := s.NewSandbox(t.Context(), "c1"); err != nil {
					t.Fatal(err)
				}
				killAttach(t, s, plugins, at, kill)
				if lost == "namespace" || lost == "both" {
					must(t, os.Remove(s.cfg.Layout.Netns("c1")))
				}
				if lost == "record" || lost == "both" {
					must(t, os.Remove(s.cfg.Layout.NetRecord("c1")))
				}
				must(t, s.Detach(t.Context(), "c1"))
				must(t, s.Detach(t.Context(), "c1"))
				must(t, os.RemoveAll(s.resultDir())) // Repair takes them
				nothingLeft(t, s)
			})
		}
	}
}

// killAttach leaves what an Attach killed at the call leaves: the plugins did or
// did not do their work, nothing was undone.
func killAttach(t *testing.T, s *Service, plugins *fakePlugins, at string, kill error) {
	t.Helper()
	snapshot := ""
	plugins.before = func(call string) error {
		if call == at {
			data, err := os.ReadFile(s.cfg.Layout.NetRecord("c1"))
			must(t, err)
			snapshot = string(data)
			return kill
		}
		if strings.HasPrefix(call, "DEL") {
			return kill // nobody is there to undo
		}
		return nil
	}
	_, err := s.Attach(t.Context(), request("c1", web))
	plugins.before = nil
	if at == "after" {
		must(t, err)
		return
	}
	if snapshot == "" {
		t.Fatalf("never came to %s: %v", at, err)
	}
	must(t, os.WriteFile(s.cfg.Layout.NetRecord("c1"), []byte(snapshot), 0o600))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A damaged record and a namespace that was never mounted are no obstacle.
func TestSandboxOverRemains(t *testing.T) {
	s, h, _ := fakeService(t)
	must(t, writeVolatile(s.cfg.Layout.NetRecord("c1"), []byte(`{"ver`)))
	must(t, os.MkdirAll(s.cfg.Layout.Run+"/netns", 0o700))
	must(t, os.WriteFile(s.cfg.Layout.Netns("c1"), nil, 0o600))
	if _, err := s.NewSandbox(t.Context(), "c1"); err != nil || !h.pinned(s.cfg.Layout.Netns("c1")) {
		t.Fatal(err)
	}
	if _, err := s.Attach(t.Context(), request("c1")); err != nil {
		t.Fatal(err)
	}
	// The machine restarted, but the run-time root is on a disk.
	must(t, os.Remove(s.cfg.Layout.Netns("c1")))
	if _, err := s.NewSandbox(t.Context(), "c1"); err != nil {
		t.Fatal(err)
	}
	leases, err := s.leasesOf("nerd-"+s.scope()+"-bridge", "c1")
	if err != nil || len(leases) != 0 {
		t.Errorf("old leases %v, %v", leases, err)
	}
	must(t, s.Detach(t.Context(), "c1"))
	nothingLeft(t, s)

	h.pinErr = errors.New("no memory")
	if _, err := s.NewSandbox(t.Context(), "c2"); err == nil || !strings.Contains(err.Error(), "container c2") {
		t.Errorf("error %v", err)
	}
	for _, id := range []string{"", "a/b", "..", ".x"} {
		if _, err := s.NewSandbox(t.Context(), id); !errdefs.IsInvalidArgument(err) {
			t.Errorf("id %q: %v", id, err)
		}
	}
}

// A plugin that is gone must not make a container undeletable; rules of published
// ports, which only it can remove, stay on record.
func TestDetachWithoutPlugins(t *testing.T) {
	s, _, plugins := fakeService(t)
	for _, id := range []string{"plain", "ports"} {
		_, err := s.NewSandbox(t.Context(), id)
		must(t, err)
		req := request(id)
		if id == "ports" {
			req.Ports = []PublishedPort{web}
		}
		_, err = s.Attach(t.Context(), req)
		must(t, err)
	}
	plugins.before = func(string) error { return &MissingPluginError{Plugin: "portmap", Dirs: []string{"/x"}} }
	must(t, s.Detach(t.Context(), "plain"))
	if err := s.Detach(t.Context(), "ports"); err == nil || !strings.Contains(err.Error(), "portmap is not in /x") {
		t.Errorf("error %v", err)
	}
	if leases, err := s.leases("nerd-" + s.scope() + "-bridge"); err != nil || len(leases) > 0 {
		t.Errorf("leases %v, %v", leases, err)
	}
	plugins.before = nil
	must(t, s.Detach(t.Context(), "ports"))
	nothingLeft(t, s)
}

func TestAttachHealsExhaustion(t *testing.T) {
	s, h, plugins := fakeService(t)
	s.cfg.Live = func(_ context.Context, id string) (bool, error) { return id == "restarting", nil }
	for _, id := range []string{"dead", "restarting", "occupied", "starting", "c1"} {
		_, err := s.NewSandbox(t.Context(), id)
		must(t, err)
		if id != "c1" {
			_, err = s.Attach(t.Context(), request(id))
			must(t, err)
		}
	}
	for _, id := range []string{"dead", "restarting", "occupied"} {
		disown(t, s, id)
	}
	h.busy["occupied"] = true
	cniName := "nerd-" + s.scope() + "-bridge"
	must(t, writeVolatile(s.cfg.Layout.IPAM()+"/"+cniName+"/10.9.9.9", []byte("nobody\r\neth0")))
	failed := false
	plugins.took()
	plugins.before = func(call string) error {
		if call == "ADD bridge eth0" && !failed {
			failed = true
			return &types.Error{Msg: "failed to allocate for range 0: no IP addresses available in range set: 10.9.0.1-10.9.0.5"}
		}
		return nil
	}
	if _, err := s.Attach(t.Context(), request("c1")); err != nil {
		t.Fatal(err)
	}
	leases, err := s.leases(cniName)
	must(t, err)
	var ids []string
	for _, l := range leases {
		ids = append(ids, l.id)
	}
	slices.Sort(ids)
	if !slices.Equal(ids, []string{"c1", "occupied", "restarting", "starting"}) {
		t.Errorf("leases of %v", ids)
	}

	// With nothing to sweep the error says what is the matter.
	_, err = s.NewSandbox(t.Context(), "c2")
	must(t, err)
	plugins.before = func(call string) error {
		if strings.HasPrefix(call, "ADD") {
			return &types.Error{Msg: "no IP addresses available in range set: x"}
		}
		return nil
	}
	_, err = s.Attach(t.Context(), request("c2"))
	if !errdefs.IsResourceExhausted(err) || !strings.Contains(err.Error(), "no available IPv4 addresses") {
		t.Errorf("error %v", err)
	}
}

func TestAttachRefuses(t *testing.T) {
	s, _, plugins := fakeService(t)
	_, err := s.NewSandbox(t.Context(), "c1")
	must(t, err)
	req := request("c1")
	req.Endpoints = []Endpoint{{Network: "nowhere"}}
	if _, err := s.Attach(t.Context(), req); !errdefs.IsNotFound(err) {
		t.Errorf("unknown network: %v", err)
	}
	req.Endpoints = []Endpoint{{Network: NetworkHost}}
	if _, err := s.Attach(t.Context(), req); !errdefs.IsInvalidArgument(err) {
		t.Errorf("host: %v", err)
	}
	if _, err := s.Attach(t.Context(), request("c1", PublishedPort{ContainerPort: 80})); !errdefs.IsInvalidArgument(err) {
		t.Errorf("unresolved port: %v", err)
	}
	plugins.before = func(call string) error {
		if strings.HasPrefix(call, "ADD") {
			return &types.Error{Msg: "requested IP address 10.9.0.9 is not available in range set x"}
		}
		return nil
	}
	_, err = s.Create(t.Context(), CreateOptions{Name: "own", IPAM: network.IPAM{Config: []network.IPAMConfig{{Subnet: netip.MustParsePrefix("10.9.0.0/24")}}}})
	must(t, err)
	req.Endpoints = []Endpoint{{Network: "own", IPv4: netip.MustParseAddr("10.9.0.9")}}
	if _, err := s.Attach(t.Context(), req); !errdefs.IsAlreadyExists(err) || !strings.Contains(err.Error(), "10.9.0.9 is already in use") {
		t.Errorf("address in use: %v", err)
	}
}
