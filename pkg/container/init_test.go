package container

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/container/spec"
)

func TestAddInit(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "init")
	if err := os.WriteFile(binary, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	yes, no := true, false
	for _, c := range []struct {
		name   string
		asked  *bool
		pid    container.PidMode
		common bool
		want   bool
	}{
		{"not asked", nil, "", false, false},
		{"asked", &yes, "", false, true},
		{"refused", &no, "", true, false},
		{"the rule", nil, "", true, true},
		{"the host's", &yes, "host", false, false},
		{"another's", &yes, "container:x", false, false},
	} {
		s := &Service{cfg: Config{Init: Init{Binary: binary, Default: c.common}}}
		p := &plan{}
		p.HostConfig = &container.HostConfig{Init: c.asked, PidMode: c.pid}
		in := spec.Input{Args: []string{"a", "b"}}
		if err := s.addInit(p, &in); err != nil {
			t.Fatal(err)
		}
		if got := slices.Equal(in.Args, []string{"/sbin/docker-init", "--", "a", "b"}); got != c.want {
			t.Errorf("%s: %v", c.name, in.Args)
		}
		if c.want != (len(in.Mounts) == 1) || c.want && (in.Mounts[0].Source != binary || !slices.Contains(in.Mounts[0].Options, "ro")) {
			t.Errorf("%s: %v", c.name, in.Mounts)
		}
	}
}

func TestInitIsMissing(t *testing.T) {
	yes := true
	for _, path := range []string{"", "nerd-init", "/nonexistent", t.TempDir()} {
		s := &Service{cfg: Config{Init: Init{Binary: path}}}
		p := &plan{}
		p.HostConfig = &container.HostConfig{Init: &yes}
		if err := s.addInit(p, &spec.Input{}); err == nil || !strings.Contains(err.Error(), "init_binary") {
			t.Errorf("%q: %v", path, err)
		}
	}
}
