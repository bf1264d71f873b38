package container

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/ctrd"
)

// savedTasks are tasks that can be saved and restored, as far as files show it.
type savedTasks struct {
	*fakeTasks
	err      error
	restored string
}

func (t *savedTasks) Checkpoint(_ context.Context, _ string, img ctrd.Image, _ bool) error {
	if t.err != nil {
		return errors.Join(t.err, os.WriteFile(filepath.Join(img.Work, "dump.log"), []byte("(0.1) Error (criu/x.c:1): it is bad\n"), 0o600))
	}
	return os.WriteFile(filepath.Join(img.Dir, "inventory.img"), nil, 0o600)
}

func (t *savedTasks) Restore(_ context.Context, _ string, _ []mount.Mount, _ ctrd.Stdio, _ containers.RuntimeInfo, img ctrd.Image) error {
	t.restored = img.Dir
	return nil
}

func TestCheckpoints(t *testing.T) {
	w, ctx := newWorld(t)
	tasks := &savedTasks{fakeTasks: w.tasks}
	w.Service.tasks = tasks
	id := w.create(t, ctx, "box")
	if err := w.CreateCheckpoint(ctx, "box", Checkpoint{Name: "one"}, true); err == nil || err.Error() != "Container box not running" {
		t.Errorf("stopped: %v", err)
	}
	w.runs(t, ctx, id)
	if err := w.CreateCheckpoint(ctx, "box", Checkpoint{Name: "one"}, true); err != nil {
		t.Fatal(err)
	}
	if err := w.CreateCheckpoint(ctx, "box", Checkpoint{Name: "one"}, true); !errdefs.IsAlreadyExists(err) {
		t.Errorf("twice: %v", err)
	}
	other := t.TempDir()
	if err := w.CreateCheckpoint(ctx, "box", Checkpoint{Name: "two", Dir: other}, true); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string][]string{"": {"one"}, other: {"two"}} {
		if got, err := w.Checkpoints(ctx, "box", dir); err != nil || !slices.Equal(got, want) {
			t.Errorf("in %q: %v, %v", dir, got, err)
		}
	}
	c, err := w.get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.restorable(c, &Checkpoint{Name: "one"}); !errdefs.IsFailedPrecondition(err) {
		t.Errorf("a running one is restored: %v", err)
	}
	if _, err := w.createProcess(ctx, c, nil, &Checkpoint{Name: "two", Dir: other}); err != nil || tasks.restored != filepath.Join(other, "two") {
		t.Errorf("restored from %s: %v", tasks.restored, err)
	}
	c.Status.State = container.StateExited
	if err := w.restorable(c, &Checkpoint{Name: "two"}); !errdefs.IsNotFound(err) {
		t.Errorf("in the wrong folder: %v", err)
	}
	if err := w.RemoveCheckpoint(ctx, "box", Checkpoint{Name: "one"}); err != nil {
		t.Error(err)
	}
	if err := w.RemoveCheckpoint(ctx, "box", Checkpoint{Name: "one"}); !errdefs.IsNotFound(err) {
		t.Errorf("removed twice: %v", err)
	}
}

// A failure leaves no folder, and tells CRIU's reason.
func TestCheckpointFails(t *testing.T) {
	w, ctx := newWorld(t)
	w.Service.tasks = &savedTasks{fakeTasks: w.tasks, err: errors.New("runc failed")}
	id := w.create(t, ctx, "box")
	w.runs(t, ctx, id)
	err := w.CreateCheckpoint(ctx, "box", Checkpoint{Name: "one"}, true)
	if err == nil || err.Error() != "saving container box: CRIU: it is bad" {
		t.Errorf("%v", err)
	}
	if names, err := w.Checkpoints(ctx, "box", ""); err != nil || len(names) > 0 {
		t.Errorf("left: %v, %v", names, err)
	}
	if left, _ := filepath.Glob(filepath.Join(w.cfg.Layout.ContainersRun(), "criu-*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// A name stays in its folder, and no other folder is taken for a checkpoint.
func TestCheckpointNames(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.create(t, ctx, "box")
	w.runs(t, ctx, id)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "mine"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "x", "..", "../up", "a/b", ".hidden", "a b", "/etc"} {
		if err := w.CreateCheckpoint(ctx, "box", Checkpoint{Name: name}, true); !errdefs.IsInvalidArgument(err) {
			t.Errorf("create %q: %v", name, err)
		}
		if err := w.RemoveCheckpoint(ctx, "box", Checkpoint{Name: name, Dir: dir}); !errdefs.IsInvalidArgument(err) {
			t.Errorf("remove %q: %v", name, err)
		}
	}
	if err := w.RemoveCheckpoint(ctx, "box", Checkpoint{Name: "mine", Dir: dir}); !errdefs.IsNotFound(err) {
		t.Errorf("another folder: %v", err)
	}
}

func TestExplainCRIU(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	for text, want := range map[string]string{
		"":                        "CRIU failed without saying why",
		"(0.1) Warn (a.c:1): w\n": "CRIU failed without saying why",
		"(0.1) Error (criu/util.c:2): rlimit: Can't setup RLIMIT_NOFILE for self\n(0.2) Error (criu/s.c:3): sockets: no\n(0.3) Error (criu/cr-dump.c:4): Dumping FAILED.\n": "CRIU: sockets: no",
		"Error (half": "CRIU: half",
	} {
		if err := os.WriteFile(log, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := explainCRIU(errors.New("x"), "saving", log); err.Error() != "saving: "+want {
			t.Errorf("%q: %v", text, err)
		}
	}
	missing := explainCRIU(errors.New(`runc did not terminate successfully: exec: "criu": executable file not found in $PATH`), "saving", log)
	if !strings.Contains(missing.Error(), "CRIU is not installed") {
		t.Errorf("%v", missing)
	}
	if err := explainCRIU(errors.New("OCI runtime create failed: odd: unknown"), "saving", log+".none"); err.Error() != "saving: odd" {
		t.Errorf("%v", err)
	}
	if explainCRIU(nil, "", "") != nil {
		t.Error("an error out of nothing")
	}
}
