package context

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/config"
	"github.com/nerd-cli/nerd/pkg/contexts"
)

// fixture runs command lines of the group on a store of its own.
type fixture struct {
	t     *testing.T
	store contexts.Store
	given config.Flags
}

func (x *fixture) run(in string, words ...string) (stdout, stderr string, err error) {
	x.t.Helper()
	ios, stdin, out, errOut := iostreams.Test()
	stdin.WriteString(in)
	current, err := x.store.Current()
	if err != nil {
		x.t.Fatal(err)
	}
	f := &factory.Factory{
		IO: ios, Contexts: func() contexts.Store { return x.store }, Flags: func() config.Flags { return x.given },
		Config: func() (*config.Config, error) { return &config.Config{Context: current, Address: "/conf.sock"}, nil },
	}
	cmd := NewCmdContext(f)
	cmd.SetArgs(words)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err = cmd.ExecuteContext(x.t.Context())
	return out.String(), errOut.String(), err
}

func TestGlobalFlagsMakeAContext(t *testing.T) {
	text := func(s string) *string { return &s }
	x := &fixture{t: t, store: contexts.Store{Dir: t.TempDir()}}
	x.given = config.Flags{Address: text("/x.sock"), Namespace: text("k8s.io"), DataRoot: text("/d"), RunRoot: text("/r"), Snapshotter: text("native")}
	if _, _, err := x.run("", "create", "pods", "--description", "what runs"); err != nil {
		t.Fatal(err)
	}
	want := contexts.Context{Name: "pods", Description: "what runs", Host: "/x.sock", Namespace: "k8s.io", DataRoot: "/d", RunRoot: "/r", Snapshotter: "native"}
	if got, err := x.store.Get("pods"); cmp.Diff(want, got) != "" || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	x.given = config.Flags{Snapshotter: text("overlayfs")}
	if _, _, err := x.run("", "update", "pods", "--description", "", "--docker", "host=ssh://h"); err != nil {
		t.Fatal(err)
	}
	want.Snapshotter, want.Description, want.Host = "overlayfs", "", "ssh://h"
	if got, err := x.store.Get("pods"); cmp.Diff(want, got) != "" || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	x.given = config.Flags{}
	if _, _, err := x.run("", "create", "other", "--docker", "from=pods"); err != nil {
		t.Fatal(err)
	}
	if got, _ := x.store.Get("other"); got.Host != "ssh://h" || got.Namespace != "" {
		t.Errorf("%+v: Docker copies the endpoint alone", got)
	}
}

func TestLists(t *testing.T) {
	x := &fixture{t: t, store: contexts.Store{Dir: t.TempDir()}}
	if err := x.store.Create(contexts.Context{Name: "far", Description: "away", Host: "ssh://h"}); err != nil {
		t.Fatal(err)
	}
	if out, _, err := x.run("", "use", "far"); out != "far\n" || err != nil {
		t.Fatal(out, err)
	}
	out, _, err := x.run("", "ls", "--format", "{{.Name}} {{.Current}} {{.DockerEndpoint}}")
	if want := "default false unix:///conf.sock\nfar true ssh://h\n"; out != want || err != nil {
		t.Errorf("got %q, %v", out, err)
	}
	if out, _, err := x.run("", "show"); out != "far\n" || err != nil {
		t.Error(out, err)
	}
	out, _, err = x.run("", "inspect")
	for _, want := range []string{`"Name": "far"`, `"Host": "ssh://h"`, `"SkipTLSVerify": false`, `"TLSMaterial": {}`} {
		if !strings.Contains(out, want) || err != nil {
			t.Errorf("no %s in %s, %v", want, out, err)
		}
	}
	if out, _, err := x.run("", "inspect", "none"); out != "[]\n" || err == nil {
		t.Errorf("%q, %v", out, err)
	}
}

func TestTransfer(t *testing.T) {
	x := &fixture{t: t, store: contexts.Store{Dir: t.TempDir()}}
	if err := x.store.Create(contexts.Context{Name: "far", Host: "ssh://h"}); err != nil {
		t.Fatal(err)
	}
	archive, _, err := x.run("", "export", "far", "-")
	if err != nil {
		t.Fatal(err)
	}
	if out, _, err := x.run(archive, "import", "near", "-"); out != "near\n" || err != nil {
		t.Error(out, err)
	}
	if c, err := x.store.Get("near"); c.Host != "ssh://h" || err != nil {
		t.Error(c, err)
	}
	if _, _, err := x.run("", "import", "bad", "-"); err == nil {
		t.Error("an empty archive was taken")
	}
}

func TestRefused(t *testing.T) {
	x := &fixture{t: t, store: contexts.Store{Dir: t.TempDir()}}
	for line, want := range map[string]string{
		"create ab --docker ca=x":            "--docker ca= is not supported",
		"create ab --docker nosuch=x":        "unrecognized config key: nosuch",
		"create ab --docker host=tcp://h:1":  "only the path of a unix socket",
		"create ab --from none":              "context not found",
		"update none --description x":        "context not found",
		"rm none":                            "does not exist",
		"export none":                        "context not found",
		"create":                             "requires exactly 1 argument",
		"import ab /no/such/file":            "no such file",
		"create ab --docker host=unix://rel": "only the path",
	} {
		if out, _, err := x.run("", strings.Fields(line)...); err == nil || !strings.Contains(err.Error(), want) || out != "" {
			t.Errorf("%s: %q, %v", line, out, err)
		}
	}
}

func TestCompletion(t *testing.T) {
	x := &fixture{t: t, store: contexts.Store{Dir: t.TempDir()}}
	if err := x.store.Create(contexts.Context{Name: "far", Description: "away"}); err != nil {
		t.Fatal(err)
	}
	f := &factory.Factory{Contexts: func() contexts.Store { return x.store }}
	got, directive := names(f)(nil, []string{"default"}, "")
	if directive != cobra.ShellCompDirectiveNoFileComp || len(got) != 1 || got[0] != "far\taway" {
		t.Errorf("%q, %d", got, directive)
	}
	if got, _ := firstName(f)(nil, []string{"x"}, ""); got != nil {
		t.Errorf("%q after the first", got)
	}
	if _, directive := firstThenFile(f)(nil, []string{"far"}, ""); directive != cobra.ShellCompDirectiveDefault {
		t.Error("no file after a context")
	}
}
