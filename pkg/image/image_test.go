package image

import (
	"bytes"
	"compress/gzip"
	"context"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/image"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/ctrd/ctrdtest"
)

func testContext(t testing.TB) context.Context {
	t.Helper()
	return namespaces.WithNamespace(t.Context(), ctrdtest.Namespace)
}

func TestLoadAndResolve(t *testing.T) {
	s, _ := newService(t)
	ctx := testContext(t)
	loaded := load(t, s, archiveOf(t, testImage(t, "amd64", "a", "b"), "busybox:1", "example.com/x/y:z"))
	var got []string
	for _, l := range loaded {
		got = append(got, l.Name)
	}
	if len(got) != 2 || !strings.Contains(strings.Join(got, " "), "busybox:1") {
		t.Fatalf("loaded %q", got)
	}
	id := loaded[0].ID.String()
	for _, ref := range []string{
		"busybox:1", "docker.io/library/busybox:1", "library/busybox:1", "example.com/x/y:z",
		id, id[len("sha256:"):], id[len("sha256:"):][:12], id[:len("sha256:")+6],
		"busybox@" + id, "busybox:1@" + id,
	} {
		img, err := s.Resolve(ctx, ref)
		if err != nil {
			t.Errorf("%s: %v", ref, err)
			continue
		}
		if img.ID() != id || img.ChainID == "" || img.Platform.Architecture != "amd64" || len(img.Config.Config.Env) != 1 {
			t.Errorf("%s: got %+v", ref, img)
		}
		if err := s.EnsureUnpacked(ctx, img, ""); err != nil {
			t.Errorf("%s: unpack: %v", ref, err)
		}
	}
}

func TestResolveFailures(t *testing.T) {
	s, _ := newService(t)
	ctx := testContext(t)
	load(t, s, archiveOf(t, testImage(t, "amd64", "a"), "busybox:1"))
	for ref, want := range map[string]string{
		"nothing":                "No such image: nothing:latest",
		"nothing:tag":            "No such image: nothing:tag",
		"cafe":                   "No such image: cafe:latest",
		"example.com/busybox:1":  "No such image: example.com/busybox:1",
		"busybox":                "No such image: busybox:latest",
		"sha256:" + zeros:        "No such image: sha256:" + zeros,
		"other@sha256:" + zeros:  "No such image: other@sha256:" + zeros,
		"Upper/Case":             `invalid reference format: repository name (Library/Case) must be lowercase: "Upper/Case"`,
		"":                       `invalid reference format: ""`,
		"a b":                    `invalid reference format: "a b"`,
		"busybox@sha256:" + "00": `invalid reference format: "busybox@sha256:00"`,
	} {
		_, err := s.Resolve(ctx, ref)
		if ref == "Upper/Case" {
			if !errdefs.IsInvalidArgument(err) {
				t.Errorf("%q: got %v", ref, err)
			}
			continue
		}
		if err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", ref, err, want)
		}
	}
}

var zeros = strings.Repeat("0", 64)

