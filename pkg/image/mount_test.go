package image

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
	"github.com/moby/sys/mountinfo"

	"github.com/nerd-cli/nerd/pkg/ctrd/ctrdtest"
)

func mountsNeedRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount")
	}
}

// mountedService has the image app, and unmounts all at the end of the test.
func mountedService(t *testing.T) (*Service, *ctrdtest.Store) {
	t.Helper()
	mountsNeedRoot(t)
	s, store := newService(t)
	load(t, s, archiveOf(t, testImage(t, "amd64", "one", "two"), "app:1"))
	t.Cleanup(func() {
		all, err := mountinfo.GetMounts(mountinfo.PrefixFilter(s.layout.ImageMounts()))
		if err != nil {
			t.Error(err)
		}
		for _, m := range all {
			t.Errorf("%s is still mounted", m.Mountpoint)
		}
	})
	return s, store
}

func unmount(t *testing.T, s *Service, ref string) {
	t.Helper()
	if _, err := s.Unmount(testContext(t), ref, false); err != nil {
		t.Fatal(err)
	}
}

func TestMountKeepsLayers(t *testing.T) {
	s, store := mountedService(t)
	ctx := testContext(t)
	m, err := s.Mount(ctx, "app:1", MountOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if mounted, err := mountinfo.Mounted(m.Path); err != nil || !mounted {
		t.Errorf("mounted: %t %v", mounted, err)
	}
	if err := os.WriteFile(filepath.Join(m.Path, "new"), nil, 0o600); err == nil {
		t.Error("the mount can be written")
	}
	again, err := s.Mount(ctx, string(m.ID), MountOptions{})
	if err != nil || again.Path != m.Path {
		t.Errorf("mounted again: %+v %v", again, err)
	}
	// The image goes, what is mounted stays.
	if _, err := s.Remove(ctx, "app:1", RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.DB.GarbageCollect(ctx); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Mounts(ctx); err != nil || len(list) != 1 || list[0] != *m {
		t.Errorf("list: %+v %v", list, err)
	}
	unmount(t, s, "app:1") // by the name that it had
	if left := store.SnapshotNames(t); len(left) != 0 {
		t.Errorf("snapshots left: %v", left)
	}
	if _, err := os.Stat(m.Path); !os.IsNotExist(err) {
		t.Errorf("the place is left: %v", err)
	}
}

func TestMountAtPath(t *testing.T) {
	s, _ := mountedService(t)
	ctx := testContext(t)
	load(t, s, archiveOf(t, testImage(t, "amd64", "three"), "other:1"))
	dir := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	m, err := s.Mount(ctx, "app:1", MountOptions{Path: link})
	if err != nil {
		t.Fatal(err)
	}
	if m.Path != dir {
		t.Errorf("mounted at %s, not where the link leads", m.Path)
	}
	if _, err := s.Mount(ctx, "other:1", MountOptions{Path: dir}); !errdefs.IsAlreadyExists(err) {
		t.Errorf("two images at one place: %v", err)
	}
	if _, err := s.Mount(ctx, "app:1", MountOptions{}); err != nil {
		t.Fatal(err)
	}
	gone, err := s.Unmount(ctx, "app:1", false) // everywhere
	if err != nil || len(gone) != 2 {
		t.Errorf("unmounted %+v: %v", gone, err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("a folder of the user's was removed: %v", err)
	}
	if _, err := s.Unmount(ctx, dir, false); !errdefs.IsNotFound(err) {
		t.Errorf("unmounted twice: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Mount(ctx, "app:1", MountOptions{Path: file}); !errdefs.IsInvalidArgument(err) {
		t.Errorf("mounted at a file: %v", err)
	}
}

func TestUnmountOfWhatIsInUse(t *testing.T) {
	s, _ := mountedService(t)
	ctx := testContext(t)
	m, err := s.Mount(ctx, "app:1", MountOptions{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(m.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := s.Unmount(ctx, "app:1", false); !errdefs.IsFailedPrecondition(err) || !strings.Contains(err.Error(), "is in use") {
		t.Errorf("unmounted in use: %v", err)
	}
	if list, err := s.Mounts(ctx); err != nil || len(list) != 1 {
		t.Errorf("a failed unmount forgets the mount: %v %v", list, err)
	}
	if all, err := s.UnmountAll(ctx, true); err != nil || len(all) != 1 {
		t.Errorf("by force: %+v %v", all, err)
	}
}

// A lease is made before the mount and goes after it: what a kill or a reboot
// leaves is a lease without a mount.
func TestRepairOfMounts(t *testing.T) {
	s, store := mountedService(t)
	ctx := testContext(t)
	gone := filepath.Join(s.layout.ImageMounts(), "gone")
	if err := os.MkdirAll(gone, 0o700); err != nil {
		t.Fatal(err)
	}
	lease, err := store.Leases().Create(ctx, leases.WithID(mountID(gone)), leases.WithLabels(map[string]string{
		mountPath: gone, mountImage: "app:1", mountTarget: "sha256:0", mountSnapshotter: ctrdtest.Snapshotter,
	}))
	if err != nil {
		t.Fatal(err)
	}
	img, err := s.Resolve(ctx, "app:1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Snapshots("").View(leases.WithLease(ctx, lease.ID), mountID(gone), img.ChainID); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Mounts(ctx); err != nil || len(list) != 0 {
		t.Errorf("listed: %v %v", list, err)
	}
	before := len(store.SnapshotNames(t))
	for _, dry := range []bool{true, false} {
		found, err := s.Repair(ctx, dry)
		if err != nil || len(found) != 1 || !strings.Contains(found[0], "app:1") {
			t.Errorf("dry run %t: %v %v", dry, found, err)
		}
	}
	if after := len(store.SnapshotNames(t)); after != before-1 {
		t.Errorf("%d snapshots, %d before", after, before)
	}
	if _, err := os.Stat(gone); !os.IsNotExist(err) {
		t.Errorf("the place is left: %v", err)
	}
	// A place that is left over does not stand in the way either.
	m, err := s.Mount(ctx, "app:1", MountOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer unmount(t, s, m.Path)
	if found, err := s.Repair(ctx, false); err != nil || len(found) != 0 {
		t.Errorf("a living mount was mended: %v %v", found, err)
	}
}
