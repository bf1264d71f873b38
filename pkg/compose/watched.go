package compose

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/nerd-cli/nerd/pkg/compose/watch"
)

// Watched is a rule of `develop.watch`, of one service.
type Watched struct {
	Service string
	types.Trigger
}

// ErrNothingWatched says that no service that was asked for has develop.watch.
var ErrNothingWatched = errors.New("none of the selected services is configured for watch, consider setting an 'develop' section")

// WatchRules lists what is watched for the services of a project.
func WatchRules(p *types.Project) ([]Watched, []watch.Rule, error) {
	var out []Watched
	var rules []watch.Rule
	for _, name := range p.ServiceNames() {
		s := p.Services[name]
		if s.Develop == nil {
			continue
		}
		for _, t := range s.Develop.Watch {
			if err := checkTrigger(&s, t); err != nil {
				return nil, nil, &AttributeError{name, "develop.watch", err}
			}
			rule := watch.Rule{Path: t.Path, Ignore: t.Ignore, Include: t.Include}
			if s.Build != nil && !remote(s.Build.Context) {
				rule.Context = s.Build.Context
			}
			out, rules = append(out, Watched{name, t}), append(rules, rule)
		}
	}
	if len(out) == 0 {
		return nil, nil, ErrNothingWatched
	}
	return out, rules, nil
}

func checkTrigger(s *types.ServiceConfig, t types.Trigger) error {
	switch t.Action {
	case types.WatchActionRebuild:
		if s.Build == nil {
			return errors.New("can't rebuild: the service has no build section")
		}
	case types.WatchActionSync, types.WatchActionSyncRestart, types.WatchActionSyncExec:
		if t.Target == "" {
			return fmt.Errorf("%s needs a target", t.Action)
		}
		if t.Action == types.WatchActionSyncExec && len(t.Exec.Command) == 0 {
			return fmt.Errorf("%s needs a command", t.Action)
		}
	case types.WatchActionRestart:
	default:
		return fmt.Errorf("unknown action %q", t.Action)
	}
	if !filepath.IsAbs(t.Path) {
		return fmt.Errorf("the path %q is not absolute", t.Path)
	}
	return nil
}

// Rebuilds tells whether an image may have to be built.
func Rebuilds(all []Watched) bool {
	for _, w := range all {
		if w.Action == types.WatchActionRebuild {
			return true
		}
	}
	return false
}

// Reaction is what changes ask of one service.
type Reaction struct {
	Service string
	Rebuild bool // and nothing else then
	Restart bool
	Files   []SyncFile
	Exec    []types.ServiceHook
}

// React makes of changes what is to be done, a reaction for each service in the
// order of the rules. paths are those of the rules, as changes have them.
func React(all []Watched, rulePath func(rule int) string, changes []watch.Change) []Reaction {
	byService := map[string]*Reaction{}
	var order []string
	ran := map[int]bool{}
	for _, c := range changes {
		w := all[c.Rule]
		r, ok := byService[w.Service]
		if !ok {
			r = &Reaction{Service: w.Service}
			byService[w.Service] = r
			order = append(order, w.Service)
		}
		switch w.Action {
		case types.WatchActionRebuild:
			r.Rebuild = true
			continue
		case types.WatchActionRestart:
			r.Restart = true
			continue
		case types.WatchActionSyncRestart:
			r.Restart = true
		case types.WatchActionSyncExec:
			if !ran[c.Rule] {
				ran[c.Rule] = true
				r.Exec = append(r.Exec, w.Exec)
			}
		}
		rel, err := filepath.Rel(rulePath(c.Rule), c.Path)
		if err == nil {
			r.Files = append(r.Files, SyncFile{c.Path, path.Join(w.Target, filepath.ToSlash(rel))})
		}
	}
	var out []Reaction
	for _, name := range order {
		out = append(out, *byService[name])
	}
	return out
}
