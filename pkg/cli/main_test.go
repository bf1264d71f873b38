package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/config"
	"github.com/nerd-cli/nerd/pkg/errs"
)

func TestExitCode(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		want int
		text string
	}{
		{"success", nil, 0, ""},
		{"failure", errors.New("no such thing"), 1, "nerd: no such thing\n"},
		{"exit of a container", &errs.Exit{Code: 42}, 42, ""},
		{"exit with a reason", &errs.Exit{Code: 125, Err: errors.New("bad")}, 125, "nerd: bad\n"},
		{"not found", &errs.Start{Code: 127, Err: errors.New("not found")}, 127, "nerd: not found\n"},
		{"wrapped", fmt.Errorf("run: %w", &errs.Start{Code: 126, Err: errors.New("denied")}), 126, "nerd: run: denied\n"},
		{"usage", &flagx.UsageError{Command: "nerd run", Code: 125, Err: errors.New("bad flag")}, 125, "nerd: bad flag\nSee 'nerd run --help'.\n"},
		{"many lines", fmt.Errorf("%s", "one\n two\r\n\nthree\n"), 1, "nerd: one; two; three\n"},
		{"hint", errs.WithHint(errors.New("no"), "do %d", 2), 1, "nerd: no: do 2\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ios, _, _, out := iostreams.Test()
			report(ios, tc.err)
			if got := exitCode(tc.err); got != tc.want || out.String() != tc.text {
				t.Fatalf("got %d, %q", got, out)
			}
		})
	}
}

func TestInterrupted(t *testing.T) {
	ios, _, _, out := iostreams.Test()
	if got := interrupted(ios, fmt.Errorf("list: %w", context.Canceled), syscall.SIGINT); got != 130 || out.Len() != 0 {
		t.Fatalf("got %d, %q", got, out)
	}
	if got := interrupted(ios, errors.New("disk full"), syscall.SIGTERM); got != 143 || out.String() != "nerd: disk full\n" {
		t.Fatalf("got %d, %q", got, out)
	}
}

// run is Main without a containerd: the socket does not exist.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Setenv("NERD_TOML", "")
	t.Setenv("NERD_ADDRESS", filepath.Join(t.TempDir(), "none.sock"))
	ios, _, out, errOut := iostreams.Test()
	code = Main(t.Context(), args, ios)
	return code, out.String(), errOut.String()
}

func TestMainUsage(t *testing.T) {
	for _, tc := range []struct {
		args   string
		code   int
		stderr string
	}{
		{"nosuch", 1, "nerd: 'nosuch' is not a nerd command\nSee 'nerd --help'.\n"},
		{"container nosuch", 1, "nerd: 'nosuch' is not a nerd container command\nSee 'nerd container --help'.\n"},
		{"--nosuch", 125, "nerd: unknown flag: --nosuch\nSee 'nerd --help'.\n"},
		{"--nosuch ps", 125, "nerd: unknown flag: --nosuch\nSee 'nerd --help'.\n"},
		{"-x ps", 125, "nerd: unknown shorthand flag: 'x' in -x\nSee 'nerd --help'.\n"},
		{"ps --nosuch", 125, "nerd: unknown flag: --nosuch\nSee 'nerd ps --help'.\n"},
		{"run --nosuch", 125, "nerd: unknown flag: --nosuch\nSee 'nerd run --help'.\n"},
		{"run -e", 125, "nerd: flag needs an argument: 'e' in -e\nSee 'nerd run --help'.\n"},
		{"run", 1, "nerd: \"nerd run\" requires at least 1 argument\nSee 'nerd run --help'.\n"},
		{"container run --restart x image", 125, ""},
		{"rm", 1, "nerd: \"nerd rm\" requires at least 1 argument\nSee 'nerd rm --help'.\n"},
		{"-H tcp://host ps", 125, "nerd: invalid argument \"tcp://host\" for \"-H, --host\" flag: host \"tcp://host\": only the path of a unix socket and ssh://[USER@]HOST[:PORT] can be used\nSee 'nerd --help'.\n"},
		{"--log-level x ps", 1, "nerd: log level \"x\": use trace, debug, info, warn, error, fatal or panic\n"},
	} {
		code, stdout, stderr := run(t, strings.Fields(tc.args)...)
		if code != tc.code || stdout != "" || tc.stderr != "" && stderr != tc.stderr {
			t.Errorf("%s: got %d, %q, %q", tc.args, code, stdout, stderr)
		}
	}
}

func TestVersionFlag(t *testing.T) {
	for _, flag := range []string{"--version", "-v"} {
		code, stdout, stderr := run(t, flag)
		if code != 0 || !strings.HasPrefix(stdout, "nerd version "+config.Version+", build ") || stderr != "" {
			t.Fatalf("got %d, %q, %q", code, stdout, stderr)
		}
	}
}

func TestHelp(t *testing.T) {
	for args, want := range map[string][]string{
		"":                {"Usage:  nerd [OPTIONS] COMMAND", "Common Commands:\n", "Management Commands:\n", "Global Options:\n", "Run 'nerd COMMAND --help'"},
		"--help":          {"Common Commands:\n"},
		"-h":              {"Common Commands:\n"},
		"help run":        {"Usage:  nerd run [OPTIONS] IMAGE [COMMAND] [ARG...]"},
		"run --help":      {"Aliases:\n  nerd container run, nerd run\n", "Examples:\n", "Options:\n", "--hostname string"},
		"ps -h":           {"Usage:  nerd ps [OPTIONS]\n"},
		"container":       {"Usage:  nerd container COMMAND\n", "Commands:\n  attach "},
		"run -h h --help": {"Usage:  nerd run"},
	} {
		code, stdout, stderr := run(t, strings.Fields(args)...)
		if code != 0 || stderr != "" {
			t.Errorf("%q: got %d, %q", args, code, stderr)
		}
		for _, text := range want {
			if !strings.Contains(stdout, text) {
				t.Errorf("%q: no %q in\n%s", args, text, stdout)
			}
		}
	}
}

