package container

import (
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"

	"github.com/nerd-cli/nerd/pkg/netutil"
)

func TestParseBind(t *testing.T) {
	for _, c := range []struct {
		text, source, target, mode string
		options                    []string
		rw                         bool
	}{
		{"/a:/b", "/a", "/b", "", []string{"rbind", "rprivate"}, true},
		{"/a/../c/:/b/./d/", "/c", "/b/d", "", []string{"rbind", "rprivate"}, true},
		{"/a:/b:ro", "/a", "/b", "ro", []string{"rbind", "rprivate", "ro"}, false},
		{"/a:/b:rw,rslave,z", "/a", "/b", "rw,rslave,z", []string{"rbind", "rslave"}, true},
		{"/a:/b:", "/a", "/b", "", []string{"rbind", "rprivate"}, true},
	} {
		m, point, err := parseBind(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if m.Type != "bind" || m.Source != c.source || m.Destination != c.target || !slices.Equal(m.Options, c.options) {
			t.Errorf("%q: mount %+v", c.text, m)
		}
		if point.Type != mount.TypeBind || point.Source != c.source || point.Destination != c.target || point.Mode != c.mode || point.RW != c.rw {
			t.Errorf("%q: shown as %+v", c.text, point)
		}
	}
	for _, bad := range []string{"", ":", "::", "/a", "/a:", ":/b", "/a:b", "/a:/", "/a:/..", "/a:/b/..", "/a:/b:ro:x", "/a:/b:nosuch", "name:/b", "./a:/b"} {
		if m, _, err := parseBind(bad); !errdefs.IsInvalidArgument(err) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %+v, %v", bad, m, err)
		}
	}
}

func FuzzParseBind(f *testing.F) {
	for _, s := range []string{"/a:/b", "/a:/b:ro,z", "/a:/../..:rw", "a:b:c:d", "/:/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, point, err := parseBind(text)
		if err != nil {
			if !errdefs.IsInvalidArgument(err) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		for _, path := range []string{m.Source, m.Destination} {
			if !filepath.IsAbs(path) || filepath.Clean(path) != path {
				t.Errorf("%q: path %q", text, path)
			}
		}
		if m.Destination == "/" || point.RW == slices.Contains(m.Options, "ro") {
			t.Errorf("%q: %+v, %+v", text, m, point)
		}
	})
}

