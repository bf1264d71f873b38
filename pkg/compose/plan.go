package compose

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// UpOptions says how far `up` goes.
type UpOptions struct {
	Services      []string // those asked for; empty: all. Others are dependencies
	NoStart       bool     // make containers only
	ForceRecreate bool
	NoRecreate    bool
	RecreateDeps  bool // --always-recreate-deps
	RenewVolumes  bool // anonymous volumes are not taken over
	RemoveOrphans bool
	IgnoreOrphans bool
	Timeout       *int // seconds until a stop kills
}

// upPlan is a plan for `up` in the making.
type upPlan struct {
	Plan
	p *types.Project
	o *Observed
	UpOptions

	networks map[string]int   // step that makes a network, by its key
	volumes  map[string]int   // step that makes a volume, by its key
	cleared  map[string][]int // steps that remove a service's containers, because of a network
	// ready are the steps after which all containers of a service have been
	// started, made those after which they are there.
	ready, made map[string][]int
	replaced    map[string]bool // services whose containers are made anew
	waits       map[string]int
}

// PlanUp says what `up` has to do so that what there is becomes what the project
// wants. The images have to be there. It looks at nothing but its arguments.
func PlanUp(p *types.Project, o *Observed, opts UpOptions) (*Plan, error) {
	return planUp(p, o, opts, "")
}

// PlanRun says what has to be done before a container of the service is run by
// itself: its networks, its volumes, and what it depends on.
func PlanRun(p *types.Project, o *Observed, service string, opts UpOptions) (*Plan, error) {
	return planUp(p, o, opts, service)
}

// planUp leaves out the containers of one service, except, if it is set, for what
// they wait for.
func planUp(p *types.Project, o *Observed, opts UpOptions, except string) (*Plan, error) {
	u := &upPlan{
		p: p, o: o, UpOptions: opts, networks: map[string]int{}, volumes: map[string]int{}, cleared: map[string][]int{},
		ready: map[string][]int{}, made: map[string][]int{}, replaced: map[string]bool{}, waits: map[string]int{},
	}
	order, err := serviceOrder(p)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(u.planNetworks(), u.planVolumes()); err != nil {
		return nil, err
	}
	u.orphans()
	for _, name := range order {
		if name == except {
			s := p.Services[name]
			u.conditions(&s)
			continue
		}
		if err := u.planService(name); err != nil {
			return nil, err
		}
	}
	return &u.Plan, nil
}

// serviceOrder lists the services so that each follows what it depends on.
func serviceOrder(p *types.Project) ([]string, error) {
	var order []string
	state := map[string]int{} // 1: being visited, 2: done
	var visit func(name string, trail []string) error
	visit = func(name string, trail []string) error {
		s, ok := p.Services[name]
		switch {
		case !ok || state[name] == 2:
			return nil
		case state[name] == 1:
			return fmt.Errorf("dependency cycle detected: %s", strings.Join(append(trail, name), " -> "))
		}
		state[name] = 1
		for _, dep := range sortedKeys(s.DependsOn) {
			if err := visit(dep, append(trail, name)); err != nil {
				return err
			}
		}
		state[name] = 2
		order = append(order, name)
		return nil
	}
	for _, name := range p.ServiceNames() {
		if err := visit(name, nil); err != nil {
			return nil, err
		}
	}
	return order, nil
}

func (u *upPlan) orphans() {
	var names []string
	for i := range u.o.Containers {
		c := &u.o.Containers[i]
		_, known := u.p.AllServices()[c.Service]
		if known || c.OneOff {
			continue
		}
		if !u.RemoveOrphans {
			names = append(names, c.Name)
			continue
		}
		u.add(Action{Kind: Remove, Name: c.Name, Container: c, Timeout: u.Timeout, Reason: fmt.Sprintf("the file has no service %q any more", c.Service)})
	}
	if len(names) > 0 && !u.IgnoreOrphans {
		u.warn("Found orphan containers (%s) for this project. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.", strings.Join(names, " "))
	}
}

// asked tells whether a service is one that the user named.
func (u *upPlan) asked(name string) bool {
	return len(u.Services) == 0 || slices.Contains(u.Services, name)
}

