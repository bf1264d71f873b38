package container

import (
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"github.com/nerd-cli/nerd/pkg/state"
)

func autoRemove(hc *container.HostConfig) { hc.AutoRemove = true }

func TestNamesFromCreateToRemove(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.create(t, ctx, "one")
	_, err := w.tryCreate(ctx, "one")
	if !errdefs.IsAlreadyExists(err) || !strings.Contains(err.Error(), `"/one" is already in use by container "`+id) {
		t.Errorf("the name twice: %v", err)
	}
	if names := w.store.SnapshotNames(t); !slices.Equal(names, []string{id}) {
		t.Errorf("the refused one left snapshots: %v", names)
	}
	if err := w.Rename(ctx, "one", "two"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.find(ctx, "one"); !errdefs.IsNotFound(err) {
		t.Errorf("the old name: %v", err)
	}
	if c, err := w.find(ctx, "two"); err != nil || c.ID != id {
		t.Errorf("the new name: %v", err)
	}
	if names := w.store.SnapshotNames(t); !slices.Equal(names, []string{id}) {
		t.Errorf("after the old name's lease is gone the snapshots are %v", names)
	}
	other := w.create(t, ctx, "one")
	if err := w.Rename(ctx, "one", "two"); !errdefs.IsAlreadyExists(err) {
		t.Errorf("rename to a name in use: %v", err)
	}
	for _, ref := range []string{id[:12], other} {
		if err := w.Remove(ctx, ref, RemoveOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	w.isEmpty(t, id, other)
}

// isEmpty fails if anything is left of containers.
func (w *world) isEmpty(t *testing.T, ids ...string) {
	t.Helper()
	ctx := w.store.Context(t)
	if names := w.store.SnapshotNames(t); len(names) > 0 {
		t.Errorf("snapshots are left: %v", names)
	}
	if list, err := w.leases.List(ctx); err != nil || len(list) > 0 {
		t.Errorf("leases are left: %v, %v", list, err)
	}
	for _, id := range ids {
		if _, err := w.get(ctx, id); !errdefs.IsNotFound(err) {
			t.Errorf("container %s is left: %v", short(id), err)
		}
		for _, dir := range []string{w.cfg.Layout.Container(id), w.cfg.Layout.ContainerRun(id)} {
			if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s is left: %v", dir, err)
			}
		}
	}
}

func TestStaleNameIsTakenOver(t *testing.T) {
	w, ctx := newWorld(t)
	reserve := func(name string, owner state.Process) {
		_, err := w.leases.Create(ctx, leases.WithID(leaseID(name)), leases.WithLabels(map[string]string{
			leaseName: name, leaseContainer: newID(), leaseOwner: owner.String(),
		}))
		if err != nil {
			t.Fatal(err)
		}
	}
	reserve("dead", state.Process{PID: 1 << 30, Start: 1})
	reserve("alive", selfProcess())
	w.create(t, ctx, "dead")
	if _, err := w.tryCreate(ctx, "alive"); !errdefs.IsAlreadyExists(err) {
		t.Errorf("the name of one being made: %v", err)
	}
}

func TestOneOfManyGetsTheName(t *testing.T) {
	w, ctx := newWorld(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 8 {
		wg.Go(func() {
			_, err := w.tryCreate(ctx, "name")
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				made++
			} else if !errdefs.IsAlreadyExists(err) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if names := w.store.SnapshotNames(t); made != 1 || len(names) != 1 {
		t.Errorf("%d containers and %d snapshots were made", made, len(names))
	}
}

func TestFinishIsIdempotent(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.create(t, ctx, "cc")
	w.ran(t, ctx, id, 7)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if again, err := w.Finish(ctx, id); err != nil || again.Wanted {
				t.Errorf("%+v, %v", again, err)
			}
		})
	}
	wg.Wait()
	c, err := w.get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if c.Status.State != container.StateExited || c.Status.ExitCode != 7 || c.Status.FinishedAt.IsZero() || w.tasks.deleted != 1 {
		t.Errorf("status %+v, %d tasks deleted", c.Status, w.tasks.deleted)
	}
}

// A container whose task nobody knows any more ended with Docker's 255.
func TestFinishAfterReboot(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.create(t, ctx, "cc")
	w.ran(t, ctx, id, 0)
	delete(w.tasks.exits, id)
	if _, err := w.Finish(ctx, id); err != nil {
		t.Fatal(err)
	}
	if c, err := w.get(ctx, id); err != nil || c.Status.ExitCode != lostExitCode {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestAutoRemoveLeavesNothing(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.create(t, ctx, "cc", autoRemove)
	w.ran(t, ctx, id, 0)
	for range 2 { // whoever comes later finds it gone
		if _, err := w.Finish(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	w.isEmpty(t, id)
	if !slices.Contains(w.net.detached, id) {
		t.Error("the network is left")
	}
}

func TestFinishRestarts(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.create(t, ctx, "cc", func(hc *container.HostConfig) { hc.RestartPolicy.Name = "always" })
	w.ran(t, ctx, id, 1)
	for range 2 {
		again, err := w.Finish(ctx, id)
		if err != nil || !again.Wanted || again.After != restartFirst {
			t.Errorf("%+v, %v", again, err)
		}
	}
	if c, err := w.get(ctx, id); err != nil || c.Status.State != container.StateRestarting || c.Status.RestartCount != 1 {
		t.Errorf("%+v, %v", c, err)
	}
}

func published(hc *container.HostConfig) {
	hc.PortBindings = network.PortMap{network.MustParsePort("80/tcp"): {{HostPort: "8080"}}}
}

func TestFailedStartLeavesDockersState(t *testing.T) {
	w, ctx := newWorld(t)
	w.net.busy = errors.New("port is already allocated\nby somebody")
	id := w.create(t, ctx, "cc", published)
	if _, err := w.Start(ctx, "cc", StartOptions{}); !errors.Is(err, w.net.busy) {
		t.Errorf("start: %v", err)
	}
	c, err := w.get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if st := c.Status; st.State != container.StateCreated || st.ExitCode != 128 || st.Error != "port is already allocated" || st.Ports != nil {
		t.Errorf("status %+v", st)
	}
	if err := w.Remove(ctx, id, RemoveOptions{}); err != nil {
		t.Error(err)
	}
	w.isEmpty(t, id)
}

func TestFailedRunOfAutoRemoveLeavesNothing(t *testing.T) {
	w, ctx := newWorld(t)
	w.net.busy = errors.New("port is already allocated")
	hc := &container.HostConfig{NetworkMode: "bridge"}
	autoRemove(hc)
	published(hc)
	id, _, err := w.Run(ctx, CreateOptions{Config: &container.Config{Image: "img", Cmd: []string{"true"}}, HostConfig: hc}, StartOptions{})
	if !errors.Is(err, w.net.busy) {
		t.Errorf("run: %v", err)
	}
	if id != "" {
		t.Errorf("run left container %s", id)
	}
	w.isEmpty(t, "none")
}

// One process renames a container while another records how it ended: each
// read the container before the other wrote.
func TestUpdatesDoNotLoseEachOther(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.create(t, ctx, "old")
	a, err := w.get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	b, err := w.get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	a.Name = "new"
	b.Status.ExitCode, b.Status.FinishedAt = 9, time.Unix(1000, 0).UTC()
	if err := errors.Join(w.saveRecord(ctx, a), w.saveStatus(ctx, b)); err != nil {
		t.Fatal(err)
	}
	c, err := w.find(ctx, "new")
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "new" || c.Status.ExitCode != 9 || !c.Status.FinishedAt.Equal(b.Status.FinishedAt) {
		t.Errorf("record %s, status %+v", c.Name, c.Status)
	}
}

func TestFind(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.create(t, ctx, "name")
	for _, ref := range []string{id, id[:12], id[:3], "name", "/name"} {
		if c, err := w.find(ctx, ref); err != nil || c.ID != id {
			t.Errorf("%q: %v", ref, err)
		}
	}
	for _, ref := range []string{"", "nam", id[1:], id + "0", `a"b`, "a b", `x\`, "a/b", ".*", "^"} {
		if _, err := w.find(ctx, ref); !errdefs.IsNotFound(err) || !strings.Contains(err.Error(), "No such container") {
			t.Errorf("%q: %v", ref, err)
		}
	}
	byPrefix := w.create(t, ctx, id[:4]) // a name wins over the prefix of an id
	if c, err := w.find(ctx, id[:4]); err != nil || c.ID != byPrefix {
		t.Errorf("a name like a prefix: %v", err)
	}
}
