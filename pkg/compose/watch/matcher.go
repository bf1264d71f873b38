package watch

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// makeshift are the files of editors, and Git's own, which no rule is about.
var makeshift = []string{
	"**/.git", "**/*~", "**/.#*", "**/#*#", "**/.*.swp", "**/.*.swx", "**/.*.swo", "**/.*.kate-swp", "**/*___jb_tmp___", "**/*___jb_old___", "**/.idea",
	"**/.DS_Store", "**/4913",
}

// matcher tells which paths a rule is about.
type matcher struct {
	rule Rule
	file bool // the rule is about one file

	ignored, included *patternmatcher.PatternMatcher // relative to the rule's path
	context           *patternmatcher.PatternMatcher // relative to the context
	temporary         *patternmatcher.PatternMatcher
}

func newMatcher(r Rule) (*matcher, error) {
	m := &matcher{rule: r}
	if info, err := os.Stat(r.Path); err == nil {
		m.file = !info.IsDir()
	}
	var err error
	compile := func(patterns []string) *patternmatcher.PatternMatcher {
		var clean []string
		for _, p := range patterns {
			clean = append(clean, strings.TrimPrefix(filepath.ToSlash(p), "./"))
		}
		pm, perr := patternmatcher.New(clean)
		err = errors.Join(err, perr)
		return pm
	}
	m.ignored, m.temporary = compile(r.Ignore), compile(makeshift)
	if len(r.Include) > 0 {
		m.included = compile(r.Include)
	}
	if r.Context != "" {
		patterns, rerr := dockerignore(r.Context)
		if rerr != nil {
			return nil, rerr
		}
		m.context = compile(patterns)
	}
	return m, err
}

// dockerignore are the patterns of the .dockerignore of a folder.
func dockerignore(folder string) ([]string, error) {
	f, err := os.Open(filepath.Join(folder, ".dockerignore"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ignorefile.ReadAll(bufio.NewReader(io.LimitReader(f, 1<<20)))
}

// matches tells whether a change of a path concerns the rule.
func (m *matcher) matches(path string) bool {
	if m.file {
		return path == m.rule.Path
	}
	rel, ok := below(m.rule.Path, path)
	if !ok || rel == "." || m.skips(path) {
		return false
	}
	return m.included == nil || hits(m.included, rel)
}

// skips tells whether a path is ignored, whatever is included.
func (m *matcher) skips(path string) bool {
	rel, ok := below(m.rule.Path, path)
	if !ok || rel == "." {
		return false
	}
	if hits(m.ignored, rel) || hits(m.temporary, rel) {
		return true
	}
	inContext, ok := below(m.rule.Context, path)
	return ok && m.context != nil && inContext != "." && hits(m.context, inContext)
}

// prunes tells whether nothing below a folder can concern the rule.
func (m *matcher) prunes(folder string) bool {
	if !m.skips(folder) {
		return false
	}
	return !m.ignored.Exclusions() && (m.context == nil || !m.context.Exclusions())
}

func hits(pm *patternmatcher.PatternMatcher, rel string) bool {
	ok, err := pm.MatchesOrParentMatches(rel)
	return err == nil && ok
}

// below is the path from a folder to a path in it.
func below(folder, path string) (string, bool) {
	if folder == "" {
		return "", false
	}
	rel, err := filepath.Rel(folder, path)
	return rel, err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}
