package compose

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/errs"
)

var record = flag.Bool("record", false, "write what `docker compose` on PATH prints into testdata/config instead of comparing")

// Each file of testdata/config is a folder with a project, and command lines in
// its head. "docker N" is what Docker Compose 2.26 has printed for the Nth of
// them. Where nerd differs on purpose, a comment in the head says why and
// "nerd N" is what it prints.
func TestConfigLikeDocker(t *testing.T) {
	paths, err := filepath.Glob("testdata/config/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no cases", err)
	}
	for _, path := range paths {
		if path, err = filepath.Abs(path); err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			dir := unpack(t, archive)
			if *record {
				recordDocker(t, path, archive, dir)
			}
			compareConfig(t, archive, dir)
		})
	}
}

// commandLines are those of a case's head that are no comments.
func commandLines(a *txtar.Archive) []string {
	var out []string
	for line := range strings.Lines(string(a.Comment)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out
}

// unpack writes the project's files, and makes its folder the current one.
func unpack(t *testing.T, a *txtar.Archive) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "project")
	for _, f := range a.Files {
		if strings.HasPrefix(f.Name, "docker ") || strings.HasPrefix(f.Name, "nerd ") {
			continue
		}
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return dir
}

// tidy leaves out what differs from run to run, so that it can be compared.
func tidy(out []byte, dir string) []byte {
	out = bytes.ReplaceAll(out, []byte(filepath.Dir(dir)), []byte("/TMP"))
	if len(out) > 0 && out[len(out)-1] != '\n' {
		out = append(out, '\n') // a file of the archive ends so
	}
	return out
}

func recordDocker(t *testing.T, path string, a *txtar.Archive, dir string) {
	t.Helper()
	var files []txtar.File
	own := map[string]bool{}
	for _, f := range a.Files {
		switch {
		case strings.HasPrefix(f.Name, "nerd "):
			own[f.Name] = true
		case !strings.HasPrefix(f.Name, "docker "):
			files = append(files, f)
		}
	}
	for i, line := range commandLines(a) {
		cmd := exec.Command("docker", append([]string{"compose"}, strings.Fields(line)...)...)
		cmd.Dir = dir
		cmd.Env = []string{"HOME=/home/user", "PATH=" + os.Getenv("PATH"), "DOCKER_HOST=" + os.Getenv("DOCKER_HOST"), "DOCKER_CONFIG=" + os.Getenv("DOCKER_CONFIG")}
		out, err := cmd.Output()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			out = fmt.Appendf(out, "exit %d: %s", exit.ExitCode(), exit.Stderr)
		} else if err != nil {
			t.Fatal(err)
		}
		files = append(files, txtar.File{Name: fmt.Sprintf("docker %d", i+1), Data: tidy(out, dir)})
		if name := fmt.Sprintf("nerd %d", i+1); own[name] {
			files = append(files, txtar.File{Name: name, Data: tidy(configText(t, line), dir)})
		}
	}
	a.Files = files
	if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}

func compareConfig(t *testing.T, a *txtar.Archive, dir string) {
	t.Helper()
	want := map[string][]byte{}
	for _, f := range a.Files {
		want[f.Name] = f.Data
	}
	for i, line := range commandLines(a) {
		wanted, ok := want[fmt.Sprintf("nerd %d", i+1)]
		if !ok {
			wanted = want[fmt.Sprintf("docker %d", i+1)]
		}
		if got := tidy(configText(t, line), dir); !alike(line, string(wanted), string(got)) {
			t.Errorf("%s:\n%s", line, difference(string(wanted), string(got)))
		}
	}
}

// alike: byte for byte, but for lists, whose order is by chance with Docker, and
// errors, of which file, line and a hint may be more.
func alike(line, want, got string) bool {
	fields := strings.Fields(line)
	switch last := fields[len(fields)-1]; {
	case strings.HasPrefix(want, "exit "):
		code, text, _ := strings.Cut(strings.TrimSpace(want), ": ")
		return strings.HasPrefix(got, code+": ") && strings.Contains(strings.ToLower(got), strings.ToLower(text))
	case slices.Contains([]string{"--services", "--images", "--volumes", "--profiles", "--variables"}, last):
		w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
		slices.Sort(w)
		slices.Sort(g)
		return slices.Equal(w, g)
	}
	return want == got
}

// configText runs a command line of `nerd compose` with nothing in the environment
// but a home.
func configText(t *testing.T, line string) []byte {
	t.Helper()
	for _, e := range os.Environ() {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value) // is put back afterwards
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", "/home/user")
	streams, _, out, _ := iostreams.Test()
	cmd := NewCmdCompose(&factory.Factory{IO: streams}, nil)
	cmd.SetArgs(strings.Fields(line))
	cmd.SetOut(out)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		return fmt.Appendf(out.Bytes(), "exit %d: %v", errs.Code(err, 1), err)
	}
	return out.Bytes()
}

// difference shows the lines in which two texts differ first.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	i := 0
	for i < len(w) && i < len(g) && w[i] == g[i] {
		i++
	}
	show := func(lines []string) string {
		return strings.Join(lines[max(0, min(i-2, len(lines))):min(len(lines), i+6)], "\n")
	}
	return fmt.Sprintf("line %d: want\n%s\n--- got\n%s", i+1, show(w), show(g))
}
