package container

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/monitor"
	"github.com/nerd-cli/nerd/pkg/netutil"
	"github.com/nerd-cli/nerd/pkg/state"
)

func TestRestartWanted(t *testing.T) {
	for _, c := range []struct {
		policy    container.RestartPolicyMode
		max       int
		code      int
		count     int
		byHand    bool
		up        time.Duration
		backoff   time.Duration
		wantAfter time.Duration // 0: not restarted
	}{
		{policy: "", code: 1},
		{policy: "no", code: 1},
		{policy: "always", wantAfter: 100 * time.Millisecond},
		{policy: "always", byHand: true},
		{policy: "unless-stopped", wantAfter: 100 * time.Millisecond},
		{policy: "unless-stopped", byHand: true},
		{policy: "on-failure", code: 0},
		{policy: "on-failure", code: 1, wantAfter: 100 * time.Millisecond},
		{policy: "on-failure", code: 1, byHand: true},
		{policy: "on-failure", code: 1, max: 2, count: 1, wantAfter: 100 * time.Millisecond},
		{policy: "on-failure", code: 1, max: 2, count: 2},
		{policy: "always", count: 99, backoff: 100 * time.Millisecond, wantAfter: 200 * time.Millisecond},
		{policy: "always", backoff: 40 * time.Second, wantAfter: time.Minute},
		{policy: "always", backoff: time.Minute, wantAfter: time.Minute},
		{policy: "always", backoff: time.Minute, up: 9 * time.Second, wantAfter: time.Minute},
		{policy: "always", backoff: time.Minute, up: 10 * time.Second, wantAfter: 100 * time.Millisecond},
	} {
		start := time.Unix(1000, 0)
		in := &Container{Record: Record{HostConfig: &container.HostConfig{RestartPolicy: container.RestartPolicy{Name: c.policy, MaximumRetryCount: c.max}}}}
		in.Status = Status{ExitCode: c.code, RestartCount: c.count, StoppedByHand: c.byHand, StartedAt: start, FinishedAt: start.Add(c.up), Backoff: c.backoff}
		got := restartWanted(in)
		if got.Wanted != (c.wantAfter > 0) || got.After != c.wantAfter {
			t.Errorf("%+v: %+v", c, got)
		}
		if got.Wanted && in.Status.Backoff != got.After {
			t.Errorf("%+v: the back-off kept is %s", c, in.Status.Backoff)
		}
	}
}

