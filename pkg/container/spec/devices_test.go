package spec

import (
	"slices"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestParseDeviceRule(t *testing.T) {
	number := func(n int64) *int64 { return &n }
	for text, want := range map[string]specs.LinuxDeviceCgroup{
		"c 1:2 rwm": {Allow: true, Type: "c", Major: number(1), Minor: number(2), Access: "rwm"},
		"b 8:* r":   {Allow: true, Type: "b", Major: number(8), Access: "r"},
		"a *:* rw":  {Allow: true, Type: "a", Access: "rw"},
	} {
		got, err := parseDeviceRule(text)
		if err != nil || !sameRule(got, want) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "c", "c 1:2", "c 1 rwm", "d 1:2 r", "ac 1:2 r", "c 1:2 x", "c 1:2 rwmr", "c -1:2 r", "c +1:2 r", "c 1:x r", "c 1:2:3 r", "c : r", "c 99999999999999999999:1 r", "c 1:2 r w"} {
		if got, err := parseDeviceRule(bad); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%q: %+v, %v", bad, got, err)
		}
	}
}

func sameRule(a, b specs.LinuxDeviceCgroup) bool {
	same := func(x, y *int64) bool { return x == nil && y == nil || x != nil && y != nil && *x == *y }
	return a.Allow == b.Allow && a.Type == b.Type && a.Access == b.Access && same(a.Major, b.Major) && same(a.Minor, b.Minor)
}

func FuzzParseDeviceRule(f *testing.F) {
	for _, s := range []string{"c 1:2 rwm", "a *:* r", "b +1:-1 m", "c 1: r"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseDeviceRule(text)
		if err != nil {
			if !errdefs.IsInvalidArgument(err) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		for _, n := range []*int64{r.Major, r.Minor} {
			if n != nil && *n < 0 {
				t.Errorf("%q has a negative number", text)
			}
		}
		if !r.Allow || len(r.Type) != 1 || r.Access == "" || len(r.Access) > 3 {
			t.Errorf("%q: %+v", text, r)
		}
	})
}

func TestDevices(t *testing.T) {
	s := generate(t, func(in *Input) {
		in.HostConfig.Devices = []container.DeviceMapping{
			{PathOnHost: "/dev/fuse", CgroupPermissions: "r"}, {PathOnHost: "/dev/snd", PathInContainer: "/dev/sound"},
		}
		in.HostConfig.DeviceCgroupRules = []string{"c 7:* m"}
	})
	var paths []string
	for _, d := range s.Linux.Devices {
		paths = append(paths, d.Path)
	}
	if !slices.Equal(paths, []string{"/dev/fuse", "/dev/sound/a", "/dev/sound/b"}) {
		t.Errorf("devices are %v", paths)
	}
	rules := s.Linux.Resources.Devices
	if r := rules[0]; r.Allow || r.Access != "rwm" || r.Type != "" {
		t.Errorf("not everything is denied at first: %+v", r)
	}
	own := rules[len(defaultDeviceRules()):]
	if len(own) != 4 || own[0].Access != "r" || *own[0].Minor != 229 || own[1].Access != "rwm" || own[2].Type != "b" || *own[3].Major != 7 {
		t.Errorf("rules are %+v", own)
	}
	for _, hc := range []container.HostConfig{
		{Resources: container.Resources{Devices: []container.DeviceMapping{{PathOnHost: "/dev/none"}}}},
		{Resources: container.Resources{DeviceCgroupRules: []string{"nonsense"}}},
	} {
		if _, _, err := Generate(input(func(in *Input) { in.HostConfig = &hc })); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%+v: %v", hc, err)
		}
	}
}

func TestPrivilegedDevices(t *testing.T) {
	s := generate(t, func(in *Input) { in.HostConfig.Privileged = true })
	if len(s.Linux.Devices) != 2 || len(s.Linux.Resources.Devices) != 1 || !s.Linux.Resources.Devices[0].Allow {
		t.Errorf("devices %+v, rules %+v", s.Linux.Devices, s.Linux.Resources.Devices)
	}
}
