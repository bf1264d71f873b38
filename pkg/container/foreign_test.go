package container

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/opencontainers/runtime-spec/specs-go"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/nerd-cli/nerd/pkg/ctrd"
)

// alien puts a container into the store that nerd did not make.
func (w *world) alien(t *testing.T, ctx context.Context, id string, labels map[string]string, spec string) {
	t.Helper()
	raw := containers.Container{ID: id, Labels: labels, Image: "docker.io/x:1", Runtime: containers.RuntimeInfo{Name: ctrd.RuntimeRunc}}
	if spec != "" {
		raw.Spec = &anypb.Any{TypeUrl: specType, Value: []byte(spec)}
	} else {
		raw.Spec = &anypb.Any{TypeUrl: "some.other/type", Value: []byte{1, 2, 3}}
	}
	if _, err := w.Service.store.Create(ctx, raw); err != nil {
		t.Fatal(err)
	}
}

func podLabels(kind, pod, in string) map[string]string {
	out := map[string]string{labelKind: kind, labelPod: pod, labelPodNamespace: "ns"}
	if in != "" {
		out[labelPodContainer] = in
	}
	return out
}

// answers gives the states of tasks; one without any hangs until the caller gives up.
type answers struct {
	*fakeTasks
	states map[string]ctrd.TaskState
	hung   map[string]bool
}

func (a *answers) Get(ctx context.Context, id, _ string) (ctrd.TaskState, error) {
	if a.hung[id] {
		<-ctx.Done()
		return ctrd.TaskState{}, ctx.Err()
	}
	st, ok := a.states[id]
	if !ok {
		return st, errdefs.ErrNotFound
	}
	return st, nil
}

