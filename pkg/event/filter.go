package event

import (
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/events"
)

// Filter selects events as `docker events --filter` does: the values of one key
// are alternatives, but labels add up, and so do keys.
type Filter struct{ keys map[string][]string }

// objectKeys are the filters by the id or the name of an object. Docker looks at
// whatever object the event is about, and takes the beginning of either.
var objectKeys = []string{"config", "container", "daemon", "network", "node", "plugin", "secret", "service", "volume"}

// NewFilter makes a Filter. A key that Docker does not know is InvalidArgument.
func NewFilter(keys map[string][]string) (*Filter, error) {
	for key := range keys {
		switch key {
		case "type", "event", "scope", "label", "image":
		default:
			if !slices.Contains(objectKeys, key) {
				return nil, fmt.Errorf("invalid filter '%s': %w", key, errdefs.ErrInvalidArgument)
			}
		}
	}
	return &Filter{keys}, nil
}

// Match tells whether the filter lets an event through.
func (f *Filter) Match(e events.Message) bool {
	name := e.Actor.Attributes["name"]
	for _, key := range objectKeys {
		if !f.begins(key, e.Actor.ID) && !f.begins(key, name) {
			return false
		}
	}
	return f.is("type", string(e.Type)) && f.is("scope", e.Scope) && f.action(string(e.Action)) && f.image(e) && f.labels(e.Actor.Attributes)
}

// is tells whether a value is among those of a key, or the key is not given.
func (f *Filter) is(key, value string) bool {
	return len(f.keys[key]) == 0 || slices.Contains(f.keys[key], value)
}

// begins is is with the beginnings of values.
func (f *Filter) begins(key, value string) bool {
	return len(f.keys[key]) == 0 || slices.ContainsFunc(f.keys[key], func(v string) bool { return strings.HasPrefix(value, v) })
}

// action compares actions. Those with something behind a colon can be asked for
// by what stands before it.
func (f *Filter) action(action string) bool {
	for _, open := range []events.Action{events.ActionHealthStatus, events.ActionExecCreate, events.ActionExecStart} {
		if slices.Contains(f.keys["event"], string(open)) {
			return f.begins("event", action)
		}
	}
	return f.is("event", action)
}

// image compares the image that the event is about, or that its container was
// made of, with or without the tag.
func (f *Filter) image(e events.Message) bool {
	name := e.Actor.Attributes["image"]
	if e.Type == events.ImageEventType {
		name = e.Actor.Attributes["name"]
	}
	return f.is("image", e.Actor.ID) || f.is("image", name) || f.is("image", withoutTag(e.Actor.ID)) || f.is("image", withoutTag(name))
}

func withoutTag(image string) string {
	ref, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return image
	}
	return reference.FamiliarName(ref)
}

func (f *Filter) labels(attributes map[string]string) bool {
	for _, want := range f.keys["label"] {
		key, value, withValue := strings.Cut(want, "=")
		have, ok := attributes[key]
		if !ok || withValue && have != value {
			return false
		}
	}
	return true
}
