package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/config"
)

func show(t *testing.T, vars map[string]string, words ...string) (string, string, error) {
	t.Helper()
	ios, _, out, errOut := iostreams.Test()
	env := func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
	f := &factory.Factory{IO: ios, Config: func() (*config.Config, error) { return config.Load(config.Flags{}, env) }}
	cmd := NewCmdShow(f, nil)
	cmd.SetArgs(words)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.ExecuteContext(t.Context())
	return out.String(), errOut.String(), err
}

// TestRoundTrip: what is shown is a nerd.toml that gives the same settings.
func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nerd.toml")
	text := "namespace = \"a'b\\\"c\"\ninsecure_registries = ['x', 'y']\n[log.opts]\nmax-size = '1m'\n[runtimes.r]\npath = '/r'\n[runtimes.r.options]\nn = 3\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	first, _, err := show(t, map[string]string{"NERD_TOML": path, "HOME": "/h"}, "--origin")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(first, "# file "+path) {
		t.Errorf("no origin in\n%s", first)
	}
	var parsed map[string]any
	if err := toml.Unmarshal([]byte(first), &parsed); err != nil {
		t.Fatalf("%v in\n%s", err, first)
	}
	if err := os.WriteFile(path, []byte(first), 0o600); err != nil {
		t.Fatal(err)
	}
	second, _, err := show(t, map[string]string{"NERD_TOML": path})
	plain, _, _ := show(t, map[string]string{"NERD_TOML": path, "HOME": "/elsewhere"})
	if err != nil || second != plain || !strings.Contains(second, `runtimes.r.options.n = 3`) {
		t.Errorf("%v\n%s\n%s", err, second, plain)
	}
}

func TestJSON(t *testing.T) {
	vars := map[string]string{"NERD_NAMESPACE": "x", "HOME": t.TempDir()}
	out, _, err := show(t, vars, "-f", "json", "--origin")
	var got map[string]struct {
		Value  any
		Origin string
	}
	if err == nil {
		err = json.Unmarshal([]byte(out), &got)
	}
	if v := got["namespace"]; err != nil || v.Value != "x" || v.Origin != "environment NERD_NAMESPACE" {
		t.Errorf("%v, %v", v, err)
	}
	if _, _, err := show(t, vars, "-f", "xml"); err == nil {
		t.Error("no error")
	}
}

func TestIgnored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nerdctl.toml")
	if err := os.WriteFile(path, []byte("cni_path = '/x'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stderr, err := show(t, map[string]string{"NERDCTL_TOML": path})
	if want := "Warning: cni_path in " + path + " has no counterpart and is ignored\n"; stderr != want || err != nil {
		t.Errorf("%q, %v", stderr, err)
	}
}
