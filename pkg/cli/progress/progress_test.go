package progress

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestPlain(t *testing.T) {
	var out bytes.Buffer
	p := New(&out, false, 80, 24)
	p.Update(Update{ID: "a", Status: "Waiting"})
	p.Update(Update{ID: "a", Status: "Downloading", Current: 1, Total: 2})
	p.Update(Update{ID: "a", Status: "Downloading", Current: 2, Total: 2})
	p.Update(Update{ID: "b", Status: "Already exists", Done: true})
	p.Close()
	if got, want := out.String(), "a: Waiting\na: Downloading\nb: Already exists\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTerminalRedraws(t *testing.T) {
	var out bytes.Buffer
	p := &tty{w: &out, width: 60, height: 10, rows: map[string]*Update{}, stop: make(chan struct{})}
	p.Update(Update{ID: "a", Status: "Downloading", Current: 50, Total: 100})
	p.draw(p.visible())
	p.Update(Update{ID: "b", Status: "Waiting"})
	p.draw(p.visible())
	p.draw(p.visible()) // nothing changed: nothing is written
	got := out.String()
	if strings.Count(got, "\x1b[1A") != 1 || strings.Count(got, "\x1b[J") != 2 || !strings.HasSuffix(got, "b: Waiting\n") {
		t.Errorf("got %q", got)
	}
	p.Close()
	p.Close()
}

func TestVisibleRowsFit(t *testing.T) {
	p := &tty{width: 60, height: 3, rows: map[string]*Update{}}
	for i := range 6 {
		p.Update(Update{ID: fmt.Sprint(i), Done: i%2 == 0})
	}
	if got := strings.Join(p.visible(), ""); got != "135" {
		t.Errorf("got %s", got)
	}
}

func TestLine(t *testing.T) {
	for _, c := range []struct {
		u     Update
		width int
		want  string
	}{
		{Update{ID: "a", Status: "Waiting"}, 80, "a: Waiting"},
		{Update{ID: "a", Status: "Get", Current: 0, Total: 1000}, 80, "a: Get [>                             ] 0B/1kB"},
		{Update{ID: "a", Status: "Get", Current: 1000, Total: 1000}, 80, "a: Get [==============================] 1kB/1kB"},
		{Update{ID: "a", Status: "Get", Current: 9000, Total: 1000}, 30, "a: Get 9kB/1kB"},
		{Update{ID: "abcdef", Status: "Waiting"}, 5, "abcd"},
		{Update{ID: "a", Status: "x"}, 0, ""},
	} {
		if got := line(c.u, c.width); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.u, got, c.want)
		}
	}
}
