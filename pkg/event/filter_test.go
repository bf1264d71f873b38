package event

import (
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/events"
)

func TestFilter(t *testing.T) {
	die := New(events.ContainerEventType, events.ActionDie, "abcdef", map[string]string{
		"name": "web", "image": "docker.example/shop/web:1.2", "exitCode": "0", "tier": "front", "empty": "",
	})
	exec := New(events.ContainerEventType, "exec_start: sh -c true", "abcdef", map[string]string{"name": "web"})
	health := New(events.ContainerEventType, events.ActionHealthStatusHealthy, "abcdef", map[string]string{"name": "web"})
	connect := New(events.NetworkEventType, events.ActionConnect, "9999", map[string]string{"name": "front", "type": "bridge"})
	tag := New(events.ImageEventType, events.ActionTag, "sha256:364e", map[string]string{"name": "bb:latest"})
	for _, e := range []*events.Message{&die, &exec, &health, &connect, &tag} {
		e.Scope = scopeLocal
	}
	for name, c := range map[string]struct {
		keys map[string][]string
		e    events.Message
		want bool
	}{
		"nothing asked":          {nil, die, true},
		"type":                   {map[string][]string{"type": {"container"}}, die, true},
		"another type":           {map[string][]string{"type": {"network", "image"}}, die, false},
		"one of two types":       {map[string][]string{"type": {"network", "container"}}, die, true},
		"name":                   {map[string][]string{"container": {"web"}}, die, true},
		"part of a name":         {map[string][]string{"container": {"we"}}, die, true},
		"end of a name":          {map[string][]string{"container": {"eb"}}, die, false},
		"part of an id":          {map[string][]string{"container": {"abc"}}, die, true},
		"keys add up":            {map[string][]string{"container": {"web"}, "event": {"start"}}, die, false},
		"network by name":        {map[string][]string{"network": {"front"}}, connect, true},
		"event":                  {map[string][]string{"event": {"start", "die"}}, die, true},
		"event is whole":         {map[string][]string{"event": {"di"}}, die, false},
		"exec without command":   {map[string][]string{"event": {"exec_start"}}, exec, true},
		"exec with command":      {map[string][]string{"event": {"exec_start: sh -c true"}}, exec, true},
		"health of any kind":     {map[string][]string{"event": {"health_status"}}, health, true},
		"health of another kind": {map[string][]string{"event": {"health_status: unhealthy"}}, health, false},
		"label":                  {map[string][]string{"label": {"tier"}}, die, true},
		"label and value":        {map[string][]string{"label": {"tier=front"}}, die, true},
		"label, other value":     {map[string][]string{"label": {"tier=back"}}, die, false},
		"labels add up":          {map[string][]string{"label": {"tier", "zone"}}, die, false},
		"label, empty value":     {map[string][]string{"label": {"empty="}}, die, true},
		"attribute as a label":   {map[string][]string{"label": {"exitCode=0"}}, die, true},
		"image":                  {map[string][]string{"image": {"docker.example/shop/web:1.2"}}, die, true},
		"image without tag":      {map[string][]string{"image": {"docker.example/shop/web"}}, die, true},
		"another image":          {map[string][]string{"image": {"web"}}, die, false},
		"image event by name":    {map[string][]string{"image": {"bb"}}, tag, true},
		"image event by id":      {map[string][]string{"image": {"sha256:364e"}}, tag, true},
		"scope":                  {map[string][]string{"scope": {"local"}}, die, true},
		"scope of a swarm":       {map[string][]string{"scope": {"swarm"}}, die, false},
		"daemon":                 {map[string][]string{"daemon": {"host"}}, die, false},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := NewFilter(c.keys)
			if err != nil {
				t.Fatal(err)
			}
			if got := f.Match(c.e); got != c.want {
				t.Errorf("%v on %v: %v", c.keys, c.e, got)
			}
		})
	}
}

func TestFilterUnknownKey(t *testing.T) {
	if _, err := NewFilter(map[string][]string{"colour": {"red"}}); !errdefs.IsInvalidArgument(err) {
		t.Errorf("error: %v", err)
	}
}
