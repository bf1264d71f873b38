// Package remote runs a command on another machine: nerd is called there over SSH,
// with the rest of the same command line.
package remote

import (
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/config"
	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/state"
)

// local are the commands that concern this machine whatever the context is.
var local = []string{"context", "config", "completion", "help", "internal", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd}

// files are the commands that work on files of the machine on which they are
// typed. Where an operand - turns one into a stream, it can be sent.
var files = map[string]func(args []string) bool{
	"build": never, "buildx": never, "builder": never, "compose": never, "image build": never,
	"cp": hasDash, "container cp": hasDash,
	"import": firstIsStream, "image import": firstIsStream,
}

func never([]string) bool        { return false }
func hasDash(args []string) bool { return slices.Contains(args, "-") }
func firstIsStream(args []string) bool {
	return len(args) > 0 && (args[0] == "-" || strings.Contains(args[0], "://"))
}

// fileFlags name files of the machine on which they are typed.
var fileFlags = []string{"env-file", "label-file", "cidfile", "input", "output", "hosts-dir"}

// Forwards tells whether a command is run where the containers are.
func Forwards(cmd *cobra.Command) bool {
	return !slices.Contains(local, top(cmd))
}

// top is the first word of a command below the program's name.
func top(cmd *cobra.Command) string {
	words := strings.Fields(cmd.CommandPath())
	if len(words) < 2 {
		return "help"
	}
	return words[1]
}

// Check is an error if a command line needs files that SSH does not carry.
func Check(cmd *cobra.Command, args []string, host string) error {
	hint := func(err error) error {
		return errs.WithHint(err, "run it there: ssh %s", strings.ReplaceAll(strings.Join(destination(host), " "), "-- ", ""))
	}
	path := strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
	for _, name := range []string{path, top(cmd)} {
		if streams, ok := files[name]; ok && !streams(args) {
			return hint(fmt.Errorf("%q works on files of this machine, which the context does not carry to %s", path, host))
		}
	}
	var err error
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if slices.Contains(fileFlags, flag.Name) && err == nil {
			err = hint(fmt.Errorf("--%s names a file of this machine, which the context does not carry to %s", flag.Name, host))
		}
	})
	return err
}

// destination is an address as ssh's command line takes it.
func destination(host string) []string {
	u, err := url.Parse(host)
	if err != nil {
		return []string{"--", host}
	}
	var out []string
	if port := u.Port(); port != "" {
		out = append(out, "-p", port)
	}
	if u.User != nil {
		return append(out, "--", u.User.Username()+"@"+u.Hostname())
	}
	return append(out, "--", u.Hostname())
}

// Argv is the command line of ssh that runs nerd with words on the machine of
// cfg.Remote; program is ssh's path. A terminal is asked for where there is one.
func Argv(program string, cfg *config.Config, words []string, terminal bool) []string {
	tty := "-T"
	if terminal {
		tty = "-t"
	}
	argv := append([]string{program, tty, "-o", "ConnectTimeout=30"}, destination(cfg.Remote)...)
	argv = append(argv, "nerd")
	for _, word := range slices.Concat(settings(cfg), words) {
		argv = append(argv, Quote(word))
	}
	return argv
}

// settings are the global flags that the other side needs: what differs from
// what is the case without any.
func settings(cfg *config.Config) []string {
	var out []string
	for _, s := range []struct{ flag, value, usual string }{
		{"--namespace", cfg.Namespace, state.DefaultNamespace},
		{"--data-root", cfg.DataRoot, state.DefaultDataRoot},
		{"--run-root", cfg.RunRoot, state.DefaultRunRoot},
		{"--snapshotter", cfg.Snapshotter, ""},
		{"--log-level", cfg.LogLevel, ""},
	} {
		if s.value != s.usual {
			out = append(out, s.flag, s.value)
		}
	}
	for _, s := range []struct {
		flag string
		on   bool
	}{{"--debug", cfg.Debug}, {"--force-foreign", cfg.ForceForeign}, {"--insecure-registry", slices.Contains(cfg.InsecureRegistries, "*")}} {
		if s.on {
			out = append(out, s.flag)
		}
	}
	return out
}

// Quote makes one word of a POSIX shell of any text: ssh hands its words to the
// shell of the other side.
func Quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:=,@%+", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// Words are the words of a command line from the command's name on. The global
// flags before it are for this side; chosen tells whether one of all the flags
// chose the machine, which then has to be among them.
func Words(root *cobra.Command, args []string, chosen bool) ([]string, error) {
	var (
		flags = root.Flags()
		here  = !chosen
	)
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case strings.HasPrefix(arg, "--") && arg != "--":
			name, _, hasValue := strings.Cut(arg[2:], "=")
			here = here || slices.Contains(choosing, name)
			if flag := flags.Lookup(name); !hasValue && flag != nil && flag.NoOptDefVal == "" {
				i++
			}
		case strings.HasPrefix(arg, "-") && len(arg) > 1 && arg != "--":
			here = here || strings.ContainsAny(arg, "cHa")
			if takesNext(flags, arg[1:]) {
				i++
			}
		case !here:
			return nil, fmt.Errorf("--context, --host and --address have to stand before %q to choose another machine", arg)
		default:
			return args[i:], nil
		}
	}
	return nil, nil
}

// choosing are the global flags by which a machine is chosen.
var choosing = []string{"context", "host", "address"}

// takesNext tells whether the last of some shorthands takes the next word.
func takesNext(flags *pflag.FlagSet, letters string) bool {
	for j := range len(letters) {
		if flag := flags.ShorthandLookup(letters[j : j+1]); flag != nil && flag.NoOptDefVal == "" {
			return j == len(letters)-1 // else the rest is the value
		}
	}
	return false
}

// Program finds ssh.
func Program() (string, error) {
	path, err := exec.LookPath("ssh")
	if errors.Is(err, exec.ErrNotFound) {
		return "", errs.WithHint(errors.New("ssh is not installed"), "the context leads to another machine; install openssh-client")
	}
	return path, err
}