// planService brings the containers of one service to what they should be.
func (u *upPlan) planService(name string) error {
	s := u.p.Services[name]
	hash, err := ServiceHash(u.p, s)
	if err != nil {
		return err
	}
	want := s.GetScale()
	keep, extra, number := u.sortContainers(&s, hash, want)
	for _, e := range extra {
		id := u.add(Action{Kind: Remove, Name: e.c.Name, Service: &s, Container: e.c, Timeout: u.Timeout, Reason: e.reason, Needs: u.cleared[name]})
		u.made[name] = append(u.made[name], id)
	}
	base := u.needs(&s)
	for i := range keep {
		u.planExisting(&s, &keep[i], hash, base)
	}
	for n := len(keep); n < want; n++ {
		number++
		if s.ContainerName != "" {
			number = 1
		}
		cname := ContainerName(u.p, &s, number)
		reason := "it does not exist"
		if len(u.cleared[name]) > 0 {
			reason = "it was removed because of its network"
		}
		u.launch(&s, Action{Kind: Create, Name: cname, Service: &s, Number: number, Reason: reason, Needs: base})
	}
	return nil
}

// launch adds the step that makes a container, and the one that starts it if it
// has to wait for something in between.
func (u *upPlan) launch(s *types.ServiceConfig, a Action) {
	if u.NoStart {
		u.made[s.Name] = append(u.made[s.Name], u.add(a))
		return
	}
	conditions, started := u.conditions(s)
	if len(conditions) == 0 && a.Kind == Create {
		a.Kind = Run
		a.Needs = append(slices.Clone(a.Needs), started...)
		id := u.add(a)
		u.made[s.Name], u.ready[s.Name] = append(u.made[s.Name], id), append(u.ready[s.Name], id)
		return
	}
	id := u.add(a)
	u.made[s.Name] = append(u.made[s.Name], id)
	start := u.add(Action{
		Kind: Start, Name: a.Name, Service: s, Number: a.Number, Reason: "it has been made",
		Needs: slices.Concat([]int{id}, conditions, started),
	})
	u.ready[s.Name] = append(u.ready[s.Name], start)
}

// conditions are the steps that wait for dependencies, and the steps that start
// those which only have to be started.
func (u *upPlan) conditions(s *types.ServiceConfig) (waits, started []int) {
	for _, name := range sortedKeys(s.DependsOn) {
		d := s.DependsOn[name]
		dep, ok := u.p.Services[name]
		if !ok {
			continue
		}
		if d.Condition == types.ServiceConditionStarted || d.Condition == "" {
			started = append(started, u.ready[name]...)
			continue
		}
		key := name + " " + d.Condition + fmt.Sprint(d.Required)
		id, ok := u.waits[key]
		if !ok {
			id = u.add(Action{
				Kind: Await, Name: name, Service: &dep, Condition: d.Condition, Optional: !d.Required, Needs: u.ready[name],
				Reason: fmt.Sprintf("%s depends on it", s.Name),
			})
			u.waits[key] = id
		}
		waits = append(waits, id)
	}
	return waits, started
}

// needs are the steps without which no container of the service can be made.
func (u *upPlan) needs(s *types.ServiceConfig) []int {
	out := slices.Clone(u.cleared[s.Name])
	for _, key := range sortedKeys(s.Networks) {
		if id, ok := u.networks[key]; ok {
			out = append(out, id)
		}
	}
	for _, v := range s.Volumes {
		if id, ok := u.volumes[v.Source]; ok && v.Type == types.VolumeTypeVolume {
			out = append(out, id)
		}
	}
	for _, peer := range peersOf(s) { // its container has to be there
		out = append(out, u.made[peer]...)
	}
	return out
}

// peersOf lists the services whose containers those of s refer to.
func peersOf(s *types.ServiceConfig) []string {
	var out []string
	for _, mode := range []string{s.NetworkMode, s.Ipc, s.Pid} {
		if name, ok := strings.CutPrefix(mode, types.ServicePrefix); ok {
			out = append(out, name)
		}
	}
	for _, text := range s.VolumesFrom {
		if !strings.HasPrefix(text, types.ContainerPrefix) {
			name, _, _ := strings.Cut(text, ":")
			out = append(out, name)
		}
	}
	for _, text := range s.Links {
		name, _, _ := strings.Cut(text, ":")
		out = append(out, name)
	}
	return out
}
