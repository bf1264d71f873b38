package remote

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/config"
)

func tree() *cobra.Command {
	root := &cobra.Command{Use: "nerd"}
	root.Flags().StringP("context", "c", "", "")
	root.Flags().StringP("host", "H", "", "")
	root.Flags().BoolP("debug", "D", false, "")
	for _, name := range []string{"ps", "cp", "build", "context", "run", "load"} {
		sub := &cobra.Command{Use: name, Run: func(*cobra.Command, []string) {}}
		sub.Flags().StringP("input", "i", "", "")
		root.AddCommand(sub)
	}
	root.AddCommand(&cobra.Command{Use: "import", Run: func(*cobra.Command, []string) {}})
	return root
}

// TestWords: what stands before the command's name is for this side.
func TestWords(t *testing.T) {
	for _, tc := range []struct{ line, want string }{
		{"ps -a", "ps -a"},
		{"-c far ps", "ps"},
		{"-cfar ps", "ps"},
		{"--context far -D ps -q", "ps -q"},
		{"--context=far ps", "ps"},
		{"-Dc far ps", "ps"},
		{"-H ssh://h run --rm -c 512 image sh -c x", "run --rm -c 512 image sh -c x"},
		{"-c far run image prog --context y", "run image prog --context y"},
	} {
		got, err := Words(tree(), strings.Fields(tc.line), true)
		if tc.line == "ps -a" { // nothing here chooses a machine, so it came later
			if err == nil {
				t.Error("no error for a machine that is chosen too late")
			}
			got, err = Words(tree(), strings.Fields(tc.line), false)
		}
		if err != nil || strings.Join(got, " ") != tc.want {
			t.Errorf("%s: %q, %v", tc.line, got, err)
		}
	}
}

func TestCheck(t *testing.T) {
	for line, want := range map[string]string{
		"ps":                "",
		"cp a:/x b":         `"cp" works on files of this machine`,
		"cp a:/x -":         "",
		"build .":           `"build" works on files`,
		"load":              "",
		"load -i x.tar":     "--input names a file",
		"import -":          "",
		"import x.tar":      `"import" works on files`,
		"import http://h/x": "",
	} {
		root := tree()
		cmd, rest, err := root.Find(strings.Fields(line))
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err != nil {
			t.Fatal(err)
		}
		err = Check(cmd, cmd.Flags().Args(), "ssh://u@h:22")
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", line, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.HasSuffix(err.Error(), "run it there: ssh -p 22 u@h")):
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
	for name, want := range map[string]bool{"ps": true, "context": false} {
		cmd, _, err := tree().Find([]string{name})
		if err != nil || Forwards(cmd) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestArgv(t *testing.T) {
	cfg := &config.Config{Remote: "ssh://u@h:2222", Namespace: "k8s.io", DataRoot: "/var/lib/nerd", RunRoot: "/run/nerd", Debug: true}
	got := Argv("/usr/bin/ssh", cfg, []string{"run", "it's", ""}, false)
	want := []string{
		"/usr/bin/ssh", "-T", "-o", "ConnectTimeout=30", "-p", "2222", "--", "u@h",
		"nerd", "--namespace", "k8s.io", "--debug", "run", `'it'\''s'`, "''",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got := Argv("ssh", &config.Config{Remote: "ssh://[::1]", Namespace: "default", DataRoot: "/var/lib/nerd", RunRoot: "/run/nerd"}, []string{"ps"}, true); strings.Join(got, " ") != "ssh -t -o ConnectTimeout=30 -- ::1 nerd ps" {
		t.Errorf("got %q", got)
	}
}

// FuzzQuote: a shell gives back the very word.
func FuzzQuote(f *testing.F) {
	for _, word := range []string{"", "a b", "it's", "$(x)`y`", "\n", "--x=*", "\\", "é"} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		if strings.Contains(word, "\x00") {
			return
		}
		out, err := exec.Command("sh", "-c", "printf %s "+Quote(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("%q: %q, %v", word, out, err)
		}
	})
}
