package flagx_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

func TestParseVolume(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string][2]string{
		"/a:/b":            {"/a:/b"},
		"/a:/b:ro,z":       {"/a:/b:ro,z"},
		"./a:/b":           {filepath.Join(here, "a") + ":/b"},
		".:/b":             {here + ":/b"},
		"../x:/b:rshared":  {filepath.Join(filepath.Dir(here), "x") + ":/b:rshared"},
		"data:/b":          {"data:/b"},
		"data:/b:nocopy":   {"data:/b:nocopy"},
		"/anonymous":       {"", "/anonymous"},
		"relative":         {"", "relative"},
		"a:b:c:d":          {"a:b:c:d"}, // refused where the container is planned
		":":                {":"},
		"/with space:/b/c": {"/with space:/b/c"},
	} {
		bind, anonymous, err := flagx.ParseVolume(in)
		if got := [2]string{bind, anonymous}; err != nil || got != want {
			t.Errorf("%q: got %q, %v; want %q", in, got, err, want)
		}
	}
	if _, _, err := flagx.ParseVolume(""); err == nil || err.Error() != "invalid empty volume spec" {
		t.Errorf("empty: %v", err)
	}
}

// It is one or the other, and what has become a bind stays as it is.
func FuzzParseVolume(f *testing.F) {
	for _, s := range []string{"/a:/b", "./a:/b:ro", "x", ":", "a:", ".:.", "..:/x:z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		bind, anonymous, err := flagx.ParseVolume(in)
		if err != nil {
			return
		}
		if (bind == "") == (anonymous == "") || strings.Contains(in, ":") != (bind != "") {
			t.Errorf("%q: %q, %q", in, bind, anonymous)
		}
		if bind == "" {
			return
		}
		if again, _, err := flagx.ParseVolume(bind); again != bind || err != nil {
			t.Errorf("%q: %q became %q, %v", in, bind, again, err)
		}
	})
}
