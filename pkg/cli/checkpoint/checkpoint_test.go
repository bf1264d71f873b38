package checkpoint

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/container"
)

func TestFlags(t *testing.T) {
	for _, tc := range []struct {
		make func(*factory.Factory, func(context.Context, *Options) error) *cobra.Command
		args string
		want string // container name dir leave; empty: refused
	}{
		{NewCmdCreate, "c n", "c n  false"},
		{NewCmdCreate, "--checkpoint-dir /d --leave-running c n", "c n /d true"},
		{NewCmdCreate, "c", ""},
		{NewCmdCreate, "c n x", ""},
		{NewCmdList, "c --checkpoint-dir=/d", "c  /d false"},
		{NewCmdList, "c n", ""},
		{NewCmdList, "--leave-running c", ""},
		{NewCmdRemove, "c n", "c n  false"},
		{NewCmdRemove, "", ""},
	} {
		var got string
		ios, _, _, _ := iostreams.Test()
		cmd := tc.make(&factory.Factory{IO: ios}, func(_ context.Context, o *Options) error {
			leave := "false"
			if o.LeaveRunning {
				leave = "true"
			}
			got = strings.Join([]string{o.Container, o.Checkpoint.Name, o.Checkpoint.Dir, leave}, " ")
			return nil
		})
		cmd.SetArgs(strings.Fields(tc.args))
		cmd.SetOut(&bytes.Buffer{})
		cmd.SetErr(&bytes.Buffer{})
		if err := cmd.Execute(); (err != nil) != (tc.want == "") || got != tc.want {
			t.Errorf("%s: %q, %v", tc.args, got, err)
		}
	}
}

type service struct{ err error }

func (s service) CreateCheckpoint(context.Context, string, container.Checkpoint, bool) error {
	return s.err
}

func (s service) Checkpoints(context.Context, string, string) ([]string, error) {
	return []string{"a", "b"}, s.err
}

func (s service) RemoveCheckpoint(context.Context, string, container.Checkpoint) error { return s.err }

func TestRun(t *testing.T) {
	for _, tc := range []struct {
		run  func(context.Context, *Options) error
		want string
	}{{runCreate, "n\n"}, {runList, "CHECKPOINT NAME\na\nb\n"}, {runRemove, ""}} {
		for _, failure := range []error{nil, errors.New("no")} {
			ios, _, out, _ := iostreams.Test()
			o := &Options{IO: ios, Checkpoint: container.Checkpoint{Name: "n"}, Service: func(context.Context) (Service, error) { return service{failure}, nil }}
			want := tc.want
			if failure != nil {
				want = ""
			}
			if err := tc.run(t.Context(), o); !errors.Is(err, failure) || out.String() != want {
				t.Errorf("%q, %v", out.String(), err)
			}
		}
	}
}
