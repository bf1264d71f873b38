package container

import (
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"

	"github.com/nerd-cli/nerd/pkg/state"
)

// TestReleaseAndReserveAtOnce has many take a name and give it up again. Nobody
// may ever free the reservation of somebody else, so there is at most one holder.
func TestReleaseAndReserveAtOnce(t *testing.T) {
	w, ctx := newWorld(t)
	var holders atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 30 {
				id := newID()
				if err := w.reserveName(ctx, "one", id); err != nil {
					if !errdefs.IsAlreadyExists(err) && !errdefs.IsUnavailable(err) {
						t.Errorf("reserve: %v", err)
					}
					continue
				}
				if n := holders.Add(1); n > 1 {
					t.Errorf("%d have the name", n)
				}
				if err := w.releaseName(ctx, "one", newID()); err != nil { // somebody else's
					t.Errorf("release: %v", err)
				}
				holders.Add(-1)
				if err := w.releaseName(ctx, "one", id); err != nil {
					t.Errorf("release: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

// TestKilledRenameFreesItsNames looks at what a rename leaves that was killed
// before or after the record got the new name.
func TestKilledRenameFreesItsNames(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.create(t, ctx, "old")
	gone := state.Process{PID: 1 << 30, Start: 1}.String()
	for _, name := range []string{"new", "older"} {
		_, err := w.leases.Create(ctx, leases.WithID(leaseID(name)), leases.WithLabels(map[string]string{
			leaseContainer: id, leaseOwner: gone, leaseName: name,
		}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.tryCreate(ctx, name); err != nil {
			t.Errorf("%s is still taken: %v", name, err)
		}
	}
	if _, err := w.tryCreate(ctx, "old"); !errdefs.IsAlreadyExists(err) {
		t.Errorf("the container's own name was given away: %v", err)
	}
}

// TestLockOfAContainerThatIsGone looks at what a verb leaves that came too late.
func TestLockOfAContainerThatIsGone(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.create(t, ctx, "gone")
	if err := w.Remove(ctx, id, RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := w.locked(ctx, id, func(*Container) error { return nil }); !errdefs.IsNotFound(err) {
				t.Errorf("got %v", err)
			}
		})
	}
	wg.Wait()
	if left, err := os.ReadDir(w.cfg.Layout.ContainersRun()); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
