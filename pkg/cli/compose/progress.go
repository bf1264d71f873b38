package compose

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/nerd-cli/nerd/pkg/cli/progress"
	"github.com/nerd-cli/nerd/pkg/compose"
)

// minHeight is the height in lines of the smallest terminal worth the name.
const minHeight = 10

// jsonEvent is an event, with the fields of Docker Compose.
type jsonEvent struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// show starts to show progress on standard error: rows that are redrawn on a
// terminal, lines elsewhere. The returned function ends it.
func (g *Project) show() (func(compose.Event), func()) {
	terminal := g.IO.ErrIsTerminal() && g.Ansi != "never" && g.Progress != "plain" || g.Progress == "tty"
	switch {
	case g.Progress == "quiet":
		return nil, func() {}
	case g.Progress == "json":
		var mu sync.Mutex
		enc := json.NewEncoder(g.IO.Err)
		return func(e compose.Event) {
			mu.Lock()
			defer mu.Unlock()
			_ = enc.Encode(jsonEvent{e.ID, e.Status}) // as plain lines: what cannot be shown is not
		}, func() {}
	case !terminal:
		var mu sync.Mutex
		return func(e compose.Event) {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintf(g.IO.Err, " %s  %s\n", e.ID, e.Status)
		}, func() {}
	}
	_, height, ok := g.IO.Size()
	if !ok || height < minHeight {
		height = minHeight
	}
	p := progress.New(g.IO.Err, true, g.IO.ErrWidth(), height-2)
	return func(e compose.Event) { p.Update(progress.Update{ID: e.ID, Status: e.Status, Done: e.Done}) }, p.Close
}