func foreignSpec(t *testing.T) string {
	t.Helper()
	limit, quota, pids := int64(1<<20), int64(5000), int64(7)
	data, err := json.Marshal(specs.Spec{
		Hostname: "h", Root: &specs.Root{Readonly: true},
		Process: &specs.Process{Args: []string{"sh", "-c", "x"}, Env: []string{"A=b"}, Cwd: "/w", Terminal: true, User: specs.User{UID: 3, GID: 4}},
		Mounts:  []specs.Mount{{Type: "bind", Source: "/s", Destination: "/d", Options: []string{"rbind", "ro"}}, {Type: "proc", Destination: "/proc"}},
		Linux: &specs.Linux{CgroupsPath: "/kubepods/pod1/x", Resources: &specs.LinuxResources{
			Memory: &specs.LinuxMemory{Limit: &limit}, CPU: &specs.LinuxCPU{Quota: &quota, Cpus: "0"}, Pids: &specs.LinuxPids{Limit: &pids},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestForeignIsDescribed(t *testing.T) {
	w, ctx := newWorld(t)
	w.alien(t, ctx, "cri", podLabels("container", "pod", "app"), foreignSpec(t))
	got, err := w.Inspect(ctx, "cri", InspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	hc := got.HostConfig
	if got.Name != "/k8s://ns/pod/app" || got.Path != "sh" || len(got.Args) != 2 || got.Config.Env[0] != "A=b" || got.Config.WorkingDir != "/w" ||
		got.Config.User != "3:4" || !got.Config.Tty || got.Config.Hostname != "h" {
		t.Errorf("%+v", got.Config)
	}
	if hc.Memory != 1<<20 || hc.CPUQuota != 5000 || hc.CpusetCpus != "0" || *hc.PidsLimit != 7 || !hc.ReadonlyRootfs || hc.CgroupParent != "/kubepods/pod1" {
		t.Errorf("%+v", hc)
	}
	if len(got.Mounts) != 1 || got.Mounts[0].RW || got.Mounts[0].Destination != "/d" {
		t.Errorf("%+v", got.Mounts)
	}
}

// Nothing of another client's record needs to be there, or to make sense.
func TestForeignWithoutAnything(t *testing.T) {
	w, ctx := newWorld(t)
	w.alien(t, ctx, "odd", nil, "")
	w.alien(t, ctx, "odder", map[string]string{labelPod: "p"}, `{"process":{"args":[]},"linux":{"resources":{"memory":{}}}}`)
	w.alien(t, ctx, "named", map[string]string{labelNerdctlName: "other"}, "null")
	list, err := w.List(ctx, ListOptions{All: true})
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	for ref, want := range map[string]string{"odd": "/odd", "odder": "/k8s:///p", "named": "/other"} {
		if got, err := w.Inspect(ctx, ref, InspectOptions{Size: true}); err != nil || got.Name != want || got.State.Status != container.StateCreated {
			t.Errorf("%s: %+v, %v", ref, got.Name, err)
		}
	}
}

func TestForeignStates(t *testing.T) {
	w, ctx := newWorld(t)
	self := uint32(os.Getpid())
	ended := time.Now().Add(-time.Minute)
	w.Service.tasks = &answers{fakeTasks: w.tasks, hung: map[string]bool{"hung": true}, states: map[string]ctrd.TaskState{
		"up": {PID: self, Status: "running"}, "held": {PID: self, Status: "paused"}, "made": {PID: self, Status: "created"},
		"down": {PID: 5, Status: "stopped", Exit: ctrd.Exit{Code: 3, At: ended}}, "gone": {PID: 1 << 30, Status: "running"}, "what": {Status: "unknown"},
		"sand": {PID: self, Status: "running"},
	}}
	for _, id := range []string{"up", "held", "made", "down", "gone", "what", "hung", "none"} {
		w.alien(t, ctx, id, nil, "{}")
	}
	w.alien(t, ctx, "sand", podLabels(kindSandbox, "pod", ""), "{}")
	begin := time.Now()
	list, err := w.List(ctx, ListOptions{All: true})
	if took := time.Since(begin); err != nil || took > 2*foreignLookUpTime {
		t.Fatalf("after %s: %v", took, err)
	}
	want := map[string]container.ContainerState{
		"up": "running", "held": "paused", "made": "created", "down": "exited", "gone": "exited", "what": "unknown", "hung": "unknown", "none": "created",
	}
	if len(list) != len(want) { // the pause container is left out
		t.Errorf("%d are listed", len(list))
	}
	for _, c := range list {
		if c.State != want[c.ID] {
			t.Errorf("%s is %s, want %s", c.ID, c.State, want[c.ID])
		}
		if c.ID == "down" && c.Status != "Exited (3) About a minute ago" || c.ID == "hung" && c.Status != "Unknown" {
			t.Errorf("%s: %q", c.ID, c.Status)
		}
	}
	list, err = w.List(ctx, ListOptions{Filters: map[string][]string{"label": {labelKind + "=" + kindSandbox}}})
	if err != nil || len(list) != 1 || list[0].Names[0] != "/k8s://ns/pod" {
		t.Errorf("sandboxes: %+v, %v", list, err)
	}
}

// The attempt that runs is meant, else the last one.
func TestFindPod(t *testing.T) {
	w, ctx := newWorld(t)
	tasks := &answers{fakeTasks: w.tasks, states: map[string]ctrd.TaskState{}}
	w.Service.tasks = tasks
	w.alien(t, ctx, "sandbox", podLabels(kindSandbox, "pod", ""), "{}")
	w.alien(t, ctx, "first", podLabels("container", "pod", "app"), "{}")
	w.alien(t, ctx, "second", podLabels("container", "pod", "app"), "{}")
	w.alien(t, ctx, "other", podLabels("container", "pod", "app2"), "{}")
	find := func(ref string) string {
		c, err := w.find(ctx, ref)
		if err != nil {
			if !errdefs.IsNotFound(err) {
				t.Errorf("%s: %v", ref, err)
			}
			return ""
		}
		return c.ID
	}
	for ref, want := range map[string]string{
		"k8s://ns/pod/app": "second", "k8s://ns/pod": "sandbox", "k8s://ns/pod/app2": "other", "/k8s://ns/pod/app2": "other",
		"k8s://ns": "", "k8s://": "", "k8s://ns/pod/app/x": "", "k8s://no/pod/app": "", `k8s://ns/"/app`: "", "k8s://ns/pod/": "",
	} {
		if got := find(ref); got != want {
			t.Errorf("%s is %q, want %q", ref, got, want)
		}
	}
	tasks.states["first"] = ctrd.TaskState{PID: uint32(os.Getpid()), Status: "running"}
	if got := find("k8s://ns/pod/app"); got != "first" {
		t.Errorf("the running one is %q", got)
	}
}

func TestForeignIsLeftAlone(t *testing.T) {
	w, ctx := newWorld(t)
	w.alien(t, ctx, "mine", nil, "{}")
	w.alien(t, ctx, "cri", podLabels("container", "pod", "app"), "{}")
	for ref, want := range map[string]string{"mine": "was not made by nerd", "k8s://ns/pod/app": "belongs to Kubernetes"} {
		for verb, do := range map[string]func() error{
			"stop":   func() error { return w.Stop(ctx, ref, StopOptions{}) },
			"kill":   func() error { return w.Kill(ctx, ref, "") },
			"rm":     func() error { return w.Remove(ctx, ref, RemoveOptions{Force: true}) },
			"pause":  func() error { return w.Pause(ctx, ref) },
			"rename": func() error { return w.Rename(ctx, ref, "xx") },
			"start":  func() error { _, err := w.Start(ctx, ref, StartOptions{}); return err },
		} {
			err := do()
			if !errdefs.IsFailedPrecondition(err) || verb != "rename" && verb != "start" && !strings.Contains(err.Error(), want) {
				t.Errorf("%s %s: %v", verb, ref, err)
			}
		}
	}
	w.cfg.ForceForeign = true
	if err := w.Rename(ctx, "mine", "xx"); !errdefs.IsFailedPrecondition(err) {
		t.Errorf("rename: %v", err)
	}
	for _, ref := range []string{"mine", "k8s://ns/pod/app"} {
		if err := w.Stop(ctx, ref, StopOptions{}); err != nil { // it does not run
			t.Error(err)
		}
		if err := w.Remove(ctx, ref, RemoveOptions{}); err != nil {
			t.Error(err)
		}
		if _, err := w.find(ctx, ref); !errdefs.IsNotFound(err) {
			t.Errorf("%s is still there: %v", ref, err)
		}
	}
}
