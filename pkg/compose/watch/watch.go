// Package watch tells which files have changed, by rules on paths. It knows
// nothing of containers.
package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// quiet is how long nothing may change before a batch is complete: programs
	// write a file in several steps, and several files at a time.
	quiet = 60 * time.Millisecond
	// longest is how long a batch may wait for that.
	longest = 500 * time.Millisecond
)

// Rule is about a file, or about what is in a folder.
type Rule struct {
	Path    string   // absolute
	Ignore  []string // patterns as in a .dockerignore, relative to Path
	Include []string // none: everything
	// Context is a folder whose .dockerignore counts too; empty: none does.
	Context string
}

// Change is a path that is not what it was, or is no more.
type Change struct {
	Rule int // index of the rule that it concerns
	Path string
}

// Watcher watches from the moment Open returns.
type Watcher struct {
	rules []*matcher
	fs    *fsnotify.Watcher
	found []Change // seen while watches were added, not yet told
}

// Open begins to watch. A path that is not there is an error.
func Open(rules []Rule) (*Watcher, error) {
	w := &Watcher{}
	for _, r := range rules {
		path, err := filepath.EvalSymlinks(r.Path) // events name what a link leads to
		if err != nil {
			return nil, fmt.Errorf("watching %s: %w", r.Path, err)
		}
		if r.Path = path; r.Context != "" {
			if r.Context, err = filepath.EvalSymlinks(r.Context); err != nil {
				return nil, err
			}
		}
		m, err := newMatcher(r)
		if err != nil {
			return nil, fmt.Errorf("watching %s: %w", r.Path, err)
		}
		w.rules = append(w.rules, m)
	}
	var err error
	if w.fs, err = fsnotify.NewWatcher(); err != nil {
		return nil, fmt.Errorf("watching files: %w", err)
	}
	for _, m := range w.rules {
		folder := m.rule.Path
		if m.file {
			folder = filepath.Dir(folder) // editors put a new file in the place of the old one
		}
		if err := w.add(folder, m.file); err != nil {
			return nil, errors.Join(err, w.fs.Close())
		}
	}
	w.found = nil
	return w, nil
}

// Path is the path of a rule with links resolved, as Change gives paths.
func (w *Watcher) Path(rule int) string { return w.rules[rule].rule.Path }

// Close ends the watches.
func (w *Watcher) Close() error { return w.fs.Close() }

// Files lists what there is that a rule concerns, files and folders.
func (w *Watcher) Files(rule int) ([]Change, error) {
	m := w.rules[rule]
	if m.file {
		return []Change{{rule, m.rule.Path}}, nil
	}
	var out []Change
	err := filepath.WalkDir(m.rule.Path, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case d.IsDir() && path != m.rule.Path && m.prunes(path):
			return fs.SkipDir
		case m.matches(path):
			out = append(out, Change{rule, path})
		}
		return nil
	})
	return out, err
}

// add watches a folder and, unless told otherwise, those in it. What is in them is
// noted as found: it may have come before the watch was there.
func (w *Watcher) add(folder string, alone bool) error {
	if alone {
		return w.watch(folder)
	}
	return filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // gone again: its end is an event of its own
			return nil
		case err != nil:
			return err
		}
		if path != folder {
			w.note(path)
		}
		if !d.IsDir() {
			return nil
		}
		if w.needless(path) {
			return fs.SkipDir
		}
		return w.watch(path)
	})
}

func (w *Watcher) watch(folder string) error {
	err := w.fs.Add(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("watching %s: %w", folder, err)
	}
	return nil
}

// needless tells whether no rule can concern anything in a folder.
func (w *Watcher) needless(folder string) bool {
	return !slices.ContainsFunc(w.rules, func(m *matcher) bool {
		_, inside := below(m.rule.Path, folder)
		return inside && !m.file && !m.prunes(folder)
	})
}

func (w *Watcher) note(path string) {
	for i, m := range w.rules {
		if m.matches(path) {
			w.found = append(w.found, Change{i, path})
		}
	}
}

// Next waits for changes and gives them once they have come to rest: each once,
// in the order of their paths. What happens meanwhile is given by the next call.
func (w *Watcher) Next(ctx context.Context) ([]Change, error) {
	var end <-chan time.Time
	rest := time.NewTimer(quiet)
	defer rest.Stop()
	for {
		if len(w.found) > 0 && end == nil {
			end = time.After(longest)
			rest.Reset(quiet)
		}
		var resting <-chan time.Time
		if len(w.found) > 0 {
			resting = rest.C
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case err := <-w.fs.Errors:
			if err := w.missed(err); err != nil {
				return nil, err
			}
		case e, ok := <-w.fs.Events:
			if !ok {
				return nil, errors.New("the watch has ended")
			}
			if err := w.event(e); err != nil {
				return nil, err
			}
			rest.Reset(quiet)
		case <-resting:
			return w.take(), nil
		case <-end:
			return w.take(), nil
		}
	}
}

// missed: the kernel has told less than has happened, so anything may have.
func (w *Watcher) missed(err error) error {
	if !errors.Is(err, fsnotify.ErrEventOverflow) {
		return fmt.Errorf("watching files: %w", err)
	}
	for _, m := range w.rules {
		if m.file {
			w.note(m.rule.Path)
		} else if err := w.add(m.rule.Path, false); err != nil {
			return err
		}
	}
	return nil
}

func (w *Watcher) event(e fsnotify.Event) error {
	if e.Op == fsnotify.Chmod {
		if info, err := os.Lstat(e.Name); err != nil || info.IsDir() {
			return nil // a folder whose content is what it was, or one that is being removed
		}
	}
	w.note(e.Name)
	if !e.Has(fsnotify.Create) {
		return nil
	}
	if info, err := os.Lstat(e.Name); err != nil || !info.IsDir() || w.needless(e.Name) {
		return nil
	}
	return w.add(e.Name, false)
}

func (w *Watcher) take() []Change {
	out := w.found
	w.found = nil
	slices.SortFunc(out, func(a, b Change) int {
		if c := strings.Compare(a.Path, b.Path); c != 0 {
			return c
		}
		return a.Rule - b.Rule
	})
	return slices.Compact(out)
}
