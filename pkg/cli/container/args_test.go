package container

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/errs"
)

func ptr[T any](v T) *T { return &v }

// diff compares options, leaving out what every verb is constructed with.
func diff(want, got any) string {
	return cmp.Diff(want, got, cmpopts.IgnoreTypes(Base{}), cmpopts.EquateEmpty())
}

func TestStopArgs(t *testing.T) {
	for args, want := range map[string]StopOptions{
		"a b":               {Names: []string{"a", "b"}},
		"-t 0 a":            {Names: []string{"a"}, Stop: container.StopOptions{Timeout: ptr(0)}},
		"--time 3 a":        {Names: []string{"a"}, Stop: container.StopOptions{Timeout: ptr(3)}},
		"a --timeout -1":    {Names: []string{"a"}, Stop: container.StopOptions{Timeout: ptr(-1)}},
		"-s INT --time=1 a": {Names: []string{"a"}, Stop: container.StopOptions{Signal: "INT", Timeout: ptr(1)}},
	} {
		for _, verb := range []string{"stop", "restart"} {
			var got *StopOptions
			keep := func(_ context.Context, o *StopOptions) error { got = o; return nil }
			cmd := NewCmdStop(newFactory(t), keep)
			if verb == "restart" {
				cmd = NewCmdRestart(newFactory(t), keep)
			}
			if err := execute(t, cmd, args); err != nil {
				t.Fatalf("%s %s: %v", verb, args, err)
			}
			if d := diff(&want, got); d != "" {
				t.Errorf("%s %s: %s", verb, args, d)
			}
		}
	}
}

