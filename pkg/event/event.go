// Package event keeps the log of what happens to containers, images, networks
// and volumes: who does something writes a line, `nerd events` reads them. There
// is no daemon that could hand events out, so the log is a file that every
// process appends to and every reader follows by itself.
package event

import (
	"context"
	"maps"
	"time"

	"github.com/moby/moby/api/types/events"
)

// Sink takes events. Emit never fails: an event that cannot be kept must not
// make the command fail whose work is done.
type Sink interface {
	Emit(ctx context.Context, e events.Message)
}

// Send gives an event to a sink, which may be nil. What every event has, its
// scope and its time, is filled in where it is missing.
func Send(ctx context.Context, to Sink, e events.Message) {
	if to == nil {
		return
	}
	if e.Scope == "" {
		e.Scope = scopeLocal
	}
	if e.TimeNano == 0 {
		now := time.Now()
		e.Time, e.TimeNano = now.Unix(), now.UnixNano()
	}
	to.Emit(ctx, e)
}

// scopeLocal is the scope of what happens on one machine, Docker's only other
// one being a swarm's.
const scopeLocal = "local"

// New makes an event with attributes from maps, of which the later win, such as
// an object's labels and what Docker adds to them.
func New(kind events.Type, action events.Action, id string, attributes ...map[string]string) events.Message {
	all := map[string]string{}
	for _, m := range attributes {
		maps.Copy(all, m)
	}
	return events.Message{Type: kind, Action: action, Actor: events.Actor{ID: id, Attributes: all}}
}
