package mountpoint

import (
	"path"
	"reflect"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
)

func TestParseBinds(t *testing.T) {
	for text, want := range map[string]Mount{
		"/a:/b":             {Type: "bind", Source: "/a", Target: "/b", MakeSource: true, Propagation: "rprivate"},
		"/a/../c/:/b/./d/":  {Type: "bind", Source: "/c", Target: "/b/d", MakeSource: true, Propagation: "rprivate"},
		"/a:/b:ro":          {Type: "bind", Source: "/a", Target: "/b", Mode: "ro", ReadOnly: true, MakeSource: true, Propagation: "rprivate"},
		"/a:/b:rw,rslave,z": {Type: "bind", Source: "/a", Target: "/b", Mode: "rw,rslave,z", MakeSource: true, Propagation: "rslave"},
		"/a:/b:":            {Type: "bind", Source: "/a", Target: "/b", MakeSource: true, Propagation: "rprivate"},
		"/a:/b:cached,Z":    {Type: "bind", Source: "/a", Target: "/b", Mode: "cached,Z", MakeSource: true, Propagation: "rprivate"},
		"/a:/b:bind-nonrecursive": {
			Type: "bind", Source: "/a", Target: "/b", Mode: "bind-nonrecursive", MakeSource: true, Propagation: "rprivate", NonRecursive: true,
		},
		"data:/b":           {Type: "volume", Source: "data", Target: "/b", Mode: "z", Driver: "local"},
		"data:/b:ro,nocopy": {Type: "volume", Source: "data", Target: "/b", Mode: "ro,nocopy", ReadOnly: true, NoCopy: true, Driver: "local"},
		"data:/b/../c:Z,rw": {Type: "volume", Source: "data", Target: "/c", Mode: "Z,rw", Driver: "local"},
	} {
		got, err := Parse(&container.HostConfig{Binds: []string{text}, VolumeDriver: "local"})
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                      "invalid volume specification: ''",
		":":                     "invalid volume specification: ':'",
		"/a":                    "invalid volume specification: '/a'",
		"/a:":                   "invalid volume specification: '/a:'",
		":/b":                   "invalid volume specification: ':/b'",
		"a:b:c:d":               "invalid volume specification: 'a:b:c:d'",
		"data:b":                `invalid volume specification: 'data:b': invalid mount config for type "volume": invalid mount path: 'b' mount path must be absolute`,
		"data:/":                `invalid volume specification: 'data:/': invalid mount config for type "volume": invalid specification: destination can't be '/'`,
		"/a:/..":                `invalid volume specification: '/a:/..': invalid mount config for type "bind": invalid specification: destination can't be '/'`,
		"data:/b:foo":           "invalid mode: foo",
		"data:/b:ro,rw":         "invalid mode: ro,rw",
		"data:/b:ro,":           "invalid mode: ro,",
		"data:/b:nocopy,nocopy": "invalid mode: nocopy,nocopy",
		"data:/b:rshared":       `invalid volume specification: 'data:/b:rshared': invalid mount config for type "volume": field BindOptions must not be specified`,
		"/a:/b:nocopy":          `invalid volume specification: '/a:/b:nocopy': invalid mount config for type "bind": field VolumeOptions must not be specified`,
		"x:/b":                  "create x: volume name is too short, names should be at least two alphanumeric characters",
		"../x:/b":               `create ../x: "../x" includes invalid characters for a local volume name`,
		"rel/x:/b":              `create rel/x: "rel/x" includes invalid characters for a local volume name`,
	} {
		_, err := Parse(&container.HostConfig{Binds: []string{text}})
		if !errdefs.IsInvalidArgument(err) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestParseMounts(t *testing.T) {
	for name, c := range map[string]struct {
		in   mount.Mount
		want Mount
	}{
		"bind": {
			mount.Mount{Type: "bind", Source: "/a/", Target: "/b/"},
			Mount{Type: "bind", Source: "/a", Target: "/b", Propagation: "rprivate"},
		},
		"bind options": {
			mount.Mount{
				Type: "bind", Source: "/a", Target: "/b", ReadOnly: true,
				BindOptions: &mount.BindOptions{Propagation: "rshared", NonRecursive: true, CreateMountpoint: true, ReadOnlyForceRecursive: true},
			},
			Mount{Type: "bind", Source: "/a", Target: "/b", ReadOnly: true, Propagation: "rshared", NonRecursive: true, MakeSource: true, DeepReadOnly: true},
		},
		"volume": {
			mount.Mount{Type: "volume", Source: "data", Target: "/b", ReadOnly: true, VolumeOptions: &mount.VolumeOptions{
				NoCopy: true, Subpath: "x/y", Labels: map[string]string{"a": "b"}, DriverConfig: &mount.Driver{Name: "local", Options: map[string]string{"type": "tmpfs"}},
			}},
			Mount{
				Type: "volume", Source: "data", Target: "/b", Mode: "z", ReadOnly: true, NoCopy: true, Subpath: "x/y", Driver: "local",
				Labels: map[string]string{"a": "b"}, Options: map[string]string{"type": "tmpfs"},
			},
		},
		"image": {
			mount.Mount{Type: "image", Source: "bb", Target: "/b", ImageOptions: &mount.ImageOptions{Subpath: "etc"}},
			Mount{Type: "image", Source: "bb", Target: "/b", ReadOnly: true, Subpath: "etc", Propagation: "rprivate"},
		},
		"tmpfs": {
			mount.Mount{Type: "tmpfs", Target: "/b/"},
			Mount{Type: "tmpfs", Target: "/b", Tmpfs: []string{"noexec", "nosuid", "nodev"}},
		},
		"tmpfs options": {
			mount.Mount{Type: "tmpfs", Target: "/b", ReadOnly: true, TmpfsOptions: &mount.TmpfsOptions{SizeBytes: 4096, Mode: 0o1770, Options: [][]string{{"exec"}, {"uid", "5"}}}},
			Mount{Type: "tmpfs", Target: "/b", ReadOnly: true, Tmpfs: []string{"nosuid", "nodev", "ro", "size=4096", "mode=1770", "exec", "uid=5"}},
		},
	} {
		got, err := Parse(&container.HostConfig{Mounts: []mount.Mount{c.in}})
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], c.want) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, c.want)
		}
	}
	anonymous, err := Parse(&container.HostConfig{Mounts: []mount.Mount{{Type: "volume", Target: "/b"}}})
	if err != nil || !anonymous[0].Anonymous || len(anonymous[0].Source) != 64 {
		t.Errorf("anonymous: %+v, %v", anonymous, err)
	}
}

