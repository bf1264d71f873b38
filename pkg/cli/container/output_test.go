package container

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apicontainer "github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/errs"
)

func mustAddr(s string) netip.Addr { return netip.MustParseAddr(s) }

// golden compares text with a file of testdata; UPDATE_GOLDEN=1 writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant:\n%s", path, got, want)
	}
}

// Verbs on several containers do all that they can, in the order of the arguments.
func TestSeveral(t *testing.T) {
	names := []string{"a", "nosuch", "b"}
	for verb, run := range map[string]func(context.Context, Base) error{
		"stop": func(ctx context.Context, b Base) error {
			return runStop(ctx, &StopOptions{Base: b, Names: names, Stop: container.StopOptions{Timeout: ptr(1)}})
		},
		"restart": func(ctx context.Context, b Base) error { return runRestart(ctx, &StopOptions{Base: b, Names: names}) },
		"kill":    func(ctx context.Context, b Base) error { return runKill(ctx, &KillOptions{Base: b, Names: names}) },
		"rm":      func(ctx context.Context, b Base) error { return runRm(ctx, &RmOptions{Base: b, Names: names}) },
	} {
		b, out, stderr := base(&fake{})
		err := run(t.Context(), b)
		if errs.Code(err, 0) != 1 || out.String() != "a\nb\n" || stderr.String() != "nerd: No such container: nosuch\n" {
			t.Errorf("%s: got %q, %q, %v", verb, out, stderr, err)
		}
	}
}