func TestRestoreWanted(t *testing.T) {
	for _, c := range []struct {
		policy container.RestartPolicyMode
		state  container.ContainerState
		byHand bool
		want   bool
	}{
		{"no", "exited", false, false},
		{"always", "restarting", false, true},
		{"always", "exited", false, true},
		{"always", "exited", true, true},
		{"always", "created", false, false},
		{"unless-stopped", "restarting", false, true},
		{"unless-stopped", "exited", false, true},
		{"unless-stopped", "exited", true, false},
		{"unless-stopped", "created", false, false},
		{"on-failure", "restarting", false, true},
		{"on-failure", "exited", true, false},
		{"on-failure", "exited", false, false},
		{"on-failure", "created", false, false},
	} {
		in := &Container{Record: Record{HostConfig: &container.HostConfig{RestartPolicy: container.RestartPolicy{Name: c.policy}}}}
		in.Status = Status{State: c.state, StoppedByHand: c.byHand}
		if got := restoreWanted(in); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
}

func TestLogConfig(t *testing.T) {
	for _, c := range []struct {
		driver  string
		opts    map[string]string
		ok      bool
		path    string
		size    int64
		maxFile int
	}{
		{"", nil, true, "/x-json.log", 0, 1},
		{"json-file", nil, true, "/x-json.log", 0, 1},
		{"none", nil, true, "", 0, 1},
		{"local", nil, true, "/local-logs/container.log", 20_000_000, 5},
		{"syslog", nil, true, "/container-cached.log", 20_000_000, 5},
		{"json-file", map[string]string{"max-size": "1m", "max-file": "3"}, true, "/x-json.log", 1_000_000, 3}, // decimal, as Docker
		{"json-file", map[string]string{"max-size": "10"}, true, "/x-json.log", 10, 1},
		{"json-file", map[string]string{"max-file": "2"}, true, "/x-json.log", 0, 2},
		{"json-file", map[string]string{"max-size": "0"}, false, "", 0, 0},
		{"json-file", map[string]string{"max-size": "-1"}, false, "", 0, 0},
		{"json-file", map[string]string{"max-size": "large"}, false, "", 0, 0},
		{"json-file", map[string]string{"max-file": "0", "max-size": "1m"}, false, "", 0, 0},
		{"json-file", map[string]string{"nosuch": "1"}, false, "", 0, 0},
		{"gelf", nil, false, "", 0, 0},
	} {
		lc := container.LogConfig{Type: c.driver, Config: c.opts}
		logDefaults(&lc, container.LogConfig{})
		if err := checkLogConfig(lc); (err == nil) != c.ok || err != nil && !errdefs.IsInvalidArgument(err) {
			t.Errorf("%+v: %v", lc, err)
		}
		if !c.ok {
			continue
		}
		cfg := monitor.Config{MaxFile: 1}
		layout := state.Layout{Data: "/data", Namespace: "n"}
		in := &Container{Record: Record{ID: "x", Config: &container.Config{}, HostConfig: &container.HostConfig{LogConfig: lc}}}
		(&Service{cfg: Config{Layout: layout}}).logConfig(in, &cfg)
		if c.path != "" {
			c.path = layout.Container("x") + c.path
		}
		if cfg.LogPath != c.path || cfg.MaxSize != c.size || cfg.MaxFile != c.maxFile {
			t.Errorf("%+v: %s, %d bytes, %d files", lc, cfg.LogPath, cfg.MaxSize, cfg.MaxFile)
		}
	}
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"ab", "a1", "0a", "A_b.c-d", strings.Repeat("x", 200)} {
		if err := checkName(name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"", "a", "_a", ".a", "-a", "a b", "a/b", "/ab", "aé", "a\n", "é1"} {
		if err := checkName(name); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for range 200 {
		if name := randomName(); checkName(name) != nil {
			t.Errorf("the random name %q is not a valid one", name)
		}
	}
	if a, b := leaseID("a"), leaseID("b"); a == b || len(leaseID(strings.Repeat("x", 500))) > 76 {
		t.Errorf("lease ids %s, %s", a, b)
	}
}

func TestNewID(t *testing.T) {
	a, b := newID(), newID()
	if a == b || len(a) != 64 || !isHex(a) || !strings.ContainsAny(short(a), "abcdef") {
		t.Errorf("%s, %s", a, b)
	}
}

func TestOOMCount(t *testing.T) {
	for text, want := range map[string]int{
		"": 0,
		"oom_kill_disable 0\nunder_oom 0\noom_kill 2\n":               2, // version 1
		"low 0\nhigh 0\nmax 5\noom 1\noom_kill 1\noom_group_kill 9\n": 1, // version 2
		"oom_kill_disable 1\nunder_oom 0\n":                           0,
		"oom_kill x":                                                  0,
	} {
		if got := oomCount(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestIndexLabels(t *testing.T) {
	got := indexLabels("n", map[string]string{
		"a": "b", "": "x", labelName: "other", "containerd.io/gc.root": "x", "io.containerd.image": "x", "nerd/x": "y",
		"fits": strings.Repeat("x", maxLabel-4), "large": strings.Repeat("x", maxLabel-4),
	})
	if got[labelName] != "n" || got["a"] != "b" || len(got["fits"]) == 0 || len(got) != 3 {
		t.Errorf("%d labels: name %q", len(got), got[labelName])
	}
}

func TestUndo(t *testing.T) {
	var order []string
	step := func(name string, err error) func(context.Context) error {
		return func(ctx context.Context) error {
			order = append(order, name)
			if ctx.Err() != nil {
				t.Error("the steps run with the context of what failed")
			}
			return err
		}
	}
	broken, cause := errors.New("broken"), errors.New("cause")
	var u undo
	u.push(step("first", nil))
	u.push(step("second", broken))
	u.push(step("third", nil))
	var err error
	u.run(t.Context(), &err)
	if len(order) > 0 || err != nil {
		t.Errorf("after success: %v, %v", order, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = cause
	u.run(ctx, &err)
	if !slices.Equal(order, []string{"third", "second", "first"}) || !errors.Is(err, cause) || !errors.Is(err, broken) {
		t.Errorf("order %v, error %v", order, err)
	}
}

func testImage() *image.Image {
	return &image.Image{Config: dockerspec.DockerOCIImage{Config: dockerspec.DockerOCIImageConfig{}}}
}

func TestMergeConfig(t *testing.T) {
	img := testImage()
	ic := &img.Config.Config
	ic.User, ic.WorkingDir, ic.StopSignal = "app", "/w", "SIGINT"
	ic.Entrypoint, ic.Cmd = []string{"/bin/sh", "-c"}, []string{"env"}
	ic.Env = []string{"X=1", "PATH=/p", "Y=2"}
	ic.Labels = map[string]string{"l": "image", "m": "image"}
	ic.ExposedPorts = map[string]struct{}{"80/tcp": {}}
	merge := func(c container.Config, hc container.HostConfig) *container.Config {
		t.Helper()
		p := &plan{}
		p.ID, p.HostConfig = strings.Repeat("ab", 32), &hc
		out, err := mergeConfig(&c, img, p)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	got := merge(container.Config{}, container.HostConfig{})
	if got.User != "app" || got.WorkingDir != "/w" || got.StopSignal != "SIGINT" || !slices.Equal(got.Entrypoint, ic.Entrypoint) ||
		!slices.Equal(got.Cmd, ic.Cmd) || !slices.Equal(got.Env, ic.Env) || got.Labels["l"] != "image" || got.Hostname != "abababababab" {
		t.Errorf("the image's: %+v", got)
	}
	got = merge(container.Config{
		User: "0", WorkingDir: "/x", StopSignal: "9", Cmd: []string{"id"}, Env: []string{"Y=3", "Z=4", "X", "A=1"},
		Labels: map[string]string{"l": "own"}, Hostname: "hh", ExposedPorts: network.PortSet{network.MustParsePort("81/tcp"): {}},
	}, container.HostConfig{})
	if got.User != "0" || got.WorkingDir != "/x" || got.StopSignal != "9" || got.Hostname != "hh" || len(got.ExposedPorts) != 2 ||
		!slices.Equal(got.Entrypoint, ic.Entrypoint) || !slices.Equal(got.Cmd, []string{"id"}) || got.Labels["l"] != "own" || got.Labels["m"] != "image" {
		t.Errorf("the caller's: %+v", got)
	}
	if want := []string{"Y=3", "Z=4", "X", "A=1", "PATH=/p"}; !slices.Equal(got.Env, want) { // as Docker shows it
		t.Errorf("environment %q, want %q", got.Env, want)
	}
	if ic.Labels["l"] != "image" || len(ic.Env) != 3 {
		t.Error("the image was changed")
	}
	got = merge(container.Config{Entrypoint: []string{"x"}}, container.HostConfig{})
	if !slices.Equal(got.Entrypoint, []string{"x"}) || got.Cmd != nil {
		t.Errorf("an entry point of its own drops the image's command: %+v", got)
	}
	got = merge(container.Config{Entrypoint: []string{""}, Cmd: []string{"foo"}}, container.HostConfig{})
	if got.Entrypoint != nil || !slices.Equal(got.Cmd, []string{"foo"}) {
		t.Errorf("a cleared entry point: %+v", got)
	}
	if got = merge(container.Config{}, container.HostConfig{NetworkMode: "host"}); got.Hostname == "abababababab" {
		t.Error("with the host's network the name is the host's")
	}
	p := &plan{}
	p.HostConfig = &container.HostConfig{}
	if _, err := mergeConfig(&container.Config{WorkingDir: "rel"}, img, p); !errdefs.IsInvalidArgument(err) {
		t.Errorf("a relative working directory: %v", err)
	}
}

func TestCheckHostConfig(t *testing.T) {
	for name, hc := range map[string]container.HostConfig{
		"--rm and a policy":  {AutoRemove: true, RestartPolicy: container.RestartPolicy{Name: "always"}},
		"unknown policy":     {RestartPolicy: container.RestartPolicy{Name: "nosuch"}},
		"log driver":         {LogConfig: container.LogConfig{Type: "no-such-driver"}},
		"retries, no policy": {RestartPolicy: container.RestartPolicy{Name: "always", MaximumRetryCount: 2}},
	} {
		if hc.LogConfig.Type == "" {
			hc.LogConfig.Type = "json-file"
		}
		if err := checkHostConfig(&hc); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	hc := container.HostConfig{NetworkMode: "host", LogConfig: container.LogConfig{Type: "json-file"}, PortBindings: network.PortMap{network.MustParsePort("80/tcp"): {{}}}}
	if err := checkHostConfig(&hc); err != nil || hc.PortBindings != nil {
		t.Errorf("ports on the host's network: %v, %v", hc.PortBindings, err)
	}
}

func TestNameMatches(t *testing.T) {
	for _, c := range []struct {
		name, pattern string
		want          bool
	}{
		{"web-1", "web", true},
		{"web-1", "^web", true},
		{"web-1", "^/web", true},
		{"web-1", "eb-1$", true},
		{"web-1", "^eb", false},
		{"web-1", "w.b", true},
		{"web-1", "WEB", false},
		{"web-1", "", true},
		{"web-1", "[", false},
		{"a[b", "a[b", true},
		{"web-1", "^web$", false},
	} {
		if got := matchesName(namePattern(c.pattern), c.name); got != c.want {
			t.Errorf("%q in %q: %t", c.pattern, c.name, got)
		}
	}
}

func TestFilters(t *testing.T) {
	self, err := state.Self()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1000, 0)
	mk := func(id, name string, age int, st container.ContainerState, code int) *Container {
		c := &Container{Record: Record{
			ID: strings.Repeat(id, 64), Name: name, Created: at.Add(-time.Duration(age) * time.Second), ImageRef: "docker.io/library/busybox:latest", ImageID: "sha256:feed" + id,
			Config:     &container.Config{Labels: map[string]string{"n": name, "all": ""}, ExposedPorts: network.PortSet{network.MustParsePort("53/udp"): {}}},
			HostConfig: &container.HostConfig{NetworkMode: "bridge"}, Mounts: []container.MountPoint{{Source: "/src" + id, Destination: "/dst"}},
		}}
		c.Status = Status{State: st, ExitCode: code}
		if st != container.StateCreated {
			c.Status.StartedAt = at
		}
		if st == container.StateRunning || st == container.StatePaused {
			c.Status.Process = self
			c.Status.Ports = []netutil.PublishedPort{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}}
			c.Status.Networks = map[string]*network.EndpointSettings{"mine": {NetworkID: "0123456789ab"}}
		}
		return c
	}
	gone := mk("e", "gone", 5, container.StateRunning, 0)
	gone.Status.Process = state.Process{PID: 1 << 30}
	all := []*Container{
		mk("a", "one", 1, container.StateRunning, 0), mk("b", "two", 2, container.StatePaused, 0), mk("c", "three", 3, container.StateExited, 3),
		mk("d", "four", 4, container.StateCreated, 0), gone,
	}
	s := &Service{cfg: Config{Images: fakeImages{}, Networks: &fakeNetworks{}}}
	for _, c := range []struct {
		keys map[string][]string
		want string
	}{
		{nil, "one two three four gone"},
		{map[string][]string{"id": {"aaa", "ccc"}}, "one three"},
		{map[string][]string{"name": {"o"}}, "one two four gone"},
		{map[string][]string{"name": {"^one$", "^/two$"}}, "one two"},
		{map[string][]string{"label": {"all", "n=two"}}, "two"},
		{map[string][]string{"label": {"none"}}, ""},
		{map[string][]string{"label": {"n="}}, ""},
		{map[string][]string{"status": {"running"}}, "one"},
		{map[string][]string{"status": {"paused", "created"}}, "two four"},
		{map[string][]string{"status": {"exited"}}, "three gone"},
		{map[string][]string{"exited": {"3"}}, "three"},
		{map[string][]string{"exited": {"0"}}, "gone"},
		{map[string][]string{"ancestor": {"busybox"}}, "one two three four gone"},
		{map[string][]string{"ancestor": {"busybox:latest"}}, "one two three four gone"},
		{map[string][]string{"ancestor": {"busybox:1"}}, ""},
		{map[string][]string{"ancestor": {"sha256:feedb"}}, "two"},
		{map[string][]string{"ancestor": {"feedc"}}, "three"},
		{map[string][]string{"before": {"two"}}, "three four gone"},
		{map[string][]string{"since": {"three"}}, "one two"},
		{map[string][]string{"since": {"cccc"}}, "one two"},
		{map[string][]string{"since": {"dddd"}}, "one two three"}, // also the beginning of an older one's id
		{map[string][]string{"volume": {"/srcd"}}, "four"},
		{map[string][]string{"volume": {"/dst"}}, "one two three four gone"},
		{map[string][]string{"network": {"mine"}}, "one two"},
		{map[string][]string{"network": {"0123"}}, "one two"},
		{map[string][]string{"network": {"bridge"}}, "three four gone"},
		{map[string][]string{"publish": {"8080"}}, "one two"},
		{map[string][]string{"publish": {"8000-8090/tcp"}}, "one two"},
		{map[string][]string{"publish": {"80"}}, ""}, // the container's
		{map[string][]string{"publish": {"8080/udp"}}, ""},
		{map[string][]string{"health": {"none"}}, "one two three four gone"},
		{map[string][]string{"health": {"healthy"}}, ""},
		{map[string][]string{"is-task": {"true"}}, ""},
		{map[string][]string{"is-task": {"false"}}, "one two three four gone"},
		{map[string][]string{"isolation": {"default"}}, "one two three four gone"},
		{map[string][]string{"expose": {"50-60/udp"}}, "one two"},
		{map[string][]string{"expose": {"53/udp"}}, "one two"},
		{map[string][]string{"expose": {"53"}}, ""},
		{map[string][]string{"name": {"o"}, "status": {"paused"}}, "two"},
	} {
		f, err := s.newFilter(t.Context(), c.keys, all)
		if err != nil {
			t.Errorf("%v: %v", c.keys, err)
			continue
		}
		var got []string
		for _, one := range all {
			if f.match(one, view(one)) {
				got = append(got, one.Name)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%v: %v, want %s", c.keys, got, c.want)
		}
	}
	for key, value := range map[string]string{"nosuch": "1", "status": "up", "exited": "x", "health": "ill", "is-task": "maybe", "publish": "x", "expose": "2-1"} {
		if _, err := s.newFilter(t.Context(), map[string][]string{key: {value}}, all); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%s=%s: %v", key, value, err)
		}
	}
	if _, err := s.newFilter(t.Context(), map[string][]string{"before": {"nosuch"}}, all); !errdefs.IsNotFound(err) {
		t.Errorf("before a container that is not there: %v", err)
	}
}
