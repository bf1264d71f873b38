package engine

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/config"
	"github.com/nerd-cli/nerd/pkg/engine"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// execute runs a command that has no configuration and no containerd.
func execute(t *testing.T, cmd *cobra.Command, args ...string) error {
	t.Helper()
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetFlagErrorFunc(flagx.FlagError)
	return cmd.ExecuteContext(t.Context())
}

func TestUpFlags(t *testing.T) {
	tests := []struct {
		args string
		want UpOptions
		err  string
	}{
		{"", UpOptions{Timeout: 30 * time.Second}, ""},
		{"--build -q --timeout 5s", UpOptions{Build: true, Quiet: true, Timeout: 5 * time.Second}, ""},
		{"--timeout soon", UpOptions{}, "invalid argument"},
		{"now", UpOptions{}, "accepts no arguments"},
	}
	for _, tt := range tests {
		var got UpOptions
		err := execute(t, NewCmdUp(nil, func(_ context.Context, o *UpOptions) error { got = *o; return nil }), strings.Fields(tt.args)...)
		if got != tt.want || !matches(err, tt.err) {
			t.Errorf("up %s: %+v, %v; want %+v, %q", tt.args, got, err, tt.want, tt.err)
		}
	}
}

func TestLogsFlags(t *testing.T) {
	tests := []struct {
		args string
		want LogsOptions
		err  string
	}{
		{"", LogsOptions{Tail: -1}, ""},
		{"-f --build -n 0", LogsOptions{Follow: true, Build: true}, ""},
		{"--tail all", LogsOptions{Tail: -1}, ""},
		{"--tail 25", LogsOptions{Tail: 25}, ""},
		{"--tail -3", LogsOptions{}, "number of lines"},
		{"--tail x", LogsOptions{}, "number of lines"},
	}
	for _, tt := range tests {
		var got LogsOptions
		err := execute(t, NewCmdLogs(nil, func(_ context.Context, o *LogsOptions) error { got = *o; return nil }), strings.Fields(tt.args)...)
		if got != tt.want || !matches(err, tt.err) {
			t.Errorf("logs %s: %+v, %v; want %+v, %q", tt.args, got, err, tt.want, tt.err)
		}
	}
}

func TestStatusFlags(t *testing.T) {
	for args, want := range map[string]string{"": "", "--format json": "", "--format table": "", "--format yaml": "use table or json"} {
		err := execute(t, NewCmdStatus(nil, func(context.Context, *StatusOptions) error { return nil }), strings.Fields(args)...)
		if !matches(err, want) {
			t.Errorf("status %s: %v, want %q", args, err, want)
		}
	}
}

func matches(err error, text string) bool {
	if text == "" {
		return err == nil
	}
	return err != nil && strings.Contains(err.Error(), text)
}

// Status and down of an engine that was never there change nothing.
func TestNothingThere(t *testing.T) {
	streams, _, out, stderr := iostreams.Test()
	dir := t.TempDir()
	data, run := filepath.Join(dir, "d"), filepath.Join(dir, "r")
	f := factory.New(streams, func(string) (string, bool) { return "", false }, func() config.Flags {
		return config.Flags{DataRoot: &data, RunRoot: &run}
	})
	for _, format := range []string{"table", "json"} {
		out.Reset()
		err := execute(t, NewCmdStatus(f, nil), "--format", format)
		var exit *errs.Exit
		if !errors.As(err, &exit) || exit.Code != 1 || exit.Err == nil {
			t.Errorf("status ends with %v, want exit status 1 and a reason", err)
		}
		if !strings.Contains(out.String(), "containerd") || !strings.Contains(out.String(), "not installed") {
			t.Errorf("status prints %q", out)
		}
	}
	var status engine.Status
	if err := json.Unmarshal(out.Bytes(), &status); err != nil || status.Running || len(status.Components) != 4 {
		t.Errorf("JSON %+v, %v", status, err)
	}
	out.Reset()
	if err := execute(t, NewCmdDown(f, nil)); err != nil {
		t.Fatal(err)
	}
	if out.Len() != 0 || !strings.Contains(stderr.String(), "was not running") {
		t.Errorf("down prints %q and %q", out, stderr)
	}
}

func TestPrintStatus(t *testing.T) {
	var b strings.Builder
	err := printStatus(&b, engine.Status{Components: []engine.Component{
		{Name: "containerd", Version: "2.4.2", PID: 12, State: engine.StateRunning, Socket: "/s"},
		{Name: "runc", Version: "1.5.2", State: engine.StateInstalled},
	}})
	want := `COMPONENT    VERSION   PID       STATE       SOCKET
containerd   2.4.2     12        running     /s
runc         1.5.2               installed   
`
	if err != nil || b.String() != want {
		t.Errorf("%v\n%s\nwant\n%s", err, b.String(), want)
	}
}
