package compose

import (
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	apicontainer "github.com/moby/moby/api/types/container"
)

const stack = `
services:
  db:
    image: img
    healthcheck: {test: "true"}
  init:
    image: img
    command: migrate
  web:
    image: img
    depends_on:
      db: {condition: service_healthy, restart: true}
      init: {condition: service_completed_successfully}
    volumes: ["data:/data"]
  side:
    image: img
    network_mode: service:web
volumes: {data: {}}
`

// world is what is there after `up` of a project.
func world(t *testing.T, p *types.Project) *Observed {
	t.Helper()
	o := &Observed{Networks: map[string]Resource{}, Volumes: map[string]Resource{}, Images: map[string]string{"img": "sha256:1"}}
	for _, n := range p.Networks {
		hash, err := networkHash(n)
		if err != nil {
			t.Fatal(err)
		}
		o.Networks[n.Name] = Resource{n.Name, map[string]string{LabelProject: p.Name, LabelConfigHash: hash}}
	}
	for _, v := range p.Volumes {
		o.Volumes[v.Name] = Resource{v.Name, map[string]string{LabelProject: p.Name}}
	}
	for _, name := range p.ServiceNames() {
		s := p.Services[name]
		for n := 1; n <= s.GetScale(); n++ {
			o.Containers = append(o.Containers, made(t, p, &s, n))
		}
	}
	return o
}

func made(t *testing.T, p *types.Project, s *types.ServiceConfig, n int) Container {
	t.Helper()
	e := &Executor{Project: p, Observed: &Observed{Images: map[string]string{"img": "sha256:1"}}}
	labels, err := e.labels(&Action{Kind: Create, Service: s, Number: n})
	if err != nil {
		t.Fatal(err)
	}
	c := Container{
		ID: "id-" + s.Name + string(rune('0'+n)), Name: ContainerName(p, s, n), Service: s.Name, Number: n, State: apicontainer.StateRunning, ImageID: "sha256:1", Labels: labels,
	}
	if s.NetworkMode == "service:web" {
		c.Network = "container:id-web1"
	}
	return c
}

