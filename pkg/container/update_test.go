package container

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/nerd-cli/nerd/pkg/cgroup"
	"github.com/nerd-cli/nerd/pkg/container/spec"
)

// limited is a world whose machine can limit memory, processors and processes.
func limited(t *testing.T) (*world, context.Context) {
	t.Helper()
	w, ctx := newWorld(t)
	w.cfg.Host = func() (spec.Host, error) {
		return spec.Host{Cgroup: func(bool) cgroup.Features {
			return cgroup.Features{Memory: true, Swap: true, MemoryReservation: true, CPUQuota: true, CPUShares: true, Pids: true, Cpuset: true}
		}}, nil
	}
	return w, ctx
}

// stored is the configuration and the specification as they are recorded.
func (w *world) stored(t *testing.T, ctx context.Context, id string) (*container.HostConfig, *specs.LinuxResources) {
	t.Helper()
	c, err := w.get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	var s specs.Spec
	if err := json.Unmarshal(c.oci, &s); err != nil {
		t.Fatal(err)
	}
	return c.HostConfig, s.Linux.Resources
}

func withMemory(hc *container.HostConfig) { hc.Memory = 64 << 20 }

func TestUpdateOfStopped(t *testing.T) {
	w, ctx := limited(t)
	id := w.create(t, ctx, "box", withMemory)
	_, before := w.stored(t, ctx, id)
	pids := int64(7)
	change := UpdateOptions{
		Resources:     container.Resources{Memory: 100 << 20, NanoCPUs: 5e8, PidsLimit: &pids},
		RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyAlways},
	}
	if warnings, err := w.Update(ctx, "box", change); err != nil || len(warnings) > 0 {
		t.Fatalf("%q, %v", warnings, err)
	}
	hc, r := w.stored(t, ctx, id)
	if hc.Memory != 100<<20 || hc.NanoCPUs != 5e8 || *hc.PidsLimit != 7 || !hc.RestartPolicy.IsAlways() {
		t.Errorf("%+v", hc)
	}
	if *r.Memory.Limit != 100<<20 || *r.CPU.Quota != 50000 || *r.Pids.Limit != 7 || len(r.Devices) == 0 || len(r.Devices) != len(before.Devices) {
		t.Errorf("%+v", r)
	}
	if len(w.tasks.updates) != 0 {
		t.Error("the runtime was asked although nothing runs")
	}
}

func TestUpdateOfRunning(t *testing.T) {
	w, ctx := limited(t)
	id := w.create(t, ctx, "box", withMemory)
	w.runs(t, ctx, id)
	if _, err := w.Update(ctx, "box", UpdateOptions{RestartPolicy: container.RestartPolicy{Name: "always"}}); err != nil || len(w.tasks.updates) != 0 {
		t.Fatalf("a policy alone: %v, %d updates", err, len(w.tasks.updates))
	}
	if _, err := w.Update(ctx, "box", UpdateOptions{Resources: container.Resources{CPUShares: 5}}); err != nil {
		t.Fatal(err)
	}
	if len(w.tasks.updates) != 1 || *w.tasks.updates[0].CPU.Shares != 5 || w.tasks.updates[0].Memory != nil || w.tasks.updates[0].Devices != nil {
		t.Errorf("more or less than the change: %+v", w.tasks.updates)
	}

	// What the runtime refuses is not recorded.
	w.tasks.updateErr = errors.New("runc did not terminate successfully: exit status 1: no\n: unknown")
	_, err := w.Update(ctx, "box", UpdateOptions{Resources: container.Resources{CPUShares: 9}, RestartPolicy: container.RestartPolicy{Name: "no"}})
	if err == nil || err.Error() != "Cannot update container "+id+": no" {
		t.Errorf("%v", err)
	}
	hc, r := w.stored(t, ctx, id)
	if hc.CPUShares != 5 || *r.CPU.Shares != 5 || !hc.RestartPolicy.IsAlways() {
		t.Errorf("a failure was recorded: %+v, %+v", hc, r.CPU)
	}
}

// failingStore cannot update.
type failingStore struct{ containers.Store }

func (failingStore) Update(context.Context, containers.Container, ...string) (containers.Container, error) {
	return containers.Container{}, errors.New("disk full")
}

func TestUpdateThatCannotBeRecorded(t *testing.T) {
	w, ctx := limited(t)
	id := w.create(t, ctx, "box")
	w.runs(t, ctx, id)
	w.Service.store = failingStore{w.Service.store}
	_, err := w.Update(ctx, "box", UpdateOptions{Resources: container.Resources{CPUShares: 5, Memory: 64 << 20, MemorySwap: 64 << 20}})
	if err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Fatal(err)
	}
	if len(w.tasks.updates) != 2 || *w.tasks.updates[1].CPU.Shares != 1024 || *w.tasks.updates[1].CPU.Quota != -1 || *w.tasks.updates[1].Memory.Limit != -1 {
		t.Errorf("the limits were not taken back: %+v", w.tasks.updates)
	}
}

func TestUpdateRefused(t *testing.T) {
	w, ctx := limited(t)
	w.create(t, ctx, "box", withMemory)
	w.create(t, ctx, "gone", autoRemove)
	for name, c := range map[string]struct {
		ref    string
		change UpdateOptions
	}{
		"too little memory":  {"box", UpdateOptions{Resources: container.Resources{Memory: 1}}},
		"memory beyond swap": {"box", UpdateOptions{Resources: container.Resources{Memory: 1 << 30}}},
		"no such policy":     {"box", UpdateOptions{RestartPolicy: container.RestartPolicy{Name: "perhaps"}}},
		"a policy with --rm": {"gone", UpdateOptions{RestartPolicy: container.RestartPolicy{Name: "always"}}},
	} {
		if _, err := w.Update(ctx, c.ref, c.change); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.Update(ctx, "nosuch", UpdateOptions{}); !errdefs.IsNotFound(err) {
		t.Error(err)
	}
}

func TestUpdateWarns(t *testing.T) {
	w, ctx := limited(t)
	id := w.create(t, ctx, "box")
	warnings, err := w.Update(ctx, "box", UpdateOptions{Resources: container.Resources{BlkioWeight: 300, CPUShares: 3}})
	if err != nil || len(warnings) != 1 {
		t.Fatalf("%q, %v", warnings, err)
	}
	if hc, _ := w.stored(t, ctx, id); hc.BlkioWeight != 0 || hc.CPUShares != 3 {
		t.Errorf("%+v", hc)
	}
}