func TestLoadCompressed(t *testing.T) {
	s, _ := newService(t)
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(archiveOf(t, testImage(t, "amd64", "a"), "busybox:1")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := load(t, s, buf.Bytes()); got[0].Name != "busybox:1" {
		t.Errorf("got %+v", got)
	}
}

func TestLoadBadArchives(t *testing.T) {
	good := archiveOf(t, testImage(t, "amd64", "a"), "busybox:1")
	cases := map[string][]byte{
		"empty":     nil,
		"text":      []byte("this is no archive"),
		"truncated": good[:len(good)*2/3],
		"not image": tarOf(t, map[string]string{"hello": "world"}),
		"no layer":  tarOf(t, map[string]string{"manifest.json": `[{"Config":"c","RepoTags":["a:b"],"Layers":["l"]}]`, "c": `{}`}),
		"bad name":  tarOf(t, map[string]string{"manifest.json": `[{"Config":"c","RepoTags":["A B"],"Layers":[]}]`, "c": `{"os":"linux"}`}),
		"layers and diff ids differ": tarOf(t, map[string]string{
			"manifest.json": `[{"Config":"c","RepoTags":["a:b"],"Layers":["l"]}]`, "c": `{"os":"linux","architecture":"amd64"}`, "l": "x",
		}),
		"wrong diff id": tarOf(t, map[string]string{
			"manifest.json": `[{"Config":"c","RepoTags":["a:b"],"Layers":["l"]}]`,
			"c":             `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["sha256:` + zeros + `"]}}`,
			"l":             string(tarOf(t, map[string]string{"f": "x"})),
		}),
		"negative size": tarOf(t, map[string]string{
			"oci-layout": `{"imageLayoutVersion":"1.0.0"}`,
			"index.json": `{"schemaVersion":2,"manifests":[{"mediaType":"` + ocispec.MediaTypeImageManifest + `","digest":"sha256:` + zeros + `","size":-5}]}`,
		}),
		"missing manifest": tarOf(t, map[string]string{
			"oci-layout": `{"imageLayoutVersion":"1.0.0"}`,
			"index.json": `{"schemaVersion":2,"manifests":[{"mediaType":"` + ocispec.MediaTypeImageManifest + `","digest":"sha256:` + zeros + `","size":5}]}`,
		}),
		"no digest": tarOf(t, map[string]string{
			"oci-layout": `{"imageLayoutVersion":"1.0.0"}`,
			"index.json": `{"schemaVersion":2,"manifests":[{"mediaType":"` + ocispec.MediaTypeImageManifest + `","digest":"../../etc","size":5}]}`,
		}),
		"xz": {0xfd, '7', 'z', 'X', 'Z', 0, 0, 0},
	}
	for name, data := range cases {
		t.Run(name, func(t *testing.T) {
			s, store := newService(t)
			_, err := s.Load(testContext(t), bytes.NewReader(data), LoadOptions{})
			if !errdefs.IsInvalidArgument(err) {
				t.Fatalf("got %v", err)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %v", err)
			}
			t.Log(err)
			if left := store.Blobs(t); len(left) > 0 {
				t.Errorf("left content %v", left)
			}
			if left := store.SnapshotNames(t); len(left) > 0 {
				t.Errorf("left snapshots %v", left)
			}
			if list, err := s.List(testContext(t), ListOptions{}); err != nil || len(list) > 0 {
				t.Errorf("left images %v, %v", list, err)
			}
		})
	}
}

func TestTagMovesAndDangles(t *testing.T) {
	s, store := newService(t)
	ctx := testContext(t)
	first := load(t, s, archiveOf(t, testImage(t, "amd64", "a"), "app:1"))[0]
	second := load(t, s, archiveOf(t, testImage(t, "amd64", "b"), "app:1"))[0]
	if second.Replaced != first.ID {
		t.Errorf("replaced %s, want %s", second.Replaced, first.ID)
	}
	list, err := s.List(ctx, ListOptions{Filters: map[string][]string{"dangling": {"true"}}})
	if err != nil || len(list) != 1 || list[0].ID != first.ID.String() {
		t.Fatalf("dangling: %+v, %v", list, err)
	}
	if err := s.Tag(ctx, first.ID.String(), "old"); err != nil {
		t.Fatal(err)
	}
	list, err = s.List(ctx, ListOptions{Filters: map[string][]string{"dangling": {"true"}}})
	if err != nil || len(list) != 0 {
		t.Errorf("still dangling: %+v, %v", list, err)
	}
	for _, ref := range []string{"old", "app:1"} {
		if _, err := s.Remove(ctx, ref, RemoveOptions{}); err != nil {
			t.Errorf("%s: %v", ref, err)
		}
	}
	if left := store.Blobs(t); len(left) > 0 {
		t.Errorf("left content %v", left)
	}
	if left := store.SnapshotNames(t); len(left) > 0 {
		t.Errorf("left snapshots %v", left)
	}
}

func TestTagRejects(t *testing.T) {
	s, _ := newService(t)
	load(t, s, archiveOf(t, testImage(t, "amd64", "a"), "app:1"))
	for _, name := range []string{"UPPER", "x@sha256:" + zeros, "", "a:b:c"} {
		if err := s.Tag(testContext(t), "app:1", name); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := s.Tag(testContext(t), "absent", "x"); !errdefs.IsNotFound(err) {
		t.Errorf("absent: %v", err)
	}
}

func TestRemove(t *testing.T) {
	ctx := testContext(t)
	type step struct {
		ref   string
		force bool
		want  []image.DeleteResponse
		err   string
	}
	img := testImage(t, "amd64", "a")
	s0, _ := newService(t)
	id := load(t, s0, archiveOf(t, img, "app:1"))[0].ID.String()
	short := id[7:19]
	for name, c := range map[string]struct {
		tags  []string
		users []User
		steps []step
	}{
		"one name": {tags: []string{"app:1"}, steps: []step{
			{ref: "app:1", want: []image.DeleteResponse{{Untagged: "app:1"}, {Deleted: id}}},
			{ref: "app:1", err: "No such image: app:1"},
		}},
		"two names": {tags: []string{"app:1", "app:2"}, steps: []step{
			{ref: "app:2", want: []image.DeleteResponse{{Untagged: "app:2"}}},
			{ref: "app:1", want: []image.DeleteResponse{{Untagged: "app:1"}, {Deleted: id}}},
		}},
		"id, one repository": {tags: []string{"app:1", "app:2"}, steps: []step{
			{ref: short, want: []image.DeleteResponse{{Untagged: "app:1"}, {Untagged: "app:2"}, {Deleted: id}}},
		}},
		"id, two repositories": {tags: []string{"app:1", "other:1"}, steps: []step{
			{ref: short, err: "conflict: unable to delete " + short + " (must be forced) - image is referenced in multiple repositories"},
			{ref: short, force: true, want: []image.DeleteResponse{{Untagged: "app:1"}, {Untagged: "other:1"}, {Deleted: id}}},
		}},
		"running": {tags: []string{"app:1"}, users: []User{{ID: "0123456789abcdef", Running: true}}, steps: []step{
			{ref: "app:1", force: true, err: `conflict: unable to remove repository reference "app:1" (cannot be forced) - container 0123456789ab is using its referenced image ` + short},
			{ref: short, force: true, err: "conflict: unable to delete " + short + " (cannot be forced) - image is being used by running container 0123456789ab"},
		}},
		"stopped": {tags: []string{"app:1"}, users: []User{{ID: "0123456789abcdef"}}, steps: []step{
			{ref: "app:1", err: `conflict: unable to remove repository reference "app:1" (must be forced) - container 0123456789ab is using its referenced image ` + short},
			{ref: short, err: "conflict: unable to delete " + short + " (must be forced) - image is being used by stopped container 0123456789ab"},
			{ref: short, force: true, want: []image.DeleteResponse{{Untagged: "app:1"}, {Deleted: id}}},
		}},
		"running, another name stays": {tags: []string{"app:1", "app:2"}, users: []User{{ID: "0123", Running: true}}, steps: []step{
			{ref: "app:2", want: []image.DeleteResponse{{Untagged: "app:2"}}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := newService(t)
			load(t, s, archiveOf(t, img, c.tags...))
			s.SetInUse(func(context.Context) (Uses, error) { return Uses{id: c.users}, nil })
			for _, st := range c.steps {
				got, err := s.Remove(ctx, st.ref, RemoveOptions{Force: st.force})
				if text := errText(err); text != st.err {
					t.Errorf("%s: error %q, want %q", st.ref, text, st.err)
				}
				if diff := cmp.Diff(st.want, got); diff != "" && st.err == "" {
					t.Errorf("%s: %s", st.ref, diff)
				}
			}
		})
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