func TestParseMountErrors(t *testing.T) {
	for want, in := range map[string]mount.Mount{
		`type "bind": field Target must not be empty`:                            {Type: "bind", Source: "/a"},
		`type "bind": field Source must not be empty`:                            {Type: "bind", Target: "/b"},
		`type "bind": invalid mount path: 'x' mount path must be absolute`:       {Type: "bind", Source: "x", Target: "/b"},
		`type "bind": invalid mount path: 'b' mount path must be absolute`:       {Type: "bind", Source: "/x", Target: "b"},
		`type "bind": invalid specification: destination can't be '/'`:           {Type: "bind", Source: "/x", Target: "//"},
		`type "bind": invalid propagation mode: foo`:                             {Type: "bind", Source: "/x", Target: "/b", BindOptions: &mount.BindOptions{Propagation: "foo"}},
		`type "bind": field VolumeOptions must not be specified`:                 {Type: "bind", Source: "/x", Target: "/b", VolumeOptions: &mount.VolumeOptions{}},
		`type "volume": field BindOptions must not be specified`:                 {Type: "volume", Source: "xx", Target: "/b", BindOptions: &mount.BindOptions{}},
		`type "volume": subpath must be a relative path within the volume`:       {Type: "volume", Source: "xx", Target: "/b", VolumeOptions: &mount.VolumeOptions{Subpath: "../x"}},
		`type "volume": must not set Subpath when using anonymous volumes`:       {Type: "volume", Target: "/b", VolumeOptions: &mount.VolumeOptions{Subpath: "x"}},
		`type "volume": must not set ReadOnly mode when using anonymous volumes`: {Type: "volume", Target: "/b", ReadOnly: true},
		`type "tmpfs": field Source must not be specified`:                       {Type: "tmpfs", Source: "x", Target: "/b"},
		`type "tmpfs": tmpfs-size must not be negative`:                          {Type: "tmpfs", Target: "/b", TmpfsOptions: &mount.TmpfsOptions{SizeBytes: -1}},
		`type "tmpfs": invalid tmpfs option "foo=1"`:                             {Type: "tmpfs", Target: "/b", TmpfsOptions: &mount.TmpfsOptions{Options: [][]string{{"foo", "1"}}}},
		`type "image": field Source must not be empty`:                           {Type: "image", Target: "/b"},
		`type "image": subpath must be a relative path within the volume`:        {Type: "image", Source: "x", Target: "/b", ImageOptions: &mount.ImageOptions{Subpath: "/etc"}},
		`type "npipe": mount type unknown`:                                       {Type: "npipe", Source: "x", Target: "/b"},
		`type "foo": mount type unknown`:                                         {Type: "foo", Source: "x", Target: "/b"},
	} {
		_, err := Parse(&container.HostConfig{Mounts: []mount.Mount{in}})
		if !errdefs.IsInvalidArgument(err) || err.Error() != "invalid mount config for "+want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := Parse(&container.HostConfig{Mounts: []mount.Mount{{Type: "volume", Source: "/abs", Target: "/b"}}}); err == nil || !strings.HasPrefix(err.Error(), `create /abs: "/abs" includes invalid characters`) {
		t.Errorf("%v", err)
	}
}

func TestDuplicates(t *testing.T) {
	tmpfs := mount.Mount{Type: "tmpfs", Target: "/x"}
	for name, hc := range map[string]container.HostConfig{
		"binds":           {Binds: []string{"/a:/x", "vol:/x"}},
		"unclean":         {Binds: []string{"/a:/x/y", "vol:/x//y/"}},
		"bind and mount":  {Binds: []string{"/a:/x/"}, Mounts: []mount.Mount{tmpfs}},
		"mount and tmpfs": {Tmpfs: map[string]string{"/x/.": ""}, Mounts: []mount.Mount{tmpfs}},
	} {
		if _, err := Parse(&hc); err == nil || !strings.HasPrefix(err.Error(), "Duplicate mount point: /x") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTmpfsOptions(t *testing.T) {
	for _, ok := range []string{"", "size=1m", "exec,uid=5,mode=750,nr_inodes=100", "ro,noatime", "mpol=interleave"} {
		if err := CheckTmpfsOptions(ok); err != nil {
			t.Errorf("%q: %v", ok, err)
		}
	}
	for _, bad := range []string{"foo", "size", "exec=1", "size=1m,", "lowerdir=/"} {
		if err := CheckTmpfsOptions(bad); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, target := range []string{"rel", "/", ""} {
		if _, err := Parse(&container.HostConfig{Tmpfs: map[string]string{target: ""}}); !errdefs.IsInvalidArgument(err) {
			t.Errorf("target %q: %v", target, err)
		}
	}
}

func TestAnonymous(t *testing.T) {
	taken := []Mount{{Type: "bind", Target: "/taken"}}
	got, err := Anonymous(map[string]struct{}{"/b": {}, "/a/": {}, "/taken/": {}, "/tmp": {}, "/b/.": {}}, map[string]string{"/tmp": ""}, taken, "")
	if err != nil || len(got) != 2 || got[0].Target != "/a" || got[1].Target != "/b" || !got[0].Anonymous || got[0].Source == got[1].Source {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"/", "rel", "/.."} {
		if _, err := Anonymous(map[string]struct{}{bad: {}}, nil, nil, ""); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestVolumesFrom(t *testing.T) {
	for text, want := range map[string]struct {
		name     string
		readOnly bool
	}{"web": {"web", false}, "web:ro": {"web", true}, "web:rw": {"web", false}, "web:ro,z": {"web", true}, "web:": {"web", false}} {
		if name, ro, err := From(text); err != nil || name != want.name || ro != want.readOnly {
			t.Errorf("%q: %s %t %v", text, name, ro, err)
		}
	}
	for text, want := range map[string]string{
		"": "malformed volumes-from specification: ", ":ro": "malformed volumes-from specification: :ro", "web:foo": "invalid mode: foo",
		"web:ro,rw": "invalid mode: ro,rw", "web:nocopy": "invalid mode: nocopy", "web:rshared": "invalid mode: rshared", "web:ro:x": "invalid mode: ro:x",
	} {
		if _, _, err := From(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	m := TakeOver(Mount{Type: "volume", Source: "v", Mode: "z", Stage: 2, Subpath: "x", Anonymous: true}, true)
	if want := (Mount{Type: "volume", Source: "v", Subpath: "x", Anonymous: true, ReadOnly: true, NoCopy: true}); !reflect.DeepEqual(m, want) {
		t.Errorf("%+v", m)
	}
	if !TakeOver(Mount{ReadOnly: true}, false).ReadOnly {
		t.Error("read-only is lost")
	}
	merged := Merge([]Mount{{Target: "/a"}, {Target: "/b"}, {Target: "/c"}}, []Mount{{Target: "/b", Source: "own"}}, map[string]string{"/c/": ""})
	if want := []Mount{{Target: "/a"}, {Target: "/b", Source: "own"}}; !reflect.DeepEqual(merged, want) {
		t.Errorf("%+v", merged)
	}
}

// Whatever is accepted names a place inside the container and a source that is a
// path of the host or a volume's name, and every error is one line.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"/a:/b", "/a:/b:ro,z", "/a:/../..:rw", "a:b:c:d", "/:/x", "data:/x:nocopy", "..:/x", "da\nta:/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Parse(&container.HostConfig{Binds: []string{text}})
		if err != nil {
			if !errdefs.IsInvalidArgument(err) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		m := got[0]
		if !path.IsAbs(m.Target) || path.Clean(m.Target) != m.Target || m.Target == "/" {
			t.Errorf("%q: target %q", text, m.Target)
		}
		if m.Volume() == path.IsAbs(m.Source) || m.Volume() && strings.ContainsAny(m.Source, "/\n ") || m.ReadOnly != strings.Contains(","+m.Mode+",", ",ro,") {
			t.Errorf("%q: %+v", text, m)
		}
	})
}
