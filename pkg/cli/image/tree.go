package image

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/containerd/platforms"
	"github.com/docker/go-units"
	apiimage "github.com/moby/moby/api/types/image"
)

// treeRow is a line of the view: an image, or one platform of it.
type treeRow struct {
	names       []string // several stand below each other
	id          string
	usage, size int64
	used        bool
	children    []treeRow
}

// treeFlags tells whether the flags ask for Docker 29's view rather than for the
// older table, and refuses those that make no sense with --tree.
func (o *ListOptions) treeFlags() (bool, error) {
	for _, f := range []struct {
		set  bool
		name string
	}{{o.Quiet, "--quiet"}, {o.NoTrunc, "--no-trunc"}, {o.Digests, "--digests"}, {o.Format != "", "--format"}} {
		if f.set && o.Tree {
			return false, errors.New(f.name + " is not yet supported with --tree")
		}
		if f.set {
			return false, nil
		}
	}
	return true, nil
}

// treeRows makes the lines: one a tag, or with expand one an image with all its
// tags and its platforms.
func treeRows(list []apiimage.Summary, content map[string]int64, expand bool) []treeRow {
	var rows []treeRow
	for _, img := range list {
		row := treeRow{id: img.ID, usage: img.Size, size: content[img.ID], used: img.Containers > 0}
		tags := slices.Sorted(slices.Values(img.RepoTags))
		for _, m := range img.Manifests {
			if m.Kind == apiimage.ManifestKindImage {
				row.children = append(row.children, treeRow{
					names: []string{platforms.Format(m.ImageData.Platform)}, id: m.ID, usage: m.Size.Total, size: m.Size.Content,
					used: len(m.ImageData.Containers) > 0,
				})
			}
		}
		if expand || len(tags) == 0 {
			row.names = tags
			rows = append(rows, row)
			continue
		}
		for _, tag := range tags {
			one := row
			one.names = []string{tag}
			rows = append(rows, one)
		}
	}
	slices.SortStableFunc(rows, func(a, b treeRow) int {
		if x, y := len(a.names) == 0, len(b.names) == 0; x || y {
			return cmp.Compare(btoi(x), btoi(y))
		}
		return strings.Compare(a.names[0], b.names[0])
	})
	return rows
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

const untagged = "<untagged>"

// writeTree prints the view. On a terminal of so many columns names that are too
// long stand on a line of their own; 0 is no limit.
func writeTree(w io.Writer, rows []treeRow, expand bool, width int) error {
	first := len("IMAGE")
	for _, r := range rows {
		for _, name := range append(slices.Clone(r.names), childNames(r)...) {
			first = max(first, utf8.RuneCountInString(name))
		}
		if len(r.names) == 0 {
			first = max(first, len(untagged))
		}
	}
	const others, least = 3 + 12 + 3 + 10 + 3 + 12 + 3 + 5, 12
	if width > 0 {
		first = min(first, max(width-others, least))
	}
	out := &strings.Builder{}
	fmt.Fprintf(out, "%-*s   %-12s   %10s   %12s   %-5s\n", first, "IMAGE", "ID", "DISK USAGE", "CONTENT SIZE", "EXTRA")
	for _, r := range rows {
		names := r.names
		if len(names) == 0 {
			names = []string{untagged}
		}
		for _, name := range names[:len(names)-1] {
			fmt.Fprintln(out, name)
		}
		r.write(out, names[len(names)-1], first)
		for i, c := range r.children {
			c.write(out, branch(i, len(r.children))+c.names[0], first)
		}
		if expand {
			fmt.Fprintln(out)
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func branch(i, n int) string {
	if i == n-1 {
		return "└─ "
	}
	return "├─ "
}

func childNames(r treeRow) []string {
	var out []string
	for _, c := range r.children {
		out = append(out, branch(0, 1)+c.names[0])
	}
	return out
}

func (r *treeRow) write(out *strings.Builder, name string, first int) {
	if utf8.RuneCountInString(name) > first {
		fmt.Fprintln(out, name)
		name = ""
	}
	extra := " "
	if r.used {
		extra = "U"
	}
	size := func(n int64) string { return units.HumanSizeWithPrecision(float64(n), 3) }
	fmt.Fprintf(out, "%-*s   %-12s   %10s   %12s   %-5s\n", first, name, shortID(r.id), size(r.usage), size(r.size), extra)
}

// shortID is an id as tables show it.
func shortID(id string) string { return fmt.Sprintf("%.12s", strings.TrimPrefix(id, "sha256:")) }
