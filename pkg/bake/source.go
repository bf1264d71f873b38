package bake

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// around is how many lines are shown before and after the one that is wrong.
const around = 2

// SourceError is an error at a place in a file.
type SourceError struct {
	err         error
	name        string
	lines       []string
	first, last int // the place, counted from 1
}

// Error begins with the place.
func (e *SourceError) Error() string { return e.err.Error() }

// Unwrap gives what the parser said.
func (e *SourceError) Unwrap() error { return e.err }

// Excerpt shows the place, as the builder shows one of a Dockerfile.
func (e *SourceError) Excerpt() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d\n--------------------\n", e.name, e.first)
	for i := max(1, e.first-around); i <= min(len(e.lines), e.last+around); i++ {
		mark := "   "
		if e.first <= i && i <= e.last {
			mark = ">>>"
		}
		fmt.Fprintf(&b, "%4d | %s %s\n", i, mark, e.lines[i-1])
	}
	b.WriteString("--------------------\n")
	return b.String()
}

// withSource gives an error of the parser the lines it is about.
func withSource(err error, files []File) error {
	var diags hcl.Diagnostics
	if !errors.As(err, &diags) {
		return err
	}
	for _, d := range diags {
		if d.Severity != hcl.DiagError || d.Subject == nil {
			continue
		}
		for _, f := range files {
			if f.Name == d.Subject.Filename {
				return &SourceError{
					err: errors.New(d.Error()), name: f.Name, lines: strings.Split(string(f.Data), "\n"),
					first: d.Subject.Start.Line, last: d.Subject.End.Line,
				}
			}
		}
	}
	return err
}
