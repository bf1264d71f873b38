package container

import (
	"context"
	"errors"
	"fmt"

	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// parallel is how many containers a verb works on at once.
const parallel = 16

// each runs fn on every container that was named, several at once, and writes in
// the order of the arguments: the names that went well on stdout, the errors on
// stderr. One failure does not keep the others from being done.
func each(ctx context.Context, streams *iostreams.IOStreams, refs []string, fn func(context.Context, string) error) error {
	return eachPrint(ctx, streams, refs, func(ctx context.Context, ref string) (string, error) { return ref, fn(ctx, ref) })
}

// eachPrint is each for verbs that print something else than the name.
func eachPrint(ctx context.Context, streams *iostreams.IOStreams, refs []string, fn func(context.Context, string) (string, error)) error {
	type result struct {
		text string
		err  error
	}
	results := make([]chan result, len(refs))
	slots := make(chan struct{}, parallel)
	for i, ref := range refs {
		results[i] = make(chan result, 1)
		go func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			text, err := fn(ctx, ref)
			results[i] <- result{text, err}
		}()
	}
	failed := false
	for i := range refs {
		r := <-results[i]
		if r.err != nil {
			var fine *harmless
			failed = failed || !errors.As(r.err, &fine)
			if ctx.Err() == nil { // an interrupt is not said for each
				streams.PrintError(r.err)
			}
			continue
		}
		if _, err := fmt.Fprintln(streams.Out, r.text); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if failed {
		return &errs.Exit{Code: 1}
	}
	return nil
}

// harmless is an error that is worth a line but does not make a verb fail.
type harmless struct{ err error }

func (h *harmless) Error() string { return h.err.Error() }
func (h *harmless) Unwrap() error { return h.err }

// exitStatus is the end of an attached session: the container's exit status is the
// program's.
func exitStatus(code int) error {
	if code == 0 {
		return nil
	}
	return &errs.Exit{Code: code}
}
