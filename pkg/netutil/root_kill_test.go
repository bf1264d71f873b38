//go:build root

package netutil

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/nerd-cli/nerd/pkg/state"
)

// victim makes the test binary a process that wires a container and is killed: the
// data root, the run root and the container's id follow in the next variables.
const victim = "NERD_NETUTIL_TEST_VICTIM"

func beVictim(data string) int {
	l, err := state.NewLayout(data, os.Getenv(victim+"_RUN"), "")
	if err == nil {
		s := New(Config{Layout: l, PluginDirs: []string{os.Getenv("NERD_TEST_CNI_DIR")}})
		err = wire(context.Background(), s, os.Getenv(victim+"_ID"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func wire(ctx context.Context, s *Service, id string) error {
	res, err := s.ReservePorts(ctx, "victim", id, []PublishedPort{{HostPort: 18080, ContainerPort: 80}})
	if err != nil {
		return err
	}
	defer res.Close()
	if _, err := s.NewSandbox(ctx, id); err != nil {
		return err
	}
	_, err = s.Attach(ctx, AttachRequest{ContainerID: id, Name: "victim", Endpoints: []Endpoint{{Network: NetworkBridge}}, Ports: res.Ports})
	return err
}

// A process killed at any moment of its work leaves nothing that the next one on
// the container, the next one that wants the port, or Repair does not clean up.
func TestRealKill(t *testing.T) {
	s := realService(t)
	attachReal(t, s, cid(1000)) // the network is there and stays
	nobody := func(id string) bool { return id == cid(1000) }
	ctx := t.Context()
	for i := range 40 {
		id := cid(i)
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), victim+"="+s.cfg.Layout.Data, victim+"_RUN="+s.cfg.Layout.Run, victim+"_ID="+id, "NERD_TEST_CNI_DIR="+s.cfg.PluginDirs[0])
		must(t, cmd.Start())
		time.Sleep(time.Duration(rand.IntN(90)) * time.Millisecond)
		must(t, cmd.Process.Kill())
		_ = cmd.Wait() // killed, or done before
		switch i % 3 {
		case 0:
			must(t, s.Detach(ctx, id))
		case 1:
			findings, err := s.Repair(ctx, nobody, false)
			must(t, err)
			for _, f := range findings {
				if f.Err != nil {
					t.Errorf("%+v", f)
				}
			}
		case 2:
			next := cid(i + 500)
			must(t, wire(ctx, s, next))
			must(t, s.Detach(ctx, next))
			must(t, s.Detach(ctx, id))
		}
		again, err := s.Repair(ctx, nobody, true)
		must(t, err)
		for _, f := range again {
			if f.Kind != FoundFile {
				t.Errorf("round %d: still there: %+v", i, f)
			}
		}
	}
	must(t, s.Detach(ctx, cid(1000)))
	assertClean(t, s)
}

// What has no record any more: Repair finds it by what it is.
func TestRealRepair(t *testing.T) {
	s := realService(t)
	ctx := t.Context()
	port := PublishedPort{HostPort: 18081, ContainerPort: 80, Protocol: "tcp"}
	for _, backend := range []string{iptables, nftables} {
		s.host = withBackend{name: backend}
		must(t, removeIfThere(s.conflistPath(NetworkBridge))) // made anew with the backend
		_, res := attachReal(t, s, cid(1), port)
		attachReal(t, s, cid(2))
		must(t, res.Close())
		must(t, os.Remove(s.cfg.Layout.NetRecord(cid(1))))
		for range 2 {
			findings, err := s.Repair(ctx, func(id string) bool { return id == cid(2) }, false)
			must(t, err)
			for _, f := range findings {
				if f.Err != nil {
					t.Errorf("%+v", f)
				}
			}
		}
		findings, err := s.Repair(ctx, func(string) bool { return false }, true)
		must(t, err)
		for _, f := range findings {
			if f.Name == cid(1) || f.Kind == FoundLink || f.Kind == FoundRule {
				t.Errorf("%s: still there: %+v", backend, f)
			}
		}
		must(t, s.Detach(ctx, cid(2)))
		assertClean(t, s)
	}
}
