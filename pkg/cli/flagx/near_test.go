package flagx

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestDistance(t *testing.T) {
	for words, want := range map[string]int{"a a": 0, "name nmae": 1, "name names": 1, "name nam": 1, "name nane": 1, "abc xyz": 3, "network net-work": 1, " x": 1} {
		a, b, _ := strings.Cut(words, " ")
		if got := distance(a, b); got != want || distance(b, a) != want {
			t.Errorf("%s: %d", words, got)
		}
	}
}

func TestUnknownFlagSuggests(t *testing.T) {
	for flag, want := range map[string]string{
		"--nmae":     "unknown flag: --nmae, did you mean --name?",
		"--netwrk=x": "unknown flag: --netwrk, did you mean --network?",
		"--zzz":      "unknown flag: --zzz",
		"--secrt":    "unknown flag: --secrt",
		"-z":         "unknown shorthand flag: 'z' in -z",
	} {
		cmd := &cobra.Command{Use: "x", RunE: func(*cobra.Command, []string) error { return nil }}
		for _, name := range []string{"name", "network", "env", "secret"} {
			cmd.Flags().String(name, "", "")
		}
		_ = cmd.Flags().MarkHidden("secret")
		if err := FlagError(cmd, cmd.ParseFlags([]string{flag})); err == nil || err.Error() != want {
			t.Errorf("%s: %v", flag, err)
		}
	}
}
