package volume

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/events"

	"github.com/nerd-cli/nerd/pkg/state"
)

// recorder keeps events.
type recorder struct {
	mu   sync.Mutex
	seen []string
}

func (r *recorder) Emit(_ context.Context, e events.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, string(e.Action)+" "+e.Actor.ID)
}

// world is a Service on folders of the test's, with containers made up.
type world struct {
	*Service
	events recorder
	used   map[string][]string
	alive  map[string]bool
}

func newWorld(t *testing.T) *world {
	t.Helper()
	layout, err := state.NewLayout(t.TempDir(), t.TempDir(), "test")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{used: map[string][]string{}, alive: map[string]bool{}}
	w.Service = New(Config{
		Layout: layout, Events: &w.events,
		Users: func(context.Context) (map[string][]string, error) { return w.used, nil },
		Live:  func(_ context.Context, id string) (bool, error) { return w.alive[id], nil },
	})
	return w
}

func (w *world) make(t *testing.T, opts CreateOptions) string {
	t.Helper()
	v, err := w.Create(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return v.Name
}

func TestCheckName(t *testing.T) {
	for name, want := range map[string]string{
		"ab": "", "a.b-c_d": "", "0x": "", strings.Repeat("a", 255): "",
		"":                       "invalid characters",
		"x":                      "too short",
		"..":                     "invalid characters",
		"../x":                   "invalid characters",
		".x":                     "invalid characters",
		"a/b":                    "invalid characters",
		"a b":                    "invalid characters",
		"a\x00b":                 "invalid characters",
		"-ab":                    "invalid characters",
		"äb":                     "invalid characters",
		strings.Repeat("a", 256): "too long",
	} {
		err := CheckName(name)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || !errdefs.IsInvalidArgument(err)) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
}

// Whatever is accepted stays in the folder of volumes and is no temporary name.
func FuzzCheckName(f *testing.F) {
	for _, s := range []string{"ab", "..", "a/../b", ".new-1", "a\n", "."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckName(name) != nil {
			return
		}
		if filepath.Join("/v", name) != "/v/"+name || strings.HasPrefix(name, ".") || strings.ContainsAny(name, "/\x00\n ") {
			t.Errorf("accepted %q", name)
		}
	})
}

