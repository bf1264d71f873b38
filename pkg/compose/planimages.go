package compose

import (
	"fmt"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/nerd-cli/nerd/pkg/errs"
)

// Policies of --pull, besides those of the file.
const (
	PullAlways  = types.PullPolicyAlways
	PullMissing = types.PullPolicyMissing
	PullNever   = types.PullPolicyNever
)

// PlanImages says which images have to be got before containers are made of them.
// policy, if set, is used instead of what the file says. What can be built as well
// is left to PlanBuilds if it cannot be had.
func PlanImages(p *types.Project, o *Observed, policy string, builds BuildChoice) (*Plan, error) {
	plan := &Plan{}
	seen := map[string]bool{}
	for _, name := range p.ServiceNames() {
		s := p.Services[name]
		ref := ImageName(p, &s)
		if seen[ref] || s.Provider != nil {
			continue
		}
		seen[ref] = true
		how, _, err := s.GetPullPolicy()
		if err != nil {
			return nil, fmt.Errorf("service %q: %w", name, err)
		}
		if policy != "" {
			how = policy
		}
		_, here := o.Images[ref]
		switch {
		case s.Build != nil && (s.Image == "" || builds.All || how == types.PullPolicyBuild || how == PullNever):
			if !here && builds.Never {
				return nil, errs.WithHint(fmt.Errorf("service %q: its image %s is not there", name, ref),
					"leave out --no-build, or build it first: nerd compose build %s", name)
			}
		case !here && how == PullNever:
			return nil, fmt.Errorf("service %q: no such image: %s, and its pull policy is never", name, ref)
		case !here:
			plan.add(Action{Kind: PullImage, Name: ref, Service: &s, Reason: "it is not there", Optional: s.Build != nil && !builds.Never})
		case how == PullAlways || how == types.PullPolicyRefresh:
			plan.add(Action{Kind: PullImage, Name: ref, Service: &s, Reason: "the pull policy is " + how, Optional: s.Build != nil})
		}
	}
	return plan, nil
}
