package build

import (
	"context"
	"strings"
	"testing"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
)

// noted is a Runner that keeps what it was asked.
type noted struct{ built *Options }

func (n *noted) Build(_ context.Context, o *Options) error { n.built = o; return nil }

func (*noted) Bake(context.Context, *BakeOptions) error { return nil }

func (*noted) Prune(context.Context, *PruneOptions) error { return nil }

func (*noted) Show(context.Context, *ShowOptions) error { return nil }

func (*noted) DiskUsage(context.Context, *UsageOptions) error { return nil }

func TestBuildFlags(t *testing.T) {
	for line, want := range map[string]string{
		".":                               "",
		"-t a -f - --ulimit nofile=1:2 .": "",
		"":                                "requires exactly 1 argument",
		"a b":                             "requires exactly 1 argument",
		"--progress nice .":               "invalid progress mode nice",
		"--call nothing .":                "invalid call",
		"-q --progress plain .":           "cannot be used together",
		"--check --call outline .":        "cannot be used together",
		"--builder other .":               "no builder",
		"--policy x .":                    "not supported",
		"--shm-size x .":                  "invalid",
	} {
		streams, _, _, errOut := iostreams.Test()
		r := &noted{}
		cmd := NewCmdBuild(&factory.Factory{IO: streams}, r)
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		cmd.SetArgs(strings.Fields(line))
		err := cmd.ExecuteContext(t.Context())
		if want == "" {
			if err != nil || r.built == nil || errOut.Len() > 0 {
				t.Errorf("%q: %v %q", line, err, errOut)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || r.built != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// A flag without an effect is said to have none.
func TestUnusedFlags(t *testing.T) {
	streams, _, _, errOut := iostreams.Test()
	cmd := NewCmdBuild(&factory.Factory{IO: streams}, &noted{})
	cmd.SetArgs([]string{"--memory", "1g", "--rm", "."})
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := errOut.String(); !strings.Contains(got, "--memory has no effect") || strings.Contains(got, "--rm") {
		t.Errorf("%q", got)
	}
}
