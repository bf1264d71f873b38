package container

import (
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/ctrd"
)

// containerd knows nothing of the end; what was noted then decides, unless it is
// of an earlier run.
func TestNotedExit(t *testing.T) {
	for _, c := range []struct {
		name    string
		noted   bool
		after   time.Duration // the start
		code    int
		restart bool
	}{
		{"noted", true, time.Second, 0, false},
		{"of an earlier run", true, -time.Second, 255, true},
		{"not noted", false, 0, 255, true},
	} {
		w, ctx := newWorld(t)
		id := w.create(t, ctx, "cc", policy("on-failure"))
		w.ran(t, ctx, id, 0)
		delete(w.tasks.exits, id)
		start, err := w.get(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		at := start.Status.StartedAt.Add(c.after)
		if c.noted {
			if err := NoteExit(w.cfg.Layout, id, ctrd.Exit{Code: 0, At: at}); err != nil {
				t.Fatal(err)
			}
		}
		again, err := w.Finish(ctx, id)
		if err != nil || again.Wanted != c.restart {
			t.Errorf("%s: %+v, %v", c.name, again, err)
		}
		got, err := w.get(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if st := got.Status; st.ExitCode != c.code || c.code == 0 && (!st.FinishedAt.Equal(at) || st.State != container.StateExited) {
			t.Errorf("%s: %+v", c.name, st)
		}
	}
}
