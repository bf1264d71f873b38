package compose

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	apicontainer "github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/compose"
	"github.com/nerd-cli/nerd/pkg/container"
)

// colours are those of the prefixes, in turn: ANSI's, without red, which is for
// errors, then the bright ones.
var colours = []string{"36", "33", "32", "35", "34", "96", "93", "92", "95", "94"}

// view shows the output of several containers, a line at a time.
type view struct {
	g      *Project
	mu     sync.Mutex
	width  int
	colour bool
	prefix bool
	taken  map[string]string // colour by name
}

func newView(g *Project, names []string, noColor, noPrefix bool) *view {
	v := &view{g: g, prefix: !noPrefix, taken: map[string]string{}}
	v.colour = !noColor && (g.Ansi == "always" || g.Ansi == "auto" && g.IO.Color())
	for i, n := range names {
		v.width = max(v.width, len(n))
		v.taken[n] = colours[i%len(colours)]
	}
	return v
}

// shortName is the name of a container without that of its project.
func shortName(project, name string) string {
	if rest, ok := strings.CutPrefix(name, project); ok && len(rest) > 1 && strings.ContainsAny(rest[:1], "-_") {
		return rest[1:]
	}
	return name
}

func (v *view) head(name string) string {
	if !v.prefix {
		return ""
	}
	text := fmt.Sprintf("%-*s | ", v.width+1, name)
	if v.colour {
		return "\x1b[" + v.taken[name] + "m" + text + "\x1b[0m"
	}
	return text
}

// writer gives whole lines of one container to w.
type writer struct {
	v    *view
	w    io.Writer
	head string
	rest []byte
}

func (w *writer) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	end := bytes.LastIndexByte(w.rest, '\n')
	if end < 0 {
		return len(p), nil
	}
	return len(p), w.flush(end + 1)
}

func (w *writer) flush(n int) error {
	var b bytes.Buffer
	for line := range bytes.Lines(w.rest[:n]) {
		b.WriteString(w.head)
		b.Write(line)
	}
	w.rest = append(w.rest[:0], w.rest[n:]...)
	w.v.mu.Lock()
	defer w.v.mu.Unlock()
	_, err := w.w.Write(b.Bytes())
	return err
}

// finish writes a last line that has no end.
func (w *writer) finish() {
	if len(w.rest) > 0 {
		w.rest = append(w.rest, '\n')
		_ = w.flush(len(w.rest)) // the stream is gone when it fails
	}
}

// logs writes the log of a container.
func (v *view) logs(ctx context.Context, s *session, c compose.Container, name string, opts container.LogsOptions) error {
	out := &writer{v: v, w: v.g.IO.Out, head: v.head(name)}
	errw := &writer{v: v, w: v.g.IO.Err, head: out.head}
	opts.Stdout, opts.Stderr = out, errw
	err := s.client.Containers.Logs(ctx, c.ID, opts)
	out.finish()
	errw.finish()
	return err
}

// follow shows a container's output until it has ended for good, over restarts.
func (v *view) follow(ctx context.Context, s *session, project string, c compose.Container, since time.Time, show, stamps bool, ends chan<- ended) {
	name := shortName(project, c.Name)
	for {
		if show {
			next := time.Now()
			if err := v.logs(ctx, s, c, name, container.LogsOptions{Follow: true, Tail: -1, Since: since, Timestamps: stamps}); err != nil && ctx.Err() == nil {
				fmt.Fprintf(v.g.IO.Err, "%s%v\n", v.head(name), err)
				show = false // it goes on without its output
			}
			since = next
		}
		code, err := s.client.Containers.Wait(ctx, c.ID, apicontainer.WaitConditionNotRunning)
		if err != nil {
			ends <- ended{c: c, err: ctx.Err()}
			return
		}
		info, err := s.client.Containers.Inspect(ctx, c.ID, container.InspectOptions{})
		if err == nil && (info.State.Restarting || info.State.Running) {
			since = finished(info, since)
			continue
		}
		v.mu.Lock()
		if show {
			fmt.Fprintf(v.g.IO.Out, "%s exited with code %d\n", name, code)
		}
		v.mu.Unlock()
		ends <- ended{c: c, code: int(code)}
		return
	}
}

// finished is when a container ended last.
func finished(info apicontainer.InspectResponse, other time.Time) time.Time {
	if t, err := time.Parse(time.RFC3339Nano, info.State.FinishedAt); err == nil && !t.IsZero() {
		return t.Add(time.Nanosecond)
	}
	return other
}
