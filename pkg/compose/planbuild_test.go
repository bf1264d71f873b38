package compose

import (
	"slices"
	"strings"
	"testing"
)

const built = `
services:
  top:
    build: {dockerfile_inline: "FROM b", additional_contexts: {b: "service:base"}}
    pull_policy: build
  mid:
    build: {dockerfile_inline: "FROM p-base"}
  base:
    image: localhost:1/base
    build: {dockerfile_inline: "FROM img"}
  byarg:
    build: {dockerfile_inline: "ARG B\nFROM $$B", args: {B: "p-mid"}}
  plain: {image: img}
`

func TestPlanBuilds(t *testing.T) {
	p := project(t, built)
	here := &Observed{Images: map[string]string{"p-top": "1", "p-mid": "2", "localhost:1/base": "3", "p-byarg": "4", "img": "5"}}
	for name, tc := range map[string]struct {
		o      *Observed
		choice BuildChoice
		want   string
	}{
		"by its policy": {here, BuildChoice{}, "build p-top: the pull policy is build\n"},
		"missing": {
			&Observed{Images: map[string]string{"p-mid": "2", "img": "5"}},
			BuildChoice{},
			"build localhost:1/base: it is not there\nbuild p-byarg: it is not there\nbuild p-top: the pull policy is build\n",
		},
		"all": {
			here,
			BuildChoice{All: true},
			"build localhost:1/base: it was asked for\nbuild p-mid: it was asked for\nbuild p-byarg: it was asked for\nbuild p-top: it was asked for\n",
		},
		"never": {&Observed{}, BuildChoice{Never: true}, ""},
	} {
		if got := PlanBuilds(p, tc.o, tc.choice).String(); got != tc.want {
			t.Errorf("%s:\n%s", name, got)
		}
	}
	plan := PlanBuilds(p, here, BuildChoice{All: true})
	for i, want := range [][]int{nil, nil, {1}, {0}} { // base, mid (of another base), byarg, top
		if !slices.Equal(plan.Actions[i].Needs, want) {
			t.Errorf("step %d needs %v", i, plan.Actions[i].Needs)
		}
	}
	if got := WithBuildContexts(p, []string{"byarg", "top"}); !slices.Equal(got, []string{"byarg", "top", "mid", "base"}) {
		t.Errorf("with their contexts: %v", got)
	}
}

// Two services that are built of each other's images are left to the builder.
func TestPlanBuildsCycle(t *testing.T) {
	p := project(t, "services:\n  a: {build: {dockerfile_inline: 'FROM p-b'}}\n  b: {build: {dockerfile_inline: 'FROM p-a'}}\n")
	if got := PlanBuilds(p, &Observed{}, BuildChoice{}); len(got.Actions) != 2 {
		t.Errorf("got:\n%s", got)
	}
}

func TestPlanImagesToBuild(t *testing.T) {
	p := project(t, built)
	plan, err := PlanImages(p, &Observed{}, "", BuildChoice{})
	if want := "pull localhost:1/base: it is not there\npull img: it is not there\n"; err != nil || plan.String() != want {
		t.Errorf("%v\n%s", err, plan)
	}
	if !plan.Actions[0].Optional || plan.Actions[1].Optional {
		t.Error("only what can be built may be missing from its registry")
	}
	if _, err := PlanImages(p, &Observed{}, "", BuildChoice{Never: true}); err == nil || !strings.Contains(err.Error(), "leave out --no-build") {
		t.Error(err)
	}
}
