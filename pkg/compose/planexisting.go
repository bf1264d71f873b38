package compose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	apicontainer "github.com/moby/moby/api/types/container"
)

// superfluous is a container that goes.
type superfluous struct {
	c      *Container
	reason string
}

// sortContainers splits the containers of a service into those that stay, or are
// recreated in their place, and those that go; number is the highest in use.
func (u *upPlan) sortContainers(s *types.ServiceConfig, hash string, want int) (keep []Container, extra []superfluous, number int) {
	if len(u.cleared[s.Name]) > 0 {
		return nil, nil, 0 // gone already
	}
	byNumber := map[int]Container{}
	all := u.o.Of(s.Name)
	for i := range all {
		c := &all[i]
		other, ok := byNumber[c.Number]
		if !ok {
			byNumber[c.Number] = *c
			continue
		}
		// An interrupted `up` has left two of them: the old one has a makeshift name.
		if c.Name == ContainerName(u.p, s, c.Number) {
			byNumber[c.Number], c = *c, &other
		}
		extra = append(extra, superfluous{c, "an interrupted command has left it"})
	}
	for _, c := range byNumber {
		keep = append(keep, c)
		number = max(number, c.Number)
	}
	slices.SortFunc(keep, func(a, b Container) int { // the outdated last: they go first
		if x, y := a.Labels[LabelConfigHash] == hash, b.Labels[LabelConfigHash] == hash; x != y && x {
			return -1
		} else if x != y {
			return 1
		}
		return a.Number - b.Number
	})
	for len(keep) > want {
		last := keep[len(keep)-1]
		keep = keep[:len(keep)-1]
		extra = append(extra, superfluous{&last, fmt.Sprintf("the service has %d of %d wanted", len(keep)+1, want)})
	}
	slices.SortFunc(keep, func(a, b Container) int { return a.Number - b.Number })
	return keep, extra, number
}

// planExisting decides about a container that stays in its place.
func (u *upPlan) planExisting(s *types.ServiceConfig, c *Container, hash string, base []int) {
	if reason := u.outdated(s, c, hash); reason != "" {
		u.replaced[s.Name] = true
		u.launch(s, Action{
			Kind: Recreate, Name: ContainerName(u.p, s, c.Number), Service: s, Number: c.Number, Container: c,
			Fresh: u.RenewVolumes, Timeout: u.Timeout, Reason: reason, Needs: base,
		})
		return
	}
	if u.NoStart {
		return
	}
	switch c.State {
	case apicontainer.StateRunning, apicontainer.StateRestarting, apicontainer.StatePaused:
		if dep := u.restartedDependency(s); dep != "" {
			waits, started := u.conditions(s)
			id := u.add(Action{
				Kind: Restart, Name: c.Name, Service: s, Container: c, Timeout: u.Timeout,
				Reason: fmt.Sprintf("%s, which it depends on, is made anew", dep), Needs: append(waits, started...),
			})
			u.ready[s.Name] = append(u.ready[s.Name], id)
		}
		return
	}
	waits, started := u.conditions(s)
	id := u.add(Action{
		Kind: Start, Name: c.Name, Service: s, Container: c, Number: c.Number, Reason: fmt.Sprintf("it is %s", c.State), Needs: slices.Concat(base, waits, started),
	})
	u.ready[s.Name] = append(u.ready[s.Name], id)
}

// restartedDependency is a dependency that is made anew and whose users want to
// be restarted then.
func (u *upPlan) restartedDependency(s *types.ServiceConfig) string {
	for _, name := range sortedKeys(s.DependsOn) {
		if s.DependsOn[name].Restart && u.replaced[name] {
			return name
		}
	}
	return ""
}

// outdated says why a container has to be made anew; empty: it has not.
func (u *upPlan) outdated(s *types.ServiceConfig, c *Container, hash string) string {
	if u.NoRecreate {
		return ""
	}
	if u.ForceRecreate && u.asked(s.Name) {
		return "--force-recreate"
	}
	if u.RecreateDeps && !u.asked(s.Name) {
		return "--always-recreate-deps"
	}
	if old := c.Labels[LabelConfigHash]; old != hash {
		return u.whatChanged(s, c)
	}
	ref := ImageName(u.p, s)
	old := c.Labels[LabelImage]
	if old == "" {
		old = c.ImageID
	}
	if now, ok := u.o.Images[ref]; ok && old != now {
		return fmt.Sprintf("the image %s has changed from %s to %s", ref, short(old), short(now))
	}
	if c.State == apicontainer.StateDead || c.Name != ContainerName(u.p, s, c.Number) && s.ContainerName == "" && strings.HasSuffix(c.Name, "_"+ContainerName(u.p, s, c.Number)) {
		return "an interrupted command has left it"
	}
	return u.peerChanged(s, c)
}

// whatChanged names the attributes that differ, if the container remembers them:
// those that Docker Compose has made do not.
func (u *upPlan) whatChanged(s *types.ServiceConfig, c *Container) string {
	old := c.Labels[LabelAttributes]
	attributes, err := attributeMap(u.p, *s)
	if err != nil || old == "" {
		return "its configuration has changed"
	}
	now, err := attributesLabel(attributes)
	changed := changedAttributes(old, now)
	if err != nil || len(changed) == 0 {
		return "its configuration has changed"
	}
	verb := "has"
	if len(changed) > 1 {
		verb = "have"
	}
	return strings.Join(changed, ", ") + " " + verb + " changed"
}

// peerChanged finds a container whose namespace or volumes this one shares and
// that is another one now.
func (u *upPlan) peerChanged(s *types.ServiceConfig, c *Container) string {
	for _, peer := range peersOf(s) {
		if u.replaced[peer] {
			return fmt.Sprintf("it shares with %s, which is made anew", peer)
		}
	}
	name, ok := strings.CutPrefix(s.NetworkMode, types.ServicePrefix)
	if !ok {
		return ""
	}
	for _, p := range u.o.Of(name) {
		if c.Network == types.ContainerPrefix+p.ID || c.Network == types.ContainerPrefix+p.Name {
			return ""
		}
	}
	return fmt.Sprintf("the container of %s, whose network it shares, is another one", name)
}

// short is the beginning of a digest, as people read it.
func short(id string) string {
	_, hex, ok := strings.Cut(id, ":")
	if !ok {
		hex = id
	}
	return hex[:min(len(hex), 12)]
}

// Unchanged tells of the containers of services that a plan leaves as they are.
func Unchanged(p *types.Project, o *Observed, plan *Plan) []Event {
	touched := map[string]bool{}
	for _, a := range plan.Actions {
		if a.Container != nil {
			touched[a.Container.ID] = true
		}
	}
	var out []Event
	for i := range o.Containers {
		c := &o.Containers[i]
		if _, ours := p.Services[c.Service]; !ours || c.OneOff || touched[c.ID] {
			continue
		}
		status := "Created"
		if c.Running() {
			status = "Running"
		}
		out = append(out, Event{ID: "Container " + c.Name, Status: status, Done: true})
	}
	return out
}
