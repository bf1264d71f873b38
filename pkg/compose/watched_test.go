package compose

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nerd-cli/nerd/pkg/compose/watch"
	"github.com/nerd-cli/nerd/pkg/container"
)

const watchedFile = `
services:
  web:
    build: {context: ., dockerfile_inline: "FROM img"}
    develop:
      watch:
        - {action: sync, path: src, target: /app/src}
        - {action: sync+restart, path: conf, target: /etc/conf}
        - {action: sync+exec, path: hook, target: /hook, exec: {command: reload}}
        - {action: restart, path: re}
        - {action: rebuild, path: Dockerfile}
  other: {image: img}
`

func TestReact(t *testing.T) {
	p := project(t, watchedFile)
	all, rules, err := WatchRules(p)
	if err != nil || len(all) != 5 || !Rebuilds(all) || Rebuilds(all[:4]) || rules[0].Context != p.WorkingDir {
		t.Fatalf("%+v, %v", rules, err)
	}
	at := func(rule int) string { return rules[rule].Path }
	change := func(rule int, rel string) watch.Change {
		return watch.Change{Rule: rule, Path: filepath.Join(at(rule), rel)}
	}
	got := React(all, at, []watch.Change{change(0, "a/b"), change(1, "."), change(2, "x"), change(2, "y")})
	if len(got) != 1 || !got[0].Restart || got[0].Rebuild || len(got[0].Exec) != 1 {
		t.Fatalf("%+v", got)
	}
	var targets []string
	for _, f := range got[0].Files {
		targets = append(targets, f.Target)
	}
	if want := []string{"/app/src/a/b", "/etc/conf", "/hook/x", "/hook/y"}; !slices.Equal(targets, want) {
		t.Errorf("%v", targets)
	}
	if got = React(all, at, []watch.Change{change(4, "."), change(3, "x")}); len(got) != 1 || !got[0].Rebuild || !got[0].Restart {
		t.Errorf("%+v", got)
	}
	if got = React(all, at, nil); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestWatchRulesErrors(t *testing.T) {
	if _, _, err := WatchRules(project(t, "services:\n  a: {image: img}\n")); !errors.Is(err, ErrNothingWatched) {
		t.Error(err)
	}
	for trigger, want := range map[string]string{
		"action: rebuild, path: x":               "has no build section",
		"action: sync+exec, path: x, target: /x": "sync+exec needs a command",
	} {
		p := project(t, "services:\n  a:\n    image: img\n    develop: {watch: [{"+trigger+"}]}\n")
		if _, _, err := WatchRules(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", trigger, err)
		}
	}
}

// fakeSyncer keeps what it is given.
type fakeSyncer struct {
	files map[string]string
	ran   []string
	code  int
}

func (f *fakeSyncer) Unpack(_ context.Context, _ string, _ container.CopyOptions, r io.Reader) error {
	in := tar.NewReader(r)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		text, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		if h.Uid != 0 || h.Uname != "" {
			return errors.New("it is somebody's")
		}
		f.files[h.Name] = string(h.Typeflag) + h.Linkname + string(text)
	}
}

func (f *fakeSyncer) Exec(_ context.Context, _ string, o container.ExecOptions) (container.Outcome, error) {
	f.ran = o.Cmd
	return container.Outcome{ExitCode: f.code}, nil
}

func TestSync(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(os.Mkdir(at("d"), 0o755), os.WriteFile(at("d/f"), []byte("text"), 0o600), os.Symlink("f", at("d/l"))); err != nil {
		t.Fatal(err)
	}
	f := &fakeSyncer{files: map[string]string{}}
	err := Sync(t.Context(), f, "id", []SyncFile{{at("d"), "/t/d"}, {at("d/f"), "/t/d/f"}, {at("d/l"), "/t/d/l"}, {at("gone"), "/t/gone"}})
	if err != nil || f.files["t/d/f"] != "0text" || f.files["t/d/l"] != "2f" || f.files["t/d"] != "5" {
		t.Errorf("%q, %v", f.files, err)
	}
	if want := []string{"rm", "-rf", "--", "/t/gone"}; !slices.Equal(f.ran, want) {
		t.Errorf("ran %q", f.ran)
	}
	f.code = 1
	if err := Sync(t.Context(), f, "id", []SyncFile{{at("gone"), "/t/gone"}}); err == nil || !strings.Contains(err.Error(), "exit code 1") {
		t.Error(err)
	}
}
