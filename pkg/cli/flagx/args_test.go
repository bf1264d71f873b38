package flagx_test

import (
	"errors"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

func command(use string) *cobra.Command {
	root := &cobra.Command{Use: "nerd"}
	cmd := &cobra.Command{Use: use, RunE: func(*cobra.Command, []string) error { return nil }}
	root.AddCommand(cmd)
	return cmd
}

func TestArgs(t *testing.T) {
	for _, tc := range []struct {
		name  string
		check cobra.PositionalArgs
		args  []string
		want  string
	}{
		{"none", flagx.NoArgs, nil, ""},
		{"none but one", flagx.NoArgs, []string{"a"}, `"nerd verb" accepts no arguments`},
		{"exactly two", flagx.ExactArgs(2), []string{"a", "b"}, ""},
		{"not two", flagx.ExactArgs(2), []string{"a"}, `"nerd verb" requires exactly 2 arguments`},
		{"at least one", flagx.MinArgs(1), nil, `"nerd verb" requires at least 1 argument`},
		{"at most one", flagx.MaxArgs(1), []string{"a", "b"}, `"nerd verb" requires at most 1 argument`},
		{"one or two", flagx.RangeArgs(1, 2), []string{"a", "b"}, ""},
		{"not three", flagx.RangeArgs(1, 2), []string{"a", "b", "c"}, `"nerd verb" requires at least 1 and at most 2 arguments`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.check(command("verb"), tc.args)
			if tc.want == "" {
				if err != nil {
					t.Fatalf("got %v", err)
				}
				return
			}
			var usage *flagx.UsageError
			if !errors.As(err, &usage) || err.Error() != tc.want || usage.Code != flagx.ExitBadArgs || usage.Command != "nerd verb" {
				t.Fatalf("got %#v, want %q", err, tc.want)
			}
		})
	}
}

func TestUnknownCommandSuggests(t *testing.T) {
	root := command("start").Root()
	err := flagx.NoArgs(root, []string{"strat"})
	if want := "'strat' is not a nerd command, did you mean 'start'?"; err == nil || err.Error() != want {
		t.Fatalf("got %v, want %q", err, want)
	}
	if err := flagx.NoArgs(root, []string{"zzzzzz"}); err.Error() != "'zzzzzz' is not a nerd command" {
		t.Fatalf("got %v", err)
	}
}

func TestFlagError(t *testing.T) {
	cmd := command("verb")
	if flagx.FlagError(cmd, nil) != nil {
		t.Fatal("nil became an error")
	}
	err := flagx.FlagError(cmd, errors.New("bad"))
	var usage *flagx.UsageError
	if !errors.As(err, &usage) || usage.Code != 125 {
		t.Fatalf("got %#v", err)
	}
	var again *flagx.UsageError
	if !errors.As(flagx.FlagError(cmd, err), &again) || again != usage {
		t.Fatal("wrapped twice")
	}
}

func TestUnsupported(t *testing.T) {
	err := flagx.Unsupported("--x is", "use --y")
	if err.Error() != "--x is not supported: use --y" || !errdefs.IsNotImplemented(err) {
		t.Fatalf("got %v", err)
	}
}
