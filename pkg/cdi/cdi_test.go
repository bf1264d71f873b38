package cdi

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestIsName(t *testing.T) {
	for _, s := range []string{"nvidia.com/gpu=0", "nvidia.com/gpu=all", "vendor.com/a-b=GPU-1234:5", "v/c=x"} {
		if !IsName(s) {
			t.Errorf("%s is a name", s)
		}
	}
	for _, s := range []string{"", "/dev/null", "a=b", "a/b", "a/b=", "/b=c", "a/=c", "a/b/c=d", "a.com/b=c=d", "a.com/b=c/d", "1a.com/b=c", "a.com-/b=c", "a b/c=d", "a/b=c d"} {
		if IsName(s) {
			t.Errorf("%s is no name", s)
		}
	}
}

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const gpus = `
cdiVersion: "0.6.0"
kind: vendor.com/gpu
containerEdits:
  env: [COMMON=1, PATH=/new]
  hooks:
  - {hookName: createContainer, path: /bin/hook, args: [hook, a], timeout: 5}
devices:
- name: "0"
  containerEdits:
    env: [GPU=0]
    deviceNodes:
    - {path: /dev/gpu0, hostPath: /dev/null, permissions: rw}
    mounts:
    - {hostPath: /lib/x, containerPath: /usr/lib/x, options: [ro, bind]}
    additionalGids: [7, 0, 7]
- name: "1"
  containerEdits:
    deviceNodes:
    - {path: /dev/gpu1, type: b, major: 9, minor: 3, fileMode: 432, uid: 1, gid: 2}
    intelRdt: {closID: x}
`

func blank() *specs.Spec {
	return &specs.Spec{Process: &specs.Process{Env: []string{"PATH=/old"}}, Linux: &specs.Linux{}}
}

func TestInject(t *testing.T) {
	r := Load([]string{folder(t, map[string]string{"gpu.yaml": gpus, "readme.txt": "no description"}), "/nonexistent"})
	if !r.Has("vendor.com/gpu") || r.Has("vendor.com/g") {
		t.Error("kinds")
	}
	s := blank()
	if err := r.Inject([]string{"vendor.com/gpu=0", "vendor.com/gpu=1"}, s); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(s.Process.Env, " "); got != "PATH=/new COMMON=1 GPU=0" {
		t.Error(got)
	}
	if d := s.Linux.Devices; len(d) != 2 || d[0].Path != "/dev/gpu0" || d[0].Type != "c" || d[0].Major != 1 || d[0].Minor != 3 || d[1].Major != 9 || *d[1].UID != 1 || *d[1].FileMode != 0o660 {
		t.Errorf("%+v", d)
	}
	if rules := s.Linux.Resources.Devices; len(rules) != 2 || rules[0].Access != "rw" || *rules[1].Minor != 3 || rules[1].Access != "rwm" {
		t.Errorf("%+v", rules)
	}
	if len(s.Mounts) != 1 || s.Mounts[0].Type != "bind" || s.Mounts[0].Source != "/lib/x" {
		t.Errorf("%+v", s.Mounts)
	}
	if !slices.Equal(s.Process.User.AdditionalGids, []uint32{7}) || s.Linux.IntelRdt.ClosID != "x" {
		t.Errorf("%+v", s.Process.User)
	}
	if h := s.Hooks.CreateContainer; len(h) != 1 || *h[0].Timeout != 5 { // once for both devices
		t.Errorf("%+v", h)
	}
}

func TestUnresolvable(t *testing.T) {
	one := `{"kind": "a.com/b", "devices": [{"name": "x", "containerEdits": {"env": ["FROM=%"]}}]}`
	low := folder(t, map[string]string{"one.json": strings.ReplaceAll(one, "%", "low"), "bad.json": "{"})
	high := folder(t, map[string]string{"one.json": strings.ReplaceAll(one, "%", "high")})
	r := Load([]string{low, high})
	s := blank()
	if err := r.Inject([]string{"a.com/b=x"}, s); err != nil || !slices.Contains(s.Process.Env, "FROM=high") {
		t.Errorf("precedence: %q, %v", s.Process.Env, err)
	}
	err := r.Inject([]string{"a.com/b=z", "a.com/b=y"}, s)
	if !errdefs.IsInvalidArgument(err) || !strings.HasPrefix(err.Error(), "CDI device injection failed: unresolvable CDI devices a.com/b=y, a.com/b=z") || !strings.Contains(err.Error(), "bad.json") {
		t.Error(err)
	}
	twice := Load([]string{folder(t, map[string]string{"1.json": one, "2.json": one})})
	if err := twice.Inject([]string{"a.com/b=x"}, blank()); err == nil || !strings.Contains(err.Error(), "more than one file") {
		t.Error(err)
	}
	if err := Load(nil).Inject([]string{"a.com/b=x"}, blank()); err == nil || !strings.Contains(err.Error(), "/etc/cdi") {
		t.Error(err)
	}
}

func TestEditsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"a node that is not there":  `{"deviceNodes": [{"path": "/dev/nosuch-device"}]}`,
		"a file that is no device":  `{"deviceNodes": [{"path": "/etc/passwd"}]}`,
		"a node of another type":    `{"deviceNodes": [{"path": "/dev/null", "type": "b"}]}`,
		"an unknown hook":           `{"hooks": [{"hookName": "sometime", "path": "/x"}]}`,
		"an interface of a network": `{"netDevices": [{"hostInterfaceName": "x"}]}`,
	} {
		r := Load([]string{folder(t, map[string]string{"a.json": `{"kind": "a.com/b", "devices": [{"name": "x", "containerEdits": ` + text + `}]}`})})
		if err := r.Inject([]string{"a.com/b=x"}, blank()); err == nil || !strings.Contains(err.Error(), "CDI device injection failed: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParse(t *testing.T) {
	for _, text := range []string{"", "{}", "{", `{"kind": "a"}`, `{"kind": "a.com/b", "devices": [{"name": ""}]}`, `{"kind": "a.com/b", "devices": 3}`, "- a", "a: [", "? {x: y}"} {
		for _, isYAML := range []bool{true, false} {
			if d, err := parse([]byte(text), isYAML); err == nil {
				t.Errorf("%q: %+v", text, d)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(gpus), true)
	f.Add([]byte(`{"kind": "a.com/b", "devices": [{"name": "x"}]}`), false)
	f.Fuzz(func(t *testing.T, data []byte, isYAML bool) {
		d, err := parse(data, isYAML)
		if err != nil {
			return
		}
		r := &Registry{devices: map[string]found{}}
		r.add(d)
		for _, dev := range d.Devices {
			for i := range dev.Edits.DeviceNodes {
				dev.Edits.DeviceNodes[i].Type, dev.Edits.DeviceNodes[i].Major = "c", 1 // nothing of this machine is asked
			}
		}
		s := blank()
		for name := range r.devices {
			_ = r.Inject([]string{name}, s)
		}
		if _, err := json.Marshal(s); err != nil {
			t.Error(err)
		}
	})
}