// One look at every kind of difference: what there is, what is wanted, and the
// plan as --dry-run prints it.
func TestPlanUp(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(o *Observed)        // of what there is
		file func(text string) string // of what is wanted
		opts UpOptions
		want string
	}{
		"nothing": {},
		"from nothing": {
			edit: func(o *Observed) { *o = Observed{Images: o.Images} },
			want: `create network p_default: it does not exist
create volume p_data: it does not exist
create and start p-db-1: it does not exist
create and start p-init-1: it does not exist
wait for db to be healthy: web depends on it
wait for init to be completed: web depends on it
create p-web-1: it does not exist
start p-web-1: it has been made
create and start p-side-1: it does not exist
`,
		},
		"not started": {
			edit: func(o *Observed) { *o = Observed{Images: o.Images} }, opts: UpOptions{NoStart: true},
			want: `create network p_default: it does not exist
create volume p_data: it does not exist
create p-db-1: it does not exist
create p-init-1: it does not exist
create p-web-1: it does not exist
create p-side-1: it does not exist
`,
		},
		"an attribute": {
			file: func(s string) string { return strings.Replace(s, "command: migrate", "command: other", 1) },
			want: "recreate p-init-1: command has changed\nstart p-init-1: it has been made\n",
		},
		"two attributes": {
			file: func(s string) string { return strings.Replace(s, "command: migrate", "user: '1'", 1) },
			want: "recreate p-init-1: command, user have changed\nstart p-init-1: it has been made\n",
		},
		"a container of Docker Compose": {
			edit: func(o *Observed) {
				o.Containers[1].Labels[LabelConfigHash] = "x"
				delete(o.Containers[1].Labels, LabelAttributes)
			},
			want: "recreate p-init-1: its configuration has changed\nstart p-init-1: it has been made\n",
		},
		"no recreation": {
			file: func(s string) string { return strings.Replace(s, "command: migrate", "command: other", 1) }, opts: UpOptions{NoRecreate: true},
		},
		"the image, and what shares with its user": {
			edit: func(o *Observed) { o.Containers[3].Labels[LabelImage] = "sha256:0" },
			want: `wait for db to be healthy: web depends on it
wait for init to be completed: web depends on it
recreate p-web-1: the image img has changed from 0 to 1
start p-web-1: it has been made
recreate p-side-1: it shares with web, which is made anew
start p-side-1: it has been made
`,
		},
		"restart with a dependency": {
			edit: func(o *Observed) { o.Containers[0].Labels[LabelImage] = "sha256:0" },
			want: `recreate p-db-1: the image img has changed from 0 to 1
start p-db-1: it has been made
wait for db to be healthy: web depends on it
wait for init to be completed: web depends on it
restart p-web-1: db, which it depends on, is made anew
`,
		},
		"stopped": {
			edit: func(o *Observed) { o.Containers[0].State = apicontainer.StateExited },
			want: "start p-db-1: it is exited\n",
		},
		"scaled": {
			file: func(s string) string {
				return strings.Replace(s, "command: migrate", "command: migrate\n    scale: 3", 1)
			},
			want: "create and start p-init-2: it does not exist\ncreate and start p-init-3: it does not exist\n",
		},
		"scaled to none": {
			file: func(s string) string {
				return strings.Replace(s, "network_mode: service:web", "network_mode: service:web\n    scale: 0", 1)
			},
			want: "remove p-side-1: the service has 1 of 0 wanted\n",
		},
		"forced": {
			opts: UpOptions{ForceRecreate: true, Services: []string{"init"}},
			want: "recreate p-init-1: --force-recreate\nstart p-init-1: it has been made\n",
		},
		"orphan": {
			edit: func(o *Observed) { o.Containers = append(o.Containers, Container{Name: "p-old-1", Service: "old"}) }, opts: UpOptions{RemoveOrphans: true},
			want: "remove p-old-1: the file has no service \"old\" any more\n",
		},
		"killed between the two": {
			edit: func(o *Observed) {
				o.Containers = append(o.Containers, o.Containers[0])
				o.Containers[len(o.Containers)-1].Name = "0123456789ab_p-db-1"
			},
			want: "remove 0123456789ab_p-db-1: an interrupted command has left it\n",
		},
		"another network namespace": {
			edit: func(o *Observed) { o.Containers[2].Network = "container:gone" },
			want: `recreate p-side-1: the container of web, whose network it shares, is another one
start p-side-1: it has been made
`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := project(t, stack)
			o := world(t, p)
			if c.edit != nil {
				c.edit(o)
			}
			if c.file != nil {
				p = project(t, c.file(stack))
			}
			plan, err := PlanUp(p, o, c.opts)
			if err != nil {
				t.Fatal(err)
			}
			if got := plan.String(); got != c.want {
				t.Errorf("got:\n%swant:\n%s", got, c.want)
			}
			ordered(t, plan)
		})
	}
}

// ordered: a step needs only steps before it.
func ordered(t *testing.T, p *Plan) {
	t.Helper()
	for i, a := range p.Actions {
		for _, n := range a.Needs {
			if n >= i {
				t.Errorf("step %d, %s %s, needs step %d", i, a.Kind, a.Name, n)
			}
		}
	}
}

func TestPlanNetworkChanged(t *testing.T) {
	o := world(t, project(t, "services: {a: {image: img}}\n"))
	p := project(t, "services: {a: {image: img}}\nnetworks: {default: {internal: true}}\n")
	plan, err := PlanUp(p, o, UpOptions{})
	want := `remove p-a-1: the settings of its network default have changed
remove network p_default: its settings have changed
create network p_default: its settings have changed
create and start p-a-1: it was removed because of its network
`
	if err != nil || plan.String() != want {
		t.Errorf("%v\n%s", err, plan)
	}
	ordered(t, plan)
}

