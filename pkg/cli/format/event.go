package format

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/docker/cli/cli/command/formatter"
	"github.com/docker/cli/templates"
	"github.com/moby/moby/api/types/events"

	"github.com/nerd-cli/nerd/pkg/errs"
)

// Event is an event as templates and JSON show it. The first three fields are
// what the others say, under the names that they had first; Docker has them up to
// version 28.
type Event struct {
	Status string `json:"status,omitempty"`
	ID     string `json:"id,omitempty"`
	From   string `json:"from,omitempty"`
	events.Message
}

// eventTime is RFC 3339 with all nine digits, so that lines align.
const eventTime = "2006-01-02T15:04:05.000000000Z07:00"

// Events makes a writer of events, one line each: in Docker's layout, as JSON, or
// through a template.
func Events(w io.Writer, text string) (func(events.Message) error, error) {
	if text == "" {
		return func(e events.Message) error { return eventLine(w, e) }, nil
	}
	if text == formatter.JSONFormatKey {
		text = formatter.JSONFormat
	}
	tmpl, err := templates.Parse(text)
	if err == nil { // a field that does not exist is found before the first event comes
		err = tmpl.Execute(io.Discard, newEvent(events.Message{Actor: events.Actor{Attributes: map[string]string{}}}))
	}
	if err != nil {
		return nil, &errs.Exit{Code: exitBadTemplate, Err: fmt.Errorf("Error parsing format: %w", err)} //nolint:staticcheck // Docker's words
	}
	return func(e events.Message) error { return eventTemplate(w, tmpl, e) }, nil
}

func eventTemplate(w io.Writer, tmpl *template.Template, e events.Message) error {
	var line strings.Builder
	if err := tmpl.Execute(&line, newEvent(e)); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, line.String())
	return err
}

func newEvent(e events.Message) *Event {
	out := &Event{Message: e}
	if e.Type == events.ContainerEventType || e.Type == events.ImageEventType {
		out.Status, out.ID, out.From = string(e.Action), e.Actor.ID, e.Actor.Attributes["image"]
	}
	return out
}

func eventLine(w io.Writer, e events.Message) error {
	var line strings.Builder
	fmt.Fprintf(&line, "%s %s %s %s", time.Unix(0, e.TimeNano).Format(eventTime), e.Type, e.Action, e.Actor.ID)
	if attrs := e.Actor.Attributes; len(attrs) > 0 {
		pairs := make([]string, 0, len(attrs))
		for _, key := range slices.Sorted(maps.Keys(attrs)) {
			pairs = append(pairs, key+"="+attrs[key])
		}
		fmt.Fprintf(&line, " (%s)", strings.Join(pairs, ", "))
	}
	_, err := fmt.Fprintln(w, line.String())
	return err
}