func TestPauseUnpauseRename(t *testing.T) {
	f := &fake{}
	b, out, _ := base(f)
	fac := newFactory(t)
	fac.IO = b.IO
	do := func(verb func(Service) func(context.Context, string) error) error {
		return each(t.Context(), b.IO, []string{"a"}, verb(f))
	}
	if err := do(func(s Service) func(context.Context, string) error { return s.Pause }); err != nil {
		t.Fatal(err)
	}
	if err := do(func(s Service) func(context.Context, string) error { return s.Unpause }); err != nil {
		t.Fatal(err)
	}
	if err := runRename(t.Context(), &RenameOptions{Base: b, Name: "a", NewName: "b"}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(f.calls, ";"); got != "pause a;unpause a;rename a b" || out.String() != "a\na\n" {
		t.Fatalf("got %s, %q", got, out)
	}
	for _, cmd := range []string{"pause", "unpause"} {
		var got *NamesOptions
		keep := func(_ context.Context, o *NamesOptions) error { got = o; return nil }
		c := NewCmdPause(newFactory(t), keep)
		if cmd == "unpause" {
			c = NewCmdUnpause(newFactory(t), keep)
		}
		if err := execute(t, c, "a b"); err != nil || len(got.Names) != 2 {
			t.Fatalf("%s: got %+v, %v", cmd, got, err)
		}
	}
}

// rm --force of what is not there says so and succeeds.
func TestRmForceMissing(t *testing.T) {
	b, out, stderr := base(&fake{})
	o := &RmOptions{Base: b, Names: []string{"nosuch", "a"}, Remove: container.RemoveOptions{Force: true}}
	if err := runRm(t.Context(), o); err != nil || out.String() != "a\n" || !strings.Contains(stderr.String(), "No such container") {
		t.Fatalf("got %q, %q, %v", out, stderr, err)
	}
}

func TestWait(t *testing.T) {
	b, out, stderr := base(&fake{})
	err := runWait(t.Context(), &WaitOptions{Base: b, Names: []string{"abc", "nosuch", "a"}, Condition: "not-running"})
	if errs.Code(err, 0) != 1 || out.String() != "3\n1\n" || stderr.Len() == 0 {
		t.Fatalf("got %q, %q, %v", out, stderr, err)
	}
}

// An interrupt is told once, not for each container.
func TestSeveralInterrupted(t *testing.T) {
	b, _, stderr := base(&fake{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := each(ctx, b.IO, []string{"a", "b"}, func(ctx context.Context, _ string) error { return ctx.Err() })
	if !errors.Is(err, context.Canceled) || stderr.Len() != 0 {
		t.Fatalf("got %v, %q", err, stderr)
	}
}

func summaries() []apicontainer.Summary {
	created := time.Now().Add(-2*time.Hour - time.Minute).Unix()
	return []apicontainer.Summary{
		{
			ID: strings.Repeat("ab", 32), Names: []string{"/web"}, Image: "registry.example.com:5000/team/nginx:1.27",
			ImageID: "sha256:" + strings.Repeat("cd", 32), Command: "nginx -g 'daemon off;' with more arguments", Created: created,
			State: apicontainer.StateRunning, Status: "Up 2 hours", SizeRw: 12, SizeRootFs: 4 << 20,
			Ports: []apicontainer.PortSummary{
				{IP: mustAddr("0.0.0.0"), PrivatePort: 80, PublicPort: 8080, Type: "tcp"},
				{IP: mustAddr("::"), PrivatePort: 80, PublicPort: 8080, Type: "tcp"},
				{PrivatePort: 443, Type: "tcp"},
			},
			Labels: map[string]string{"b": "2", "a": "1"},
		},
		{
			ID: strings.Repeat("12", 32), Names: []string{"/job"}, Image: "sha256:" + strings.Repeat("cd", 32),
			ImageID: "sha256:" + strings.Repeat("cd", 32), Command: "sh", Created: created,
			State: apicontainer.StateExited, Status: "Exited (3) 1 hour ago",
		},
	}
}

func TestListGolden(t *testing.T) {
	f := &fake{list: func(container.ListOptions) ([]apicontainer.Summary, error) { return summaries(), nil }}
	for name, args := range map[string]string{
		"ps":          "",
		"ps-no-trunc": "--no-trunc",
		"ps-size":     "--size",
		"ps-quiet":    "--quiet",
		"ps-table":    "--format table_{{.Names}}\\t{{.Ports}}\\t{{.Labels}}",
		"ps-template": "--format {{.Names}}:{{.State}}:{{.Networks}}",
		"ps-raw":      "--format raw",
	} {
		t.Run(name, func(t *testing.T) {
			b, out, _ := base(f)
			cmd := NewCmdList(newFactory(t), func(ctx context.Context, o *ListOptions) error {
				o.Base = b
				o.Format = strings.ReplaceAll(o.Format, "table_", "table ")
				return runList(ctx, o)
			})
			if err := execute(t, cmd, args); err != nil {
				t.Fatal(err)
			}
			text := out.String()
			if name == "ps-raw" { // holds the time of creation
				var kept []string
				for line := range strings.Lines(text) {
					if !strings.HasPrefix(line, "created_at") {
						kept = append(kept, line)
					}
				}
				text = strings.Join(kept, "")
			}
			golden(t, name, text)
		})
	}
}

func TestListEmpty(t *testing.T) {
	b, out, _ := base(&fake{list: func(container.ListOptions) ([]apicontainer.Summary, error) { return nil, nil }})
	if err := runList(t.Context(), &ListOptions{Base: b}); err != nil {
		t.Fatal(err)
	}
	golden(t, "ps-empty", out.String())
}

func TestInspectOutput(t *testing.T) {
	f := &fake{inspect: func(name string) (apicontainer.InspectResponse, error) {
		return apicontainer.InspectResponse{ID: name, Name: "/<" + name + ">"}, missing(name)
	}}
	for _, tc := range []struct {
		format, want, wantErr string
		names                 []string
		code                  int
	}{
		{"{{.ID}} {{.Name}}", "a /<a>\nb /<b>\n", "", []string{"a", "b"}, 0},
		{"{{.Id}}", "a\n", "", []string{"a"}, 0}, // the key of the JSON
		{"{{.ID}}", "a\n", "nerd: No such container: nosuch\n", []string{"nosuch", "a"}, 1},
		{"", "[]\n", "nerd: No such container: nosuch\n", []string{"nosuch"}, 1},
		{"{{.Nosuch}}", "", "nerd: template parsing error: template: :1:2: executing \"\" at <.Nosuch>: map has no entry for key \"Nosuch\"\n", []string{"a"}, 1},
		{"{{", "", "", []string{"a"}, 64},
	} {
		b, out, stderr := base(f)
		err := runInspect(t.Context(), &InspectOptions{Base: b, Names: tc.names, Format: tc.format})
		if out.String() != tc.want || stderr.String() != tc.wantErr || errs.Code(err, 0) != tc.code {
			t.Errorf("%q: got %q, %q, %v", tc.format, out, stderr, err)
		}
	}
	b, out, _ := base(f)
	if err := runInspect(t.Context(), &InspectOptions{Base: b, Names: []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), "[\n    {\n        \"Id\": \"a\",\n") || !strings.Contains(out.String(), "/<a>") {
		t.Errorf("got %s", out)
	}
}

func TestLogsOutput(t *testing.T) {
	f := &fake{logs: func(name string, o container.LogsOptions) error {
		_, _ = io.WriteString(o.Stdout, "out "+name)
		_, _ = io.WriteString(o.Stderr, "err "+name)
		return nil
	}}
	b, out, stderr := base(f)
	if err := runLogs(t.Context(), &LogsOptions{Base: b, Name: "a"}); err != nil || out.String() != "out a" || stderr.String() != "err a" {
		t.Fatalf("got %q, %q, %v", out, stderr, err)
	}
}
