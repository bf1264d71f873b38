package container

import (
	"context"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
)

func refs(list []Measured) (out []string) {
	for _, m := range list {
		out = append(out, m.Ref)
	}
	return out
}

func TestMeterOfNamed(t *testing.T) {
	w, ctx := limited(t)
	idle, busy := w.create(t, ctx, "idle"), w.create(t, ctx, "busy")
	pid := w.runs(t, ctx, busy)
	m, err := w.NewMeter(ctx, []string{"busy", "idle", busy[:12]}, false)
	if err != nil {
		t.Fatal(err)
	}
	first := m.Read()
	if got := refs(first); len(got) != 2 || got[0] != "busy" || got[1] != "idle" || first[1].Running || first[1].ID != idle || first[1].MemoryStats.Limit != 0 {
		t.Fatalf("%+v", first)
	}
	if !first[0].Running || first[0].Name != "/busy" || first[0].PreCPUStats.OnlineCPUs != 0 || pid == 0 {
		t.Errorf("%+v", first[0])
	}
	second := m.Read()[0]
	if second.PreCPUStats.OnlineCPUs == 0 || second.CPUStats.SystemUsage <= second.PreCPUStats.SystemUsage || second.MemoryStats.Limit == 0 {
		t.Errorf("%+v", second)
	}
	if _, err := w.NewMeter(ctx, []string{"nosuch"}, true); !errdefs.IsNotFound(err) {
		t.Error(err)
	}
}

// Containers come and go with Refresh; a name that was asked for stays until the
// container is removed.
func TestMeterFollows(t *testing.T) {
	w, ctx := limited(t)
	one := w.create(t, ctx, "one")
	running, err := w.NewMeter(ctx, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	every, err := w.NewMeter(ctx, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	named, err := w.NewMeter(ctx, []string{"one"}, false)
	if err != nil {
		t.Fatal(err)
	}
	count := func(want ...int) {
		t.Helper()
		for i, m := range []*Meter{running, every, named} {
			if err := m.Refresh(ctx); err != nil {
				t.Fatal(err)
			}
			if got := m.Read(); len(got) != want[i] {
				t.Errorf("meter %d shows %v, want %d", i, refs(got), want[i])
			}
		}
	}
	count(0, 1, 1)
	w.runs(t, ctx, one)
	count(1, 1, 1)
	two := w.create(t, ctx, "two")
	w.runs(t, ctx, two)
	count(2, 2, 1)
	w.stops(t, ctx, two)
	count(1, 2, 1)
	if err := w.Service.store.Delete(ctx, one); err != nil && !errdefs.IsNotFound(err) {
		t.Fatal(err)
	}
	count(0, 1, 0)
}

// stops makes a container look as if its end had been handled.
func (w *world) stops(t *testing.T, ctx context.Context, id string) {
	t.Helper()
	c, err := w.get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	c.Status.State = container.StateExited
	if err := w.saveStatus(ctx, c); err != nil {
		t.Fatal(err)
	}
}

func TestTop(t *testing.T) {
	w, ctx := limited(t)
	id := w.create(t, ctx, "box")
	if _, err := w.Top(ctx, "box", nil); !errdefs.IsFailedPrecondition(err) || err.Error() != "container "+id+" is not running" {
		t.Error(err)
	}
	if _, err := w.Top(ctx, "nosuch", nil); !errdefs.IsNotFound(err) {
		t.Error(err)
	}
	w.runs(t, ctx, id)
	list, err := w.Top(ctx, "box", []string{"-o", "pid,args"})
	if err != nil || len(list.Titles) != 2 || len(list.Processes) == 0 {
		t.Errorf("%+v, %v", list, err)
	}
}
