package flagx_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/cli/opts"

	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

func TestParseVolume(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"/a:/b":                     "/a:/b",
		"/a:/b:ro":                  "/a:/b:ro",
		"/a:/b:ro,z,rshared":        "/a:/b:ro,z,rshared",
		"/a:/b:cached,rw":           "/a:/b:cached,rw",
		"./a:/b":                    filepath.Join(here, "a") + ":/b",
		".:/b":                      here + ":/b",
		"../x:/b:bind-nonrecursive": filepath.Join(filepath.Dir(here), "x") + ":/b:bind-nonrecursive",
	} {
		got, err := flagx.ParseVolume(in)
		if err != nil || got != want {
			t.Errorf("%q: got %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestParseVolumeErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":             "expected HOST:CONTAINER",
		"/a:":          "expected HOST:CONTAINER",
		":/a":          "expected HOST:CONTAINER",
		"/a:/b:ro:x":   "expected HOST:CONTAINER",
		"/a":           "anonymous volume",
		"data:/b":      `volume "data": named volumes are not supported`,
		"rel/x:/b":     "begin a relative path with ./",
		"/a:b":         "mount path must be absolute",
		"/a:/":         "destination can't be '/'",
		"/a:/..":       "destination can't be '/'",
		"/a:/b:zz":     "invalid mode: zz",
		"/a:/b:ro,rw":  "invalid mode: ro,rw",
		"/a:/b:":       "invalid mode",
		"/a:/b:ro,":    "invalid mode",
		"/a:/b:nocopy": "invalid mode",
	} {
		if got, err := flagx.ParseVolume(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %q, %v; want %q", in, got, err, want)
		}
	}
}

// A bind that was accepted has an absolute source and target, and is accepted
// unchanged a second time.
func FuzzParseVolume(f *testing.F) {
	for _, s := range []string{"/a:/b", "./a:/b:ro", "/a:/b:ro,z", "x:/y", "/a:/../b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		first, err := flagx.ParseVolume(s)
		if err != nil {
			return
		}
		parts := strings.Split(first, ":")
		if len(parts) < 2 || !filepath.IsAbs(parts[0]) || !filepath.IsAbs(parts[1]) {
			if strings.Contains(s, ".") { // the folder of the test may hold a colon
				t.Skip()
			}
			t.Fatalf("%q: %q", s, first)
		}
		if second, err := flagx.ParseVolume(first); err != nil || second != first {
			t.Fatalf("%q: %q, %v", first, second, err)
		}
	})
}

func FuzzMountFlag(f *testing.F) {
	for _, s := range []string{"type=bind,src=/a,dst=/b,ro", "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1777", "type=volume,dst=/v", `type=bind,"src=/a,b",dst=/c`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var m opts.MountOpt
		if m.Set(s) != nil {
			return
		}
		opts, err := parse(t, "--mount", s, "image")
		if err != nil {
			return
		}
		for _, got := range opts.HostConfig.Mounts {
			if got.Type != "bind" && got.Type != "tmpfs" || !filepath.IsAbs(got.Target) {
				t.Fatalf("%q: %+v", s, got)
			}
		}
	})
}
