package container

import (
	"os"
	"slices"
	"testing"

	ctrdmount "github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
)

// withVolumes mounts a named and an anonymous volume, neither to be filled.
func withVolumes(hc *container.HostConfig) {
	hc.Binds = []string{"named:/n:nocopy,ro"}
	hc.Mounts = []mount.Mount{{Type: mount.TypeVolume, Target: "/a", VolumeOptions: &mount.VolumeOptions{NoCopy: true}}}
}

func (w *world) volumes(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(w.cfg.Layout.Volumes())
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestVolumesOfContainer(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.create(t, ctx, "web", withVolumes)
	c, err := w.get(ctx, id)
	if err != nil || len(c.Mounts) != 2 || len(c.Mounted) != 2 {
		t.Fatalf("%+v, %v", c.Mounts, err)
	}
	want := container.MountPoint{
		Type: "volume", Name: "named", Source: w.cfg.Volumes.Path("named"), Destination: "/n", Driver: "local", Mode: "nocopy,ro",
	}
	if c.Mounts[0] != want {
		t.Errorf("shown as %+v", c.Mounts[0])
	}
	users, err := w.VolumeUsers(ctx)
	if err != nil || !slices.Equal(users["named"], []string{id}) || len(users) != 2 {
		t.Errorf("users: %v, %v", users, err)
	}
	if err := w.cfg.Volumes.Remove(ctx, "named", true); !errdefs.IsConflict(err) {
		t.Errorf("removed a volume in use: %v", err)
	}
	if err := w.Remove(ctx, "web", RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	if left := w.volumes(t); len(left) != 2 {
		t.Errorf("rm without -v left %v", left)
	}
	w.create(t, ctx, "again", withVolumes)
	if err := w.Remove(ctx, "again", RemoveOptions{Volumes: true}); err != nil {
		t.Fatal(err)
	}
	if left := w.volumes(t); len(left) != 2 || !slices.Contains(left, "named") || !slices.Contains(left, c.Mounts[1].Name) {
		t.Errorf("rm -v left %v", left)
	}
}

// With --rm the anonymous volume goes with the container, unless another one has
// taken it over.
func TestAutoRemoveTakesAnonymousVolumes(t *testing.T) {
	w, ctx := newWorld(t)
	auto := func(hc *container.HostConfig) { hc.AutoRemove = true }
	id := w.create(t, ctx, "first", withVolumes, auto)
	other := w.create(t, ctx, "other", func(hc *container.HostConfig) { hc.VolumesFrom = []string{"first:ro"} })
	c, err := w.get(ctx, other)
	if err != nil || len(c.Mounts) != 2 || c.Mounts[0].RW || c.Mounts[1].RW || c.Mounts[1].Mode != "" {
		t.Fatalf("%+v, %v", c.Mounts, err)
	}
	w.ran(t, ctx, id, 0)
	if _, err := w.Finish(ctx, id); err != nil {
		t.Fatal(err)
	}
	if left := w.volumes(t); len(left) != 2 {
		t.Errorf("left %v", left)
	}
	if err := w.Remove(ctx, "other", RemoveOptions{Volumes: true}); err != nil {
		t.Fatal(err)
	}
	if left := w.volumes(t); !slices.Equal(left, []string{"named"}) {
		t.Errorf("left %v", left)
	}
}

// What fails after the volumes were made takes them away again, but for those
// that were there before.
func TestFailedCreateUndoesVolumes(t *testing.T) {
	w, ctx := newWorld(t)
	w.create(t, ctx, "before", func(hc *container.HostConfig) { hc.Binds = []string{"kept:/k:nocopy"} })
	_, err := w.tryCreate(ctx, "failing", withVolumes, func(hc *container.HostConfig) {
		hc.Binds = append(hc.Binds, "kept:/k:nocopy")
		hc.SecurityOpt = []string{"nonsense"}
	})
	if err == nil {
		t.Fatal("it was made")
	}
	if left := w.volumes(t); !slices.Equal(left, []string{"kept"}) {
		t.Errorf("left %v", left)
	}
}

// A process that was killed leaves its anonymous volumes in a note.
func TestRepairDropsNotedVolumes(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.create(t, ctx, "web", withVolumes)
	c, err := w.get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.noteVolumes(id, anonymousVolumes(c)); err != nil {
		t.Fatal(err)
	}
	if err := w.Service.store.Delete(ctx, id); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Repair(ctx, false); err != nil {
		t.Fatal(err)
	}
	if left := w.volumes(t); !slices.Equal(left, []string{"named"}) {
		t.Errorf("left %v", left)
	}
}

// A note that outlived the making of a container does no harm.
func TestOldNoteIsDropped(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.create(t, ctx, "web", withVolumes)
	c, err := w.get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.noteVolumes(id, anonymousVolumes(c)); err != nil {
		t.Fatal(err)
	}
	if err := w.Remove(ctx, "web", RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	if left := w.volumes(t); len(left) != 2 {
		t.Errorf("left %v", left)
	}
}

func TestMountErrors(t *testing.T) {
	w, ctx := newWorld(t)
	for want, change := range map[string]func(*container.HostConfig){
		"Duplicate mount point: /x": func(hc *container.HostConfig) { hc.Binds = []string{"one:/x", "two:/x"} },
		"No such container: none":   func(hc *container.HostConfig) { hc.VolumesFrom = []string{"none"} },
		"invalid mode: foo":         func(hc *container.HostConfig) { hc.VolumesFrom = []string{"none:foo"} },
		`invalid mount config for type "bind": bind source path does not exist: /nonexistent`: func(hc *container.HostConfig) {
			hc.Mounts = []mount.Mount{{Type: "bind", Source: "/nonexistent", Target: "/x"}}
		},
		`create one: invalid option: "foo"`: func(hc *container.HostConfig) {
			hc.Mounts = []mount.Mount{{Type: "volume", Source: "one", Target: "/x", VolumeOptions: &mount.VolumeOptions{DriverConfig: &mount.Driver{Options: map[string]string{"foo": "bar"}}}}}
		},
	} {
		if _, err := w.tryCreate(ctx, "web", change); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if left := w.volumes(t); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func TestBindOptions(t *testing.T) {
	for _, c := range []struct {
		change  func(*container.HostConfig)
		runtime string
		want    []string
	}{
		{func(hc *container.HostConfig) { hc.Binds = []string{"/tmp:/x"} }, "runc", []string{"rbind", "rprivate"}},
		{func(hc *container.HostConfig) { hc.Binds = []string{"/tmp:/x:ro,rslave"} }, "runc", []string{"rbind", "rro", "rslave"}},
		{func(hc *container.HostConfig) { hc.Binds = []string{"/tmp:/x:ro"} }, "runsc", []string{"rbind", "ro", "rprivate"}},
		{func(hc *container.HostConfig) { hc.Binds = []string{"vol:/x:ro"} }, "crun", []string{"rbind", "rro", "rprivate"}},
		{func(hc *container.HostConfig) { hc.Binds = []string{"/tmp:/x:bind-nonrecursive"} }, "runc", []string{"bind", "rprivate"}},
		{func(hc *container.HostConfig) {
			hc.Mounts = []mount.Mount{{Type: "bind", Source: "/tmp", Target: "/x", ReadOnly: true, BindOptions: &mount.BindOptions{ReadOnlyNonRecursive: true}}}
		}, "runc", []string{"rbind", "ro", "rprivate"}},
	} {
		w, _ := newWorld(t)
		p := &plan{}
		p.HostConfig, p.Config = &container.HostConfig{Runtime: c.runtime}, &container.Config{}
		c.change(p.HostConfig)
		if err := w.planMounts(t.Context(), p); err != nil || !slices.Equal(p.binds[0].Options, c.want) {
			t.Errorf("%+v: %v, want %v, %v", p.HostConfig, p.binds, c.want, err)
		}
	}
	if err := recursiveReadOnly("runsc"); !errdefs.IsInvalidArgument(err) {
		t.Errorf("runsc: %v", err)
	}
}

func TestReadOnlyRootfs(t *testing.T) {
	in := []ctrdmount.Mount{
		{Type: "overlay", Source: "overlay", Options: []string{"index=off", "workdir=/w", "upperdir=/u", "lowerdir=/b:/a"}},
		{Type: "bind", Source: "/x", Options: []string{"rbind", "rw"}},
	}
	got := readOnly(in)
	if !slices.Equal(got[0].Options, []string{"ro", "index=off", "lowerdir=/u:/b:/a"}) || !slices.Equal(got[1].Options, []string{"ro", "rbind"}) {
		t.Errorf("%+v", got)
	}
	if len(in[0].Options) != 4 {
		t.Errorf("the argument was changed: %+v", in)
	}
}