func TestPlanExternal(t *testing.T) {
	for text, want := range map[string]string{
		"services: {a: {image: img}}\nnetworks: {default: {external: true, name: n}}\n":      "network n declared as external, but could not be found",
		"services: {a: {image: img, volumes: ['vv:/v']}}\nvolumes: {vv: {external: true}}\n": `external volume "vv" not found`,
	} {
		if _, err := PlanUp(project(t, text), &Observed{}, UpOptions{}); err == nil || err.Error() != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestPlanWarns(t *testing.T) {
	p := project(t, "services: {a: {image: img, volumes: ['vv:/v']}}\nvolumes: {vv: {}}\n")
	o := world(t, p)
	o.Containers = append(o.Containers, Container{Name: "p-old-1", Service: "old"})
	o.Volumes["p_vv"] = Resource{"p_vv", nil}
	o.Networks["p_default"] = Resource{"p_default", nil}
	plan, err := PlanUp(p, o, UpOptions{})
	if err != nil || len(plan.Actions) != 0 || len(plan.Warnings) != 3 {
		t.Errorf("%v, %v, %q", err, plan, plan.Warnings)
	}
}

// Users go before what they use, with the file and without it, and networks last.
func TestPlanDown(t *testing.T) {
	p := project(t, stack)
	o := world(t, p)
	want := `remove p-side-1
remove p-web-1
remove p-db-1
remove p-init-1
remove network p_default
remove volume p_data
`
	for name, known := range map[string]*types.Project{"file": p, "labels": nil} {
		plan := PlanDown("p", known, o, DownOptions{Volumes: true})
		if plan.String() != want {
			t.Errorf("%s:\n%s", name, plan)
		}
		ordered(t, plan)
	}
	o.Containers = append(o.Containers, Container{Name: "p-old-1", Service: "old"})
	if got := PlanDown("p", p, o, DownOptions{}).String(); strings.Contains(got, "p-old-1") || strings.Contains(got, "volume") {
		t.Errorf("an orphan or a volume goes:\n%s", got)
	}
	if got := PlanDown("p", p, o, DownOptions{Services: []string{"db"}}).String(); got != "remove p-db-1\n" {
		t.Errorf("one service:\n%s", got)
	}
	if got := PlanDown("other", nil, &Observed{Networks: o.Networks, Volumes: o.Volumes}, DownOptions{Volumes: true}).String(); got != "" {
		t.Errorf("another project's:\n%s", got)
	}
}

func TestPlanImages(t *testing.T) {
	p := project(t, "services:\n  a: {image: x}\n  b: {image: x}\n  c: {image: img, pull_policy: always}\n  d: {image: y, pull_policy: never}\n")
	if _, err := PlanImages(p, &Observed{}, "", BuildChoice{}); err == nil || !strings.Contains(err.Error(), "its pull policy is never") {
		t.Error(err)
	}
	plan, err := PlanImages(p, &Observed{Images: map[string]string{"img": "1", "y": "2"}}, "", BuildChoice{})
	if want := "pull x: it is not there\npull img: the pull policy is always\n"; err != nil || plan.String() != want {
		t.Errorf("%v\n%s", err, plan)
	}
}

func TestPlanRun(t *testing.T) {
	p := project(t, stack)
	o := &Observed{Images: map[string]string{"img": "1"}}
	plan, err := PlanRun(p, o, "web", UpOptions{Services: []string{"web"}})
	if err != nil {
		t.Fatal(err)
	}
	got := plan.String()
	if strings.Contains(got, "start p-web-1") || !strings.Contains(got, "wait for db to be healthy") || !strings.Contains(got, "create volume p_data") {
		t.Errorf("got:\n%s", got)
	}
}

// The hash is the same for equal configurations however they are written, and
// does not follow what needs no new container.
func TestServiceHash(t *testing.T) {
	hash := func(text string) string {
		p := project(t, text)
		h, err := ServiceHash(p, p.Services["a"])
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	base := hash("services: {a: {image: x, environment: {A: '1', B: '2'}, ports: ['80:80']}}\n")
	for _, same := range []string{
		"services: {a: {ports: ['80:80/tcp'], environment: [B=2, A=1], image: x}}\n",
		"services: {a: {image: x, environment: {A: '1', B: '2'}, ports: ['80:80'], scale: 1, profiles: [], pull_policy: always, deploy: {replicas: 1}}}\n",
		"services: {a: {image: x, environment: {A: '1', B: '2'}, ports: ['80:80'], depends_on: [b]}, b: {image: y}}\n",
	} {
		if h := hash(same); h != base {
			t.Errorf("another hash for %s", same)
		}
	}
	for _, other := range []string{
		"services: {a: {image: x, environment: {A: '1', B: '3'}, ports: ['80:80']}}\n",
		"services: {a: {image: x, environment: {A: '1', B: '2'}, ports: ['80:80'], configs: [c]}}\nconfigs: {c: {content: one}}\n",
		"services: {a: {image: x, environment: {A: '1', B: '2'}, ports: ['80:80']}}\nnetworks: {default: {name: other}}\n",
	} {
		if h := hash(other); h == base {
			t.Errorf("the same hash for %s", other)
		}
	}
	if a, b := hash("services: {a: {image: x, configs: [c]}}\nconfigs: {c: {content: one}}\n"), hash("services: {a: {image: x, configs: [c]}}\nconfigs: {c: {content: two}}\n"); a == b {
		t.Error("the content of a config does not count")
	}
}