func TestBindMode(t *testing.T) {
	for _, c := range []struct {
		mode        string
		options     []string
		propagation mount.Propagation
		rw          bool
	}{
		{"", []string{"rbind", "rprivate"}, "rprivate", true},
		{"rw", []string{"rbind", "rprivate"}, "rprivate", true},
		{"ro", []string{"rbind", "rprivate", "ro"}, "rprivate", false},
		{"shared,ro,Z", []string{"rbind", "shared", "ro"}, "shared", false},
		{"bind-nonrecursive,slave", []string{"bind", "slave"}, "slave", true},
		{"cached,rbind", []string{"rbind", "rprivate"}, "rprivate", true},
	} {
		opts, propagation, rw, err := bindMode(c.mode)
		if err != nil || !slices.Equal(opts, c.options) || propagation != c.propagation || rw != c.rw {
			t.Errorf("%q: %v %s %t %v", c.mode, opts, propagation, rw, err)
		}
	}
	// As Docker: one word of each kind, none empty.
	for _, bad := range []string{"foo", "ro,rw", "ro,ro", "z,Z", "private,shared", "cached,delegated", ",", "rw,", ",ro", "nocopy", "RO", "ro "} {
		if _, _, _, err := bindMode(bad); !errdefs.IsInvalidArgument(err) || !strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestPlanMount(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name    string
		in      mount.Mount
		options []string
	}{
		{"bind", mount.Mount{Type: "bind", Source: dir, Target: "/b"}, []string{"rbind", "rprivate"}},
		{"read-only", mount.Mount{Type: "bind", Source: dir, Target: "/b", ReadOnly: true}, []string{"rbind", "rprivate", "ro"}},
		{"bind options", mount.Mount{Type: "bind", Source: dir, Target: "/b", BindOptions: &mount.BindOptions{Propagation: "rshared", NonRecursive: true}}, []string{"bind", "rshared"}},
		{"source to be made", mount.Mount{Type: "bind", Source: dir + "/none", Target: "/b", BindOptions: &mount.BindOptions{CreateMountpoint: true}}, []string{"rbind", "rprivate"}},
		{"tmpfs", mount.Mount{Type: "tmpfs", Target: "/b/"}, []string{"noexec", "nosuid", "nodev"}},
		{
			"tmpfs options",
			mount.Mount{Type: "tmpfs", Target: "/b", ReadOnly: true, TmpfsOptions: &mount.TmpfsOptions{SizeBytes: 4096, Mode: 0o1770}},
			[]string{"noexec", "nosuid", "nodev", "ro", "size=4096", "mode=1770"},
		},
	} {
		m, point, err := planMount(c.in)
		if err != nil || m.Destination != "/b" || !slices.Equal(m.Options, c.options) {
			t.Errorf("%s: %+v, %v", c.name, m, err)
		}
		if point.Destination != "/b" || point.Type != c.in.Type || point.RW == c.in.ReadOnly {
			t.Errorf("%s: shown as %+v", c.name, point)
		}
	}
	for name, in := range map[string]mount.Mount{
		"no source":        {Type: "bind", Target: "/b"},
		"relative source":  {Type: "bind", Source: "x", Target: "/b"},
		"missing source":   {Type: "bind", Source: dir + "/none", Target: "/b"},
		"relative target":  {Type: "bind", Source: dir, Target: "b"},
		"the root":         {Type: "bind", Source: dir, Target: "/x/.."},
		"tmpfs, no target": {Type: "tmpfs"},
		"tmpfs, relative":  {Type: "tmpfs", Target: "b"},
		"tmpfs at root":    {Type: "tmpfs", Target: "/"},
		"unknown type":     {Type: "npipe", Source: dir, Target: "/b"},
	} {
		if m, _, err := planMount(in); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

func TestPlanMountsRefusesDuplicates(t *testing.T) {
	for name, hc := range map[string]container.HostConfig{
		"two binds":     {Binds: []string{"/a:/x", "/b:/x/"}},
		"bind on tmpfs": {Binds: []string{"/a:/x"}, Tmpfs: map[string]string{"/x": ""}},
		"bind on mount": {Binds: []string{"/a:/x"}, Mounts: []mount.Mount{{Type: "tmpfs", Target: "/x"}}},
	} {
		p := &plan{}
		p.HostConfig = &hc
		if err := (&Service{}).planMounts(p); !errdefs.IsInvalidArgument(err) || !strings.Contains(err.Error(), "Duplicate mount point: /x") {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := &plan{}
	p.HostConfig = &container.HostConfig{Tmpfs: map[string]string{"x": ""}}
	if err := (&Service{}).planMounts(p); !errdefs.IsInvalidArgument(err) {
		t.Errorf("a relative tmpfs: %v", err)
	}
}

func TestHostPorts(t *testing.T) {
	for text, want := range map[string][2]uint16{"": {}, "0": {}, "80": {80, 0}, "65535": {65535, 0}, "80-90": {80, 90}, "80-80": {80, 80}} {
		start, end, err := hostPorts(text)
		if err != nil || start != want[0] || end != want[1] {
			t.Errorf("%q: %d-%d, %v", text, start, end, err)
		}
	}
	for _, bad := range []string{"x", "-1", "65536", "90-80", "80-", "-", "80-65536", "1-2-3", " 80"} {
		if _, _, err := hostPorts(bad); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestPublishedPorts(t *testing.T) {
	p80, p81, p53 := network.MustParsePort("80/tcp"), network.MustParsePort("81/tcp"), network.MustParsePort("53/udp")
	local := netip.MustParseAddr("127.0.0.1")
	c := &Container{Record: Record{
		Config: &container.Config{ExposedPorts: network.PortSet{p80: {}, p81: {}, p53: {}}},
		HostConfig: &container.HostConfig{PortBindings: network.PortMap{
			p81: {{HostPort: "8081"}, {HostIP: local, HostPort: "1-9"}},
			p53: {{}},
		}},
	}}
	bound := []netutil.PublishedPort{
		{ContainerPort: 53, Protocol: "udp"},
		{ContainerPort: 81, Protocol: "tcp", HostIP: local, HostPort: 1, HostPortEnd: 9},
		{ContainerPort: 81, Protocol: "tcp", HostPort: 8081},
	}
	for range 20 { // the order does not depend on that of a map
		got, err := publishedPorts(c)
		if err != nil || !reflect.DeepEqual(got, bound) {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	c.HostConfig.PublishAllPorts = true
	got, err := publishedPorts(c)
	all := slices.Insert(slices.Clone(bound), 1, netutil.PublishedPort{ContainerPort: 80, Protocol: "tcp"})
	if err != nil || !reflect.DeepEqual(got, all) {
		t.Errorf("with -P: %+v, %v", got, err)
	}
	c.HostConfig.PortBindings[p80] = []network.PortBinding{{HostPort: "x"}}
	if _, err := publishedPorts(c); !errdefs.IsInvalidArgument(err) {
		t.Errorf("a bad port: %v", err)
	}
}

func TestExposedPorts(t *testing.T) {
	got, err := exposedPorts(map[string]struct{}{"80": {}, "53/udp": {}}, network.PortSet{network.MustParsePort("81/tcp"): {}, network.MustParsePort("80/tcp"): {}})
	if err != nil || len(got) != 3 {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := exposedPorts(nil, nil); got != nil || err != nil {
		t.Errorf("none: %v, %v", got, err)
	}
	if _, err := exposedPorts(map[string]struct{}{"x": {}}, nil); !errdefs.IsInvalidArgument(err) {
		t.Errorf("an image that exposes x: %v", err)
	}
}
