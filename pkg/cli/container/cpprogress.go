package container

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/docker/go-units"

	"github.com/nerd-cli/nerd/pkg/container"
)

// Escape sequences of a line that is written again and again.
const (
	saveCursor    = "\x1b[s"
	hideCursor    = "\x1b[?25l"
	showCursor    = "\x1b[?25h"
	restoreCursor = "\x1b[u\x1b[2K"
)

// progressEvery is how often the line is written, as Docker does.
const progressEvery = 300 * time.Millisecond

// progress runs a copy and, unless it shall be quiet, tells on stderr how far it
// is and how much it was in the end.
func (o *CopyOptions) progress(words, destination string, opts *container.CopyOptions, run func() error) error {
	if o.Quiet {
		return run()
	}
	var copied atomic.Int64
	opts.Moved = func(n int64) { copied.Add(n) }
	stop := func() {}
	if o.IO.ErrIsTerminal() {
		stop = showProgress(o.IO.Err, words, &copied)
	}
	err := run()
	stop()
	if err != nil {
		return err
	}
	const end = 1024 // of a tar: the sizes that Docker shows are those of its archives
	_, err = fmt.Fprintln(o.IO.Err, "Successfully copied", size(copied.Load()+end), "to", destination)
	return err
}

// showProgress keeps a line up to date until the function it returns is called.
func showProgress(w io.Writer, words string, copied *atomic.Int64) (stop func()) {
	_, _ = fmt.Fprint(w, saveCursor, "Preparing to copy...", hideCursor, restoreCursor, words, size(0))
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		last := int64(0)
		for {
			select {
			case <-done:
				_, _ = fmt.Fprint(w, showCursor, restoreCursor)
				return
			case <-tick.C:
				if now := copied.Load(); now != last {
					last = now
					_, _ = fmt.Fprint(w, restoreCursor, words, size(now))
				}
			}
		}
	})
	return func() { close(done); running.Wait() }
}

func size(n int64) string { return units.HumanSizeWithPrecision(float64(n), 3) }
