// Package progress shows how far several things have come at the same time: as
// lines that are redrawn on a terminal, as one line for each change elsewhere.
package progress

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/docker/go-units"
)

// refresh is how often a terminal is redrawn at most.
const refresh = 100 * time.Millisecond

// Update is the state of one row.
type Update struct {
	ID      string // which row; a new one is added below
	Status  string
	Current int64 // bytes; shown if Total is set
	Total   int64
	Done    bool // nothing more happens to this row
}

// Printer shows updates. Its methods may be called from several goroutines.
type Printer interface {
	Update(u Update)
	// Close shows the last state and leaves the cursor below it.
	Close()
}

// New makes a printer for w. With terminal it redraws in place, in a window of
// the given width and at most height rows.
func New(w io.Writer, terminal bool, width, height int) Printer {
	if !terminal {
		return &plain{w: w, last: map[string]string{}}
	}
	t := &tty{w: w, width: width, height: max(height, 1), rows: map[string]*Update{}, stop: make(chan struct{})}
	t.wait.Go(t.run)
	return t
}

// Quiet shows nothing.
func Quiet() Printer { return quiet{} }

type quiet struct{}

func (quiet) Update(Update) {}
func (quiet) Close()        {}

// plain writes a line when a row's status changes. Byte counts alone are no
// change: a log file has no use for them.
type plain struct {
	mu   sync.Mutex
	w    io.Writer
	last map[string]string
}

func (p *plain) Update(u Update) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last[u.ID] == u.Status {
		return
	}
	p.last[u.ID] = u.Status
	fmt.Fprintf(p.w, "%s: %s\n", u.ID, u.Status)
}

func (*plain) Close() {}

type tty struct {
	mu            sync.Mutex
	w             io.Writer
	width, height int
	order         []string
	rows          map[string]*Update
	drawn         int // rows on the screen
	changed       bool
	closed        bool
	stop          chan struct{}
	wait          sync.WaitGroup
}

func (t *tty) Update(u Update) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.rows[u.ID]; !ok {
		t.order = append(t.order, u.ID)
	}
	t.rows[u.ID] = &u
	t.changed = true
}

func (t *tty) run() {
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	for {
		select {
		case <-t.stop:
			return
		case <-tick.C:
			t.mu.Lock()
			t.draw(t.visible())
			t.mu.Unlock()
		}
	}
}

func (t *tty) Close() {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return
	}
	t.closed = true
	t.mu.Unlock()
	close(t.stop)
	t.wait.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changed = true
	t.draw(t.order)
}

// visible are the rows that fit: those at work before those that are done.
func (t *tty) visible() []string {
	if len(t.order) <= t.height {
		return t.order
	}
	drop := len(t.order) - t.height
	var shown []string
	for _, id := range t.order {
		if drop > 0 && t.rows[id].Done {
			drop--
			continue
		}
		shown = append(shown, id)
	}
	return shown[:min(len(shown), t.height)]
}

// draw replaces what is on the screen by the given rows. Each line is cut to
// the width: a wrapped line would break the count of lines to go up.
func (t *tty) draw(ids []string) {
	if !t.changed || len(ids) == 0 {
		return
	}
	t.changed = false
	var b strings.Builder
	if t.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", t.drawn)
	}
	b.WriteString("\r\x1b[J")
	for _, id := range ids {
		b.WriteString(line(*t.rows[id], t.width))
		b.WriteString("\n")
	}
	t.drawn = len(ids)
	_, _ = io.WriteString(t.w, b.String()) // a terminal that is gone is no reason to stop
}

// barWidth is the width of a bar, brackets included.
const barWidth = 32

func line(u Update, width int) string {
	text := u.ID + ": " + u.Status
	if u.Total > 0 && !u.Done {
		count := units.HumanSize(float64(u.Current)) + "/" + units.HumanSize(float64(u.Total))
		if len(text)+barWidth+len(count)+2 < width {
			text += " " + bar(u.Current, u.Total)
		}
		text += " " + count
	}
	if len(text) >= width {
		text = text[:max(width-1, 0)]
	}
	return text
}

func bar(current, total int64) string {
	inner := int64(barWidth - 2)
	filled := min(inner*max(current, 0)/total, inner)
	text := strings.Repeat("=", int(filled))
	if filled < inner {
		text += ">" + strings.Repeat(" ", int(inner-filled-1))
	}
	return "[" + text + "]"
}