func TestKillArgs(t *testing.T) {
	var got *KillOptions
	cmd := NewCmdKill(newFactory(t), func(_ context.Context, o *KillOptions) error { got = o; return nil })
	if err := execute(t, cmd, "-s HUP a b"); err != nil || got.Signal != "HUP" || len(got.Names) != 2 {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func TestRmArgs(t *testing.T) {
	var got *RmOptions
	keep := func(_ context.Context, o *RmOptions) error { got = o; return nil }
	if err := execute(t, NewCmdRm(newFactory(t), keep), "-fv a"); err != nil || !got.Remove.Force || !got.Remove.Volumes {
		t.Fatalf("got %+v, %v", got, err)
	}
	if err := execute(t, NewCmdRm(newFactory(t), keep), "-l a/b"); err != nil || !got.Link || got.Names[0] != "a/b" {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func TestListArgs(t *testing.T) {
	for args, want := range map[string]ListOptions{
		"":                           {},
		"-a --no-trunc":              {List: container.ListOptions{All: true}, NoTrunc: true},
		"-q -s":                      {List: container.ListOptions{Size: true}, Quiet: true},
		"-l":                         {List: container.ListOptions{Limit: 1}},
		"-n 5":                       {List: container.ListOptions{Limit: 5}},
		"-n 0":                       {},
		"-l -n 5":                    {List: container.ListOptions{Limit: 5}},
		"-f b=2 -f a=1 --filter b=1": {List: container.ListOptions{Filters: map[string][]string{"a": {"1"}, "b": {"1", "2"}}}},
		"--format {{.ID}}":           {Format: "{{.ID}}"},
		"--format {{.Size}}":         {Format: "{{.Size}}", List: container.ListOptions{Size: true}},
		"--format json":              {Format: "json", List: container.ListOptions{Size: true}},
		"-q --format json":           {Format: "json", Quiet: true},
	} {
		var got *ListOptions
		cmd := NewCmdList(newFactory(t), func(_ context.Context, o *ListOptions) error { got = o; return nil })
		if err := execute(t, cmd, args); err != nil {
			t.Fatalf("%s: %v", args, err)
		}
		if d := diff(&want, got); d != "" {
			t.Errorf("%s: %s", args, d)
		}
	}
	if err := execute(t, NewCmdList(newFactory(t), nil), "-f x"); err == nil || !strings.Contains(err.Error(), "bad format of filter") {
		t.Errorf("got %v", err)
	}
}

func TestLogsArgs(t *testing.T) {
	run := func(args string) (*LogsOptions, error) {
		var got *LogsOptions
		err := execute(t, NewCmdLogs(newFactory(t), func(_ context.Context, o *LogsOptions) error { got = o; return nil }), args)
		return got, err
	}
	for args, want := range map[string]LogsOptions{
		"a":                    {Name: "a", Logs: container.LogsOptions{Tail: -1}},
		"-f -t --details a":    {Name: "a", Logs: container.LogsOptions{Tail: -1, Follow: true, Timestamps: true, Details: true}},
		"-n 5 a":               {Name: "a", Logs: container.LogsOptions{Tail: 5}},
		"--tail all a":         {Name: "a", Logs: container.LogsOptions{Tail: -1}},
		"--since 5 a":          {},
		"--until 1717150000 a": {Name: "a", Logs: container.LogsOptions{Tail: -1, Until: time.Unix(1717150000, 0)}},
	} {
		got, err := run(args)
		if strings.HasPrefix(args, "--since") {
			want = LogsOptions{Name: "a", Logs: container.LogsOptions{Tail: -1, Since: time.Unix(5, 0)}}
		}
		if err != nil {
			t.Fatalf("%s: %v", args, err)
		}
		if d := diff(&want, got); d != "" {
			t.Errorf("%s: %s", args, d)
		}
	}
	for _, args := range []string{"--tail x a", "--since x a", "--until x a"} {
		_, err := run(args)
		var usage *flagx.UsageError
		if err == nil || errors.As(err, &usage) { // exit status 1, as in Docker
			t.Errorf("%s: got %v", args, err)
		}
	}
}

func TestExecArgs(t *testing.T) {
	t.Setenv("TAKEN", "over")
	for args, want := range map[string]ExecOptions{
		"a ls -l":                           {Name: "a", Exec: container.ExecOptions{Cmd: []string{"ls", "-l"}}},
		"-it a sh":                          {Name: "a", Interactive: true, Exec: container.ExecOptions{Cmd: []string{"sh"}, Tty: true}},
		"-d -u 1 -w /x a sh":                {Name: "a", Exec: container.ExecOptions{Cmd: []string{"sh"}, Detach: true, User: "1", WorkingDir: "/x"}},
		"-e A=1 -e TAKEN --privileged a sh": {Name: "a", Exec: container.ExecOptions{Cmd: []string{"sh"}, Privileged: true, Env: []string{"A=1", "TAKEN=over"}}},
		"--detach-keys ctrl-a a sh -d":      {Name: "a", Exec: container.ExecOptions{Cmd: []string{"sh", "-d"}, Streams: container.Streams{DetachKeys: "ctrl-a"}}},
	} {
		var got *ExecOptions
		cmd := NewCmdExec(newFactory(t), func(_ context.Context, o *ExecOptions) error { got = o; return nil })
		if err := execute(t, cmd, args); err != nil {
			t.Fatalf("%s: %v", args, err)
		}
		if d := diff(&want, got); d != "" {
			t.Errorf("%s: %s", args, d)
		}
	}
	if err := execute(t, NewCmdExec(newFactory(t), nil), "--env-file /nonexistent a sh"); err == nil || !strings.Contains(err.Error(), "--env-file") {
		t.Errorf("got %v", err)
	}
}

func TestAttachStartInspectPortRenameArgs(t *testing.T) {
	var attach *AttachOptions
	if err := execute(t, NewCmdAttach(newFactory(t), func(_ context.Context, o *AttachOptions) error { attach = o; return nil }),
		"--no-stdin --sig-proxy=false --detach-keys x a"); err != nil {
		t.Fatal(err)
	}
	if d := diff(&AttachOptions{Name: "a", NoStdin: true, DetachKeys: "x"}, attach); d != "" {
		t.Error(d)
	}
	var start *StartOptions
	keep := func(_ context.Context, o *StartOptions) error { start = o; return nil }
	if err := execute(t, NewCmdStart(newFactory(t), keep), "-ai --detach-keys x a b"); err != nil {
		t.Fatal(err)
	}
	if d := diff(&StartOptions{Names: []string{"a", "b"}, Attach: true, Interactive: true, DetachKeys: "x"}, start); d != "" {
		t.Error(d)
	}
	if err := execute(t, NewCmdStart(newFactory(t), keep), "--checkpoint one --checkpoint-dir /d a"); err != nil {
		t.Fatal(err)
	}
	if cp := start.checkpoint(); cp == nil || cp.Name != "one" || cp.Dir != "/d" {
		t.Errorf("the checkpoint is %+v", cp)
	}
	var inspect *InspectOptions
	if err := execute(t, NewCmdInspect(newFactory(t), func(_ context.Context, o *InspectOptions) error { inspect = o; return nil }),
		"-s -f json a"); err != nil {
		t.Fatal(err)
	}
	if d := diff(&InspectOptions{Names: []string{"a"}, Format: "json", Inspect: container.InspectOptions{Size: true}}, inspect); d != "" {
		t.Error(d)
	}
	var port *PortOptions
	if err := execute(t, NewCmdPort(newFactory(t), func(_ context.Context, o *PortOptions) error { port = o; return nil }), "a 80"); err != nil {
		t.Fatal(err)
	}
	if d := diff(&PortOptions{Name: "a", Port: "80"}, port); d != "" {
		t.Error(d)
	}
	var rename *RenameOptions
	if err := execute(t, NewCmdRename(newFactory(t), func(_ context.Context, o *RenameOptions) error { rename = o; return nil }), "a b"); err != nil {
		t.Fatal(err)
	}
	if d := diff(&RenameOptions{Name: "a", NewName: "b"}, rename); d != "" {
		t.Error(d)
	}
}

func TestCreateArgs(t *testing.T) {
	var got *CreateOptions
	keep := func(_ context.Context, o *CreateOptions) error { got = o; return nil }
	if err := execute(t, NewCmdCreate(newFactory(t), keep), "--name n --pull never -q image cmd -q"); err != nil {
		t.Fatal(err)
	}
	if got.Create.Name != "n" || got.Pull != pullNever || !got.Quiet || strings.Join(got.Create.Config.Cmd, " ") != "cmd -q" {
		t.Fatalf("got %+v", got)
	}
	for args, want := range map[string]string{
		"--pull x image": "invalid pull option: 'x'",
		"b::":            `invalid reference format: "b::"`,
		"--nosuch image": "unknown flag: --nosuch",
		"UPPER":          "must be lowercase",
		"":               "requires at least 1 argument",
	} {
		if err := execute(t, NewCmdCreate(newFactory(t), keep), args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", args, err, want)
		}
	}
}

func TestRunArgs(t *testing.T) {
	var got *RunOptions
	keep := func(_ context.Context, o *RunOptions) error { got = o; return nil }
	if err := execute(t, NewCmdRun(newFactory(t), keep), "-d -it --rm --name n -p 80 -h host --detach-keys ctrl-a,d image sh -h"); err != nil {
		t.Fatal(err)
	}
	c := got.Create.Config
	if !got.Detach || !got.SigProxy || got.DetachKeys != "ctrl-a,d" || c.Hostname != "host" || !c.Tty || !c.OpenStdin {
		t.Fatalf("got %+v %+v", got, c)
	}
	if c.AttachStdin || c.AttachStdout || c.AttachStderr || c.StdinOnce {
		t.Fatalf("attached although detached: %+v", c)
	}
	if err := execute(t, NewCmdRun(newFactory(t), keep), "-i --sig-proxy=false image"); err != nil {
		t.Fatal(err)
	}
	if c := got.Create.Config; got.SigProxy || !c.StdinOnce || !c.AttachStdin {
		t.Fatalf("got %+v", c)
	}
	err := execute(t, NewCmdRun(newFactory(t), keep), "-d -a stdout image")
	if err == nil || errs.Code(err, -1) != 1 || err.Error() != "conflicting options: -a and -d" {
		t.Fatalf("got %v", err)
	}
}

// An error that says nothing of the exit status is nerd's own, which is 125.
func TestRunExitStatus(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("no space left"), 125},
		{&errs.Exit{Code: 42}, 42},
		{&errs.Start{Code: 127, Err: errors.New("not found")}, 127},
		{&errs.Exit{Code: 1, Err: errors.New("not a TTY")}, 1},
	} {
		err := execute(t, NewCmdRun(newFactory(t), func(context.Context, *RunOptions) error { return tc.err }), "image")
		if got := errs.Code(err, 0); got != tc.want {
			t.Errorf("%v: got %d, want %d", tc.err, got, tc.want)
		}
	}
}