func TestGlobalFlags(t *testing.T) {
	value := func(p *string) string {
		if p == nil {
			return "-"
		}
		return *p
	}
	for args, want := range map[string]string{
		"ps":                    "- - - -",
		"-n a ps":               "a - - -",
		"ps --namespace a":      "a - - -",
		"-n a ps --namespace b": "b - - -",
		"--address /x ps":       "- /x - -",
		"-a unix:///x ps -a":    "- /x - -",
		"-H unix:///y ps":       "- /y - -",
		"--data-root /d --snapshotter native ps -n 3": "- - /d native",
		"container ps --data-root /d":                 "- - /d -",
	} {
		var g globalFlags
		ios, _, _, _ := iostreams.Test()
		none := func() (*config.Config, error) { return &config.Config{}, nil }
		root := NewCmdRoot(&factory.Factory{IO: ios, Signals: &factory.Signals{}, Config: none}, &g, nil)
		root.SetArgs(strings.Fields(args))
		var got string
		stub(root, func() {
			v := g.values()
			got = fmt.Sprint(value(v.Namespace), " ", value(v.Address), " ", value(v.DataRoot), " ", value(v.Snapshotter))
		})
		if err := root.Execute(); err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", args, got, err, want)
		}
	}
}

// stub makes every command call fn instead of its own work.
func stub(cmd *cobra.Command, fn func()) {
	cmd.RunE = func(*cobra.Command, []string) error { fn(); return nil }
	for _, sub := range cmd.Commands() {
		stub(sub, fn)
	}
}

func walk(cmd *cobra.Command, fn func(*cobra.Command)) {
	fn(cmd)
	for _, sub := range cmd.Commands() {
		if !sub.Hidden && sub.Name() != "help" && sub.Name() != "completion" {
			walk(sub, fn)
		}
	}
}

// takesFiles are the commands whose arguments the shell completes by itself.
var takesFiles = []string{"import", "load", "preload"}

// The help of every command reads alike.
func TestTree(t *testing.T) {
	ios, _, _, _ := iostreams.Test()
	root := NewCmdRoot(&factory.Factory{IO: ios, Signals: &factory.Signals{}}, &globalFlags{}, nil)
	examples := strings.Fields("run create start stop kill rm ps logs exec attach inspect port version info")
	for _, name := range examples {
		cmd, _, err := root.Find([]string{name})
		if err != nil || cmd.Example == "" {
			t.Errorf("%s has no example: %v", name, err)
		}
	}
	walk(root, func(cmd *cobra.Command) {
		path := cmd.CommandPath()
		first := []rune(cmd.Short + " ")[0]
		if !unicode.IsUpper(first) && !strings.HasPrefix(cmd.Short, "nerd") || strings.HasSuffix(cmd.Short, ".") || len(cmd.Short) > 110 {
			t.Errorf("%s: short help %q", path, cmd.Short)
		}
		if cmd.RunE == nil || cmd.Args == nil {
			t.Errorf("%s: nothing runs, or arguments are not checked", path)
		}
		if !cmd.HasSubCommands() && cmd.ValidArgsFunction == nil && !slices.Contains(takesFiles, cmd.Name()) {
			t.Errorf("%s: no completion of its arguments", path)
		}
		for line := range strings.Lines(cmd.Example) {
			if !strings.HasPrefix(line, "  ") {
				t.Errorf("%s: example %q is not indented by two spaces", path, line)
			}
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Hidden {
				return
			}
			sentences := strings.Contains(f.Usage, ". ") || strings.Contains(f.Usage, "\n")
			if f.Usage == "" || unicode.IsLower([]rune(f.Usage)[0]) || strings.HasSuffix(f.Usage, ".") && !sentences {
				t.Errorf("%s --%s: help %q", path, f.Name, f.Usage)
			}
		})
	})
}

// Making the tree, help and completion of flags reach for nothing.
func TestNothingIsDialled(t *testing.T) {
	for _, args := range []string{"--version", "--help", "run --help", "run --nosuch", "__complete run --pull ", "__complete run --net", "completion bash"} {
		ios, _, _, _ := iostreams.Test()
		f := factory.New(ios, func(string) (string, bool) {
			t.Errorf("%s: the environment was read", args)
			return "", false
		}, func() config.Flags { return config.Flags{} })
		root := NewCmdRoot(f, &globalFlags{}, nil)
		root.SetArgs(strings.Split(args, " "))
		_ = root.ExecuteContext(t.Context())
	}
}

func TestNotRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		code, _, stderr := run(t, "ps")
		if code != 1 || !strings.Contains(stderr, "sudo") {
			t.Fatalf("got %d, %q", code, stderr)
		}
		return
	}
	code, _, stderr := run(t, "ps")
	if code == 0 || strings.Count(stderr, "\n") != 1 {
		t.Fatalf("got %d, %q", code, stderr)
	}
}
