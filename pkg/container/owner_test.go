package container

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
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
