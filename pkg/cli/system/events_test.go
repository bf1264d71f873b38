package system

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/events"

	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/event"
)

func TestEventsFlags(t *testing.T) {
	var got EventsOptions
	cmd := NewCmdEvents(newFactory(t), func(_ context.Context, o *EventsOptions) error { got = *o; return nil })
	if err := execute(t, cmd, "--since 1000 --until 2000.5 -f type=container --filter event=die --format json"); err != nil {
		t.Fatal(err)
	}
	if !got.Query.Since.Equal(time.Unix(1000, 0)) || !got.Query.Until.Equal(time.Unix(2000, 5e8)) || got.Format != "json" {
		t.Errorf("options: %+v", got)
	}
	if !got.Query.Filter.Match(event.New("container", "die", "x")) || got.Query.Filter.Match(event.New("container", "start", "x")) {
		t.Error("the filter lets other events through")
	}
	for _, args := range []string{"x", "--filter x", "--filter colour=red", "--since soon", "--until soon", "--since 2000 --until 1000"} {
		cmd := NewCmdEvents(newFactory(t), func(context.Context, *EventsOptions) error { return nil })
		if err := execute(t, cmd, args); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}

func TestEventsOutput(t *testing.T) {
	at := time.Unix(1700000000, 123)
	die := event.New(events.ContainerEventType, events.ActionDie, "abc", map[string]string{"name": "web", "image": "bb", "exitCode": "3"})
	create := event.New(events.NetworkEventType, events.ActionCreate, "def")
	prune := event.New(events.ContainerEventType, events.ActionPrune, "", map[string]string{"reclaimed": "0"})
	for _, e := range []*events.Message{&die, &create, &prune} {
		e.Scope, e.Time, e.TimeNano = "local", at.Unix(), at.UnixNano()
	}
	stamp := at.Format("2006-01-02T15:04:05.000000000Z07:00")
	for text, want := range map[string]string{
		"": stamp + " container die abc (exitCode=3, image=bb, name=web)\n" + stamp + " network create def\n" + stamp + " container prune  (reclaimed=0)\n",
		"{{.Type}} {{.Action}} {{.Actor.ID}} {{.Actor.Attributes.exitCode}} {{.Status}} {{.ID}} {{.From}}": "container die abc 3 die abc bb\nnetwork create def <no value>   \ncontainer prune  <no value> prune  \n",
		"json": `{"status":"die","id":"abc","from":"bb","Type":"container","Action":"die","Actor":{"ID":"abc","Attributes":{"exitCode":"3","image":"bb","name":"web"}},"scope":"local","time":1700000000,"timeNano":1700000000000000123}
{"Type":"network","Action":"create","Actor":{"ID":"def","Attributes":{}},"scope":"local","time":1700000000,"timeNano":1700000000000000123}
{"status":"prune","Type":"container","Action":"prune","Actor":{"ID":"","Attributes":{"reclaimed":"0"}},"scope":"local","time":1700000000,"timeNano":1700000000000000123}
`,
	} {
		ios, _, out, _ := iostreams.Test()
		o := &EventsOptions{IO: ios, Format: text, Read: func(_ context.Context, _ event.Query, fn func(events.Message) error) error {
			return errors.Join(fn(die), fn(create), fn(prune))
		}}
		if err := runEvents(t.Context(), o); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if out.String() != want {
			t.Errorf("%q:\n%s\nwant\n%s", text, out.String(), want)
		}
	}
	for _, text := range []string{"{{", "{{.Nonsense}}"} {
		ios, _, _, _ := iostreams.Test()
		err := runEvents(t.Context(), &EventsOptions{IO: ios, Format: text})
		if err == nil || !strings.HasPrefix(err.Error(), "Error parsing format: ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