func TestCheckOptions(t *testing.T) {
	for _, c := range []struct {
		opts map[string]string
		want string
	}{
		{nil, ""},
		{map[string]string{"type": "tmpfs", "device": "tmpfs"}, ""},
		{map[string]string{"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}, ""},
		{map[string]string{"type": "tmpfs", "device": ""}, ""},
		{map[string]string{"foo": "bar"}, `create vv: invalid option: "foo"`},
		{map[string]string{"type": "tmpfs"}, `create vv: missing required option: "device"`},
		{map[string]string{"device": "tmpfs"}, `create vv: missing required option: "type"`},
		{map[string]string{"o": "bind"}, `create vv: missing required option: "device"`},
		{map[string]string{"size": "1g"}, "create vv: quota size requested but no quota support"},
		{map[string]string{"size": "much"}, "invalid size: 'much'"},
		{map[string]string{"type": "cifs", "device": "//h:445/s"}, "port not allowed in CIFS device URL"},
	} {
		err := checkOptions("vv", c.opts)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v: %v, want %q", c.opts, err, c.want)
		}
	}
}

func TestCreateIsIdempotent(t *testing.T) {
	w := newWorld(t)
	first := CreateOptions{Name: "data", Labels: map[string]string{"a": "1"}, Options: map[string]string{"type": "tmpfs", "device": "tmpfs"}}
	w.make(t, first)
	w.make(t, CreateOptions{Name: "data", Labels: map[string]string{"b": "2"}})
	v, err := w.Inspect(t.Context(), "data", false)
	if err != nil || v.Labels["a"] != "1" || len(v.Labels) != 1 || v.Options["type"] != "tmpfs" || v.Mountpoint != w.Path("data") || v.Scope != "local" {
		t.Errorf("%+v, %v", v, err)
	}
	if got := w.events.seen; !slices.Equal(got, []string{"create data"}) {
		t.Errorf("events: %v", got)
	}
	if _, err := w.Create(t.Context(), CreateOptions{Name: "other", Driver: "foo"}); !errdefs.IsNotFound(err) || !strings.Contains(err.Error(), `plugin "foo" not found`) {
		t.Errorf("driver foo: %v", err)
	}
}

func TestAnonymous(t *testing.T) {
	w := newWorld(t)
	name := w.make(t, CreateOptions{})
	if !random(name) {
		t.Errorf("name %q", name)
	}
	// A power cut may take what was not waited for.
	if err := os.Truncate(filepath.Join(w.folder(name), metaName), 0); err != nil {
		t.Fatal(err)
	}
	v, err := w.Inspect(t.Context(), name, false)
	if _, ok := v.Labels[LabelAnonymous]; !ok || err != nil || v.CreatedAt == "" {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestManyCreateOne(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	created := make(chan bool, 40)
	for range cap(created) {
		wg.Go(func() {
			h, err := w.Hold(t.Context(), CreateOptions{Name: "one"})
			if err != nil {
				t.Error(err)
				return
			}
			created <- h.Created
			h.Release()
		})
	}
	wg.Wait()
	close(created)
	n := 0
	for c := range created {
		if c {
			n++
		}
	}
	if n != 1 {
		t.Errorf("created %d times", n)
	}
	if left := w.sweep(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// A volume is there whole or not at all while others make and remove it.
func TestCreateAgainstRemove(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				h, err := w.Hold(t.Context(), CreateOptions{Name: "vv", Labels: map[string]string{"a": "b"}})
				if err != nil {
					t.Error(err)
					return
				}
				if fi, err := os.Stat(h.Path()); err != nil || !fi.IsDir() {
					t.Errorf("held but not there: %v", err)
				}
				h.Release()
			}
		})
		wg.Go(func() {
			for range 50 {
				if err := w.Remove(t.Context(), "vv", true); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if left := w.sweep(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestRemove(t *testing.T) {
	w := newWorld(t)
	w.make(t, CreateOptions{Name: "used"})
	w.used["used"] = []string{"c1", "c2"}
	err := w.Remove(t.Context(), "used", true)
	if !errdefs.IsConflict(err) || err.Error() != "remove used: volume is in use - [c1, c2]" {
		t.Errorf("in use: %v", err)
	}
	delete(w.used, "used")
	if err := os.WriteFile(filepath.Join(w.Path("used"), "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.Remove(t.Context(), "used", false); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"used", "..", ".", "", "../test", ".new-1"} {
		if err := w.Remove(t.Context(), name, false); !errdefs.IsNotFound(err) {
			t.Errorf("remove %q: %v", name, err)
		}
		if _, err := w.Inspect(t.Context(), name, false); !errdefs.IsNotFound(err) {
			t.Errorf("inspect %q: %v", name, err)
		}
		if err := w.Remove(t.Context(), name, true); err != nil {
			t.Errorf("remove -f %q: %v", name, err)
		}
	}
	if got := w.events.seen; !slices.Equal(got, []string{"create used", "destroy used"}) {
		t.Errorf("events: %v", got)
	}
}

// A remover waits for who holds the volume, and gives up with its context.
func TestHeldIsNotRemoved(t *testing.T) {
	w := newWorld(t)
	h, err := w.Hold(t.Context(), CreateOptions{Name: "vv"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Remove(ctx, "vv", false); err == nil {
		t.Error("a held volume was removed")
	}
	h.Release()
	if err := w.Remove(t.Context(), "vv", false); err != nil {
		t.Error(err)
	}
}

func TestList(t *testing.T) {
	w := newWorld(t)
	w.make(t, CreateOptions{Name: "web-data", Labels: map[string]string{"app": "web", "x": "1"}})
	w.make(t, CreateOptions{Name: "db-data", Labels: map[string]string{"app": "db"}})
	w.make(t, CreateOptions{Name: "mounted", Options: map[string]string{"type": "tmpfs", "device": "tmpfs"}})
	w.used["db-data"] = []string{"c"}
	if err := os.WriteFile(filepath.Join(w.Path("db-data"), "f"), make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		filters map[string][]string
		want    string
	}{
		{nil, "db-data mounted web-data"},
		{map[string][]string{"name": {"data"}}, "db-data web-data"},
		{map[string][]string{"name": {"db", "web"}}, "db-data web-data"},
		{map[string][]string{"driver": {"local"}}, "db-data mounted web-data"},
		{map[string][]string{"driver": {"nfs"}}, ""},
		{map[string][]string{"label": {"app"}}, "db-data web-data"},
		{map[string][]string{"label": {"app=web"}}, "web-data"},
		{map[string][]string{"label": {"app", "x=1"}}, "web-data"},
		{map[string][]string{"label!": {"app"}}, "mounted"},
		{map[string][]string{"dangling": {"true"}}, "mounted web-data"},
		{map[string][]string{"dangling": {"0"}}, "db-data"},
		{map[string][]string{"size": {">=100"}}, "db-data"},
		{map[string][]string{"size": {"<1k", "=0"}}, "web-data"},
	} {
		list, err := w.List(t.Context(), ListOptions{Filters: c.filters})
		var names []string
		for _, v := range list {
			names = append(names, v.Name)
		}
		if got := strings.Join(names, " "); got != c.want || err != nil {
			t.Errorf("%v: %q, %v, want %q", c.filters, got, err, c.want)
		}
	}
	for text, filters := range map[string]map[string][]string{
		"invalid filter 'foo'":              {"foo": {"x"}},
		"invalid filter 'dangling=[maybe]'": {"dangling": {"maybe"}},
		"invalid filter 'size=x'":           {"size": {"x"}},
	} {
		if _, err := w.List(t.Context(), ListOptions{Filters: filters}); err == nil || !strings.HasPrefix(err.Error(), text) {
			t.Errorf("%v: %v", filters, err)
		}
	}
}

func TestPrune(t *testing.T) {
	w := newWorld(t)
	anonymous := w.make(t, CreateOptions{})
	for _, name := range []string{"kept", "other"} {
		w.make(t, CreateOptions{Name: name, Labels: map[string]string{name: ""}})
	}
	inUse := w.make(t, CreateOptions{})
	w.used[inUse] = []string{"c"}
	if err := os.WriteFile(filepath.Join(w.Path(anonymous), "f"), make([]byte, 10), 0o600); err != nil {
		t.Fatal(err)
	}
	rep, err := w.Prune(t.Context(), PruneOptions{})
	if err != nil || !slices.Equal(rep.Deleted, []string{anonymous}) || rep.Reclaimed != 10 {
		t.Errorf("%+v, %v", rep, err)
	}
	rep, err = w.Prune(t.Context(), PruneOptions{Filters: map[string][]string{"all": {"true"}, "label!": {"kept"}}})
	if err != nil || !slices.Equal(rep.Deleted, []string{"other"}) {
		t.Errorf("%+v, %v", rep, err)
	}
	for _, bad := range []map[string][]string{{"dangling": {"true"}}, {"all": {"maybe"}}, {"all": {"1", "0"}}, {"until": {"1h"}}} {
		if _, err := w.Prune(t.Context(), PruneOptions{Filters: bad}); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func TestRepairSweeps(t *testing.T) {
	w := newWorld(t)
	w.make(t, CreateOptions{Name: "kept"})
	for _, n := range []string{draftPrefix + "1", goingPrefix + "2"} {
		if err := os.MkdirAll(filepath.Join(w.root(), n, dataName), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	_, working, err := w.draft() // of somebody who is still at it
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = working.Close() }()
	for _, dry := range []bool{true, false} {
		if found, err := w.Repair(t.Context(), dry); err != nil || len(found) != 2 || found[0].Err != nil {
			t.Errorf("dry %t: %v, %v", dry, found, err)
		}
	}
	if found, err := w.Repair(t.Context(), true); err != nil || len(found) != 0 {
		t.Errorf("after: %v, %v", found, err)
	}
}

// A file that was damaged does not hide a volume, and is named.
func TestDamaged(t *testing.T) {
	w := newWorld(t)
	w.make(t, CreateOptions{Name: "vv"})
	if err := os.WriteFile(filepath.Join(w.folder("vv"), metaName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if list, err := w.List(t.Context(), ListOptions{}); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := w.Hold(t.Context(), CreateOptions{Name: "vv"}); err == nil || !strings.Contains(err.Error(), metaName) {
		t.Errorf("%v", err)
	}
	if err := w.Remove(t.Context(), "vv", false); err != nil {
		t.Error(err)
	}
}
