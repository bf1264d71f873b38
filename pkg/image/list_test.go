package image

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

func TestListFilters(t *testing.T) {
	s, _ := newService(t)
	ctx := testContext(t)
	older, err := mutate.CreatedAt(testImage(t, "amd64", "old"), v1.Time{Time: created.Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	load(t, s, archiveOf(t, older, "old:1"))
	load(t, s, archiveOf(t, testImage(t, "amd64", "mid"), "mid:1", "example.com/team/mid:2"))
	load(t, s, archiveOf(t, testImage(t, "amd64", "lost"), "gone:1"))
	load(t, s, archiveOf(t, testImage(t, "amd64", "new"), "gone:1"))
	for _, c := range []struct {
		filters map[string][]string
		want    []string
	}{
		{nil, []string{"", "example.com/team/mid:2", "gone:1", "mid:1", "old:1"}},
		{map[string][]string{"reference": {"mid"}}, []string{"mid:1"}},
		{map[string][]string{"reference": {"mid:*", "old"}}, []string{"mid:1", "old:1"}},
		{map[string][]string{"reference": {"example.com/*/*"}}, []string{"example.com/team/mid:2"}},
		{map[string][]string{"reference": {"*"}}, []string{"gone:1", "mid:1", "old:1"}},
		{map[string][]string{"reference": {"none"}}, nil},
		{map[string][]string{"dangling": {"true"}}, []string{""}},
		{map[string][]string{"dangling": {"false"}, "reference": {"old"}}, []string{"old:1"}},
		{map[string][]string{"label": {"kind=old"}}, []string{"old:1"}},
		{map[string][]string{"label": {"kind", "kind=mid"}}, []string{"example.com/team/mid:2", "mid:1"}},
		{map[string][]string{"label": {"nokind"}}, nil},
		{map[string][]string{"before": {"mid:1"}}, []string{"old:1"}},
		{map[string][]string{"since": {"old:1"}, "dangling": {"false"}}, []string{"example.com/team/mid:2", "gone:1", "mid:1"}},
		{map[string][]string{"until": {created.Add(-time.Minute).Format(time.RFC3339)}}, []string{"old:1"}},
	} {
		list, err := s.List(ctx, ListOptions{Filters: c.filters})
		if err != nil {
			t.Errorf("%v: %v", c.filters, err)
			continue
		}
		var got []string
		for _, i := range list {
			got = append(got, i.RepoTags...)
			if len(i.RepoTags) == 0 {
				got = append(got, "")
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%v: %s", c.filters, diff)
		}
	}
	for _, bad := range []map[string][]string{
		{"nokey": {"x"}}, {"dangling": {"perhaps"}}, {"reference": {"["}}, {"until": {"soon"}}, {"until": {"1h", "2h"}},
	} {
		if _, err := s.List(ctx, ListOptions{Filters: bad}); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if _, err := s.List(ctx, ListOptions{Filters: map[string][]string{"before": {"absent"}}}); !errdefs.IsNotFound(err) {
		t.Errorf("before an absent image: %v", err)
	}
}

func TestCacheIsOnlyACache(t *testing.T) {
	s, _ := newService(t)
	ctx := testContext(t)
	load(t, s, archiveOf(t, testImage(t, "amd64", "a"), "app:1"))
	before, err := s.List(ctx, ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(s.layout.ImageCache())
	if err != nil || len(files) == 0 {
		t.Fatalf("no cache: %v, %v", files, err)
	}
	for _, spoil := range []func(path string) error{
		os.Remove,
		func(p string) error { return os.WriteFile(p, nil, 0o600) },
		func(p string) error { return os.WriteFile(p, []byte("{broken"), 0o600) },
		func(p string) error { return os.WriteFile(p, []byte(`{"Version":999}`), 0o600) },
	} {
		for _, f := range files {
			if err := spoil(s.layout.ImageCache() + "/" + f.Name()); err != nil {
				t.Fatal(err)
			}
		}
		after, err := s.List(ctx, ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Error(diff)
		}
	}
}

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"1h30m":                now.Add(-90 * time.Minute),
		"2026-05-01":           time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC),
		"2026-05-01T10:20":     time.Date(2026, 5, 1, 10, 20, 0, 0, time.UTC),
		"2026-05-01T10:20:30Z": time.Date(2026, 5, 1, 10, 20, 30, 0, time.UTC),
		"1700000000":           time.Unix(1700000000, 0),
		"1700000000.5":         time.UnixMilli(1700000000500),
	} {
		if got, err := parseTime(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	if _, err := parseTime("yesterday", now); err == nil || !strings.Contains(err.Error(), "yesterday") {
		t.Errorf("got %v", err)
	}
}
