package container

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/containerd/errdefs"
)

// TestRepairLeavesAnotherContainerdAlone has folders of containers that this
// containerd does not know: those of another one stay, with what they hold.
func TestRepairLeavesAnotherContainerdAlone(t *testing.T) {
	w, ctx := newWorld(t)
	for _, c := range []struct {
		id, owner string
		stays     bool
	}{
		{newID(), "/run/other/containerd.sock", true},
		{newID(), w.cfg.Backend.Address(), false},
		{newID(), "", false}, // a folder from before there was a mark
	} {
		dir := w.cfg.Layout.Container(c.id)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if c.owner != "" {
			if err := os.Symlink(c.owner, filepath.Join(dir, ownerLink)); err != nil {
				t.Fatal(err)
			}
		}
		live, err := w.Live(ctx, c.id)
		if err != nil || live != c.stays {
			t.Errorf("owner %q: Live is %v, %v; want %v", c.owner, live, err, c.stays)
		}
		if _, err := w.Repair(ctx, false); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) == c.stays {
			t.Errorf("owner %q: the folder stays: %v, want %v", c.owner, !c.stays, c.stays)
		}
	}
}

func TestOwnerIsMarkedOnce(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.create(t, ctx, "one")
	if w.otherOwner(id) {
		t.Error("a container of this containerd counts as another's")
	}
	if err := w.setOwner(id); err != nil {
		t.Errorf("marking twice: %v", err)
	}
}

// A volume that a container of another containerd has is in use, too.
func TestVolumesOfAnotherContainerd(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.create(t, ctx, "web", withVolumes)
	link := filepath.Join(w.cfg.Layout.Container(id), ownerLink)
	if err := errors.Join(os.Remove(link), os.Symlink("/run/other/containerd.sock", link), w.Service.store.Delete(ctx, id)); err != nil {
		t.Fatal(err)
	}
	users, err := w.VolumeUsers(ctx)
	if err != nil || !slices.Equal(users["named"], []string{id}) || len(users) != 2 {
		t.Errorf("users: %v, %v", users, err)
	}
	if err := w.cfg.Volumes.Remove(ctx, "named", true); !errdefs.IsConflict(err) {
		t.Errorf("removed a volume in use: %v", err)
	}
	if err := os.RemoveAll(w.cfg.Layout.Container(id)); err != nil {
		t.Fatal(err)
	}
	if err := w.cfg.Volumes.Remove(ctx, "named", false); err != nil {
		t.Errorf("the other's container is gone: %v", err)
	}
}
