package volume

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	apivolume "github.com/moby/moby/api/types/volume"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/volume"
)

func execute(t *testing.T, cmd *cobra.Command, args ...string) error {
	t.Helper()
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	return cmd.ExecuteContext(t.Context())
}

func quietFactory() *factory.Factory {
	ios, _, _, _ := iostreams.Test()
	return &factory.Factory{IO: ios}
}

func TestCreateArgs(t *testing.T) {
	for line, want := range map[string]volume.CreateOptions{
		"":              {Driver: "local"},
		"data":          {Name: "data", Driver: "local"},
		"--name data":   {Name: "data", Driver: "local"},
		"-d local data": {Name: "data", Driver: "local"},
		"--label a=b --label c data": {
			Name: "data", Driver: "local", Labels: map[string]string{"a": "b", "c": ""},
		},
		"-o type=tmpfs --opt device=tmpfs -o o=size=1m,uid=5 data": {
			Name: "data", Driver: "local", Options: map[string]string{"type": "tmpfs", "device": "tmpfs", "o": "size=1m,uid=5"},
		},
	} {
		var got volume.CreateOptions
		cmd := NewCmdCreate(quietFactory(), func(_ context.Context, o *CreateOptions) error { got = o.Create; return nil })
		if err := execute(t, cmd, strings.Fields(line)...); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v", line, got, err)
		}
	}
	for line, want := range map[string]string{
		"a b":                      "requires at most 1 argument",
		"--name a b":               "conflicting options",
		"--group g":                "--group is not supported",
		"--limit-bytes 1g":         "--limit-bytes is not supported",
		"--topology-required a=b":  "--topology-required is not supported",
		"--secret a=b":             "--secret is not supported",
		"--label =x":               "",
		"--availability active vv": "--availability is not supported",
	} {
		cmd := NewCmdCreate(quietFactory(), func(context.Context, *CreateOptions) error { return nil })
		if err := execute(t, cmd, strings.Fields(line)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", line, err)
		}
	}
	if err := execute(t, NewCmdUpdate(nil), "vv", "--availability", "drain"); !errdefs.IsNotImplemented(err) {
		t.Errorf("update: %v", err)
	}
}

// fake is a Service with two volumes.
type fake struct {
	Service
	filters map[string][]string
	pruned  bool
}

func (f *fake) List(_ context.Context, o volume.ListOptions) ([]apivolume.Volume, error) {
	f.filters = o.Filters
	list := []apivolume.Volume{
		{Name: "v10", Driver: "local", Scope: "local", Mountpoint: "/v/v10/_data", Labels: map[string]string{"b": "2", "a": "1"}},
		{Name: "v9", Driver: "local", Scope: "local", Mountpoint: "/v/v9/_data", Options: map[string]string{"type": "nfs"}},
	}
	if o.Size {
		list[0].UsageData, list[1].UsageData = &apivolume.UsageData{Size: 2048}, &apivolume.UsageData{Size: -1}
	}
	return list, nil
}

func (f *fake) Inspect(_ context.Context, name string, _ bool) (apivolume.Volume, error) {
	if name != "v9" {
		return apivolume.Volume{}, errors.New("get " + name + ": no such volume")
	}
	return apivolume.Volume{Name: "v9", Driver: "local", Scope: "local", Mountpoint: "/v/v9/_data", CreatedAt: "2026-01-02T03:04:05Z"}, nil
}

func (f *fake) Remove(_ context.Context, name string, force bool) error {
	if name == "gone" && !force {
		return errors.New("get gone: no such volume")
	}
	return nil
}

func (f *fake) Prune(_ context.Context, o volume.PruneOptions) (volume.PruneReport, error) {
	f.filters, f.pruned = o.Filters, true
	return volume.PruneReport{Deleted: []string{"v9", "v10"}, Reclaimed: 1500}, nil
}

func TestOutput(t *testing.T) {
	inspected := `[
    {
        "CreatedAt": "2026-01-02T03:04:05Z",
        "Driver": "local",
        "Labels": null,
        "Mountpoint": "/v/v9/_data",
        "Name": "v9",
        "Options": null,
        "Scope": "local"
    }
]
`
	pruned := "Deleted Volumes:\nv9\nv10\n\nTotal reclaimed space: 1.5kB\n"
	for _, c := range []struct {
		line, input, want, wantErr string
	}{
		{"ls", "", "DRIVER    VOLUME NAME\nlocal     v9\nlocal     v10\n", ""},
		{"ls -q", "", "v9\nv10\n", ""},
		{"ls -s", "", "DRIVER    VOLUME NAME   SIZE\nlocal     v9            N/A\nlocal     v10           2.048kB\n", ""},
		{"ls --format {{.Name}}:{{.Labels}}:{{.Size}}", "", "v9::N/A\nv10:a=1,b=2:N/A\n", ""},
		{
			"ls --format json -f name=v9", "",
			`{"Availability":"N/A","Driver":"local","Group":"N/A","Labels":"","Links":"N/A","Mountpoint":"/v/v9/_data","Name":"v9","Scope":"local","Size":"N/A","Status":"N/A"}` + "\n" +
				`{"Availability":"N/A","Driver":"local","Group":"N/A","Labels":"a=1,b=2","Links":"N/A","Mountpoint":"/v/v10/_data","Name":"v10","Scope":"local","Size":"N/A","Status":"N/A"}` + "\n",
			"",
		},
		{"ls --cluster", "", "", "--cluster is not supported"},
		{"ls extra", "", "", "accepts no arguments"},
		{"inspect v9", "", inspected, ""},
		{"inspect v9 nope", "", inspected, "get nope: no such volume"},
		{"inspect -f {{.Mountpoint}} v9", "", "/v/v9/_data\n", ""},
		{"inspect", "", "", "requires at least 1 argument"},
		{"rm v9 gone v10", "", "v9\nv10\n", "get gone: no such volume"},
		{"rm -f v9 gone", "", "v9\ngone\n", ""},
		{"prune -f", "", pruned, ""},
		{"prune", "y\n", askAnonymous + " [y/N] " + pruned, ""},
		{"prune -a", "n\n", askAll + " [y/N] ", ""},
		{"prune", "", askAnonymous + " [y/N] ", ""},
		{"prune -f -a --filter all=false", "", "", "conflicting options: cannot specify both --all and --filter all=1"},
	} {
		ios, in, out, _ := iostreams.Test()
		in.WriteString(c.input)
		f := &fake{}
		base := Base{IO: ios, Service: func(context.Context) (Service, error) { return f, nil }}
		err := execute(t, withService(base), strings.Fields(c.line)...)
		if out.String() != c.want || (c.wantErr == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.wantErr) {
			t.Errorf("%s: printed\n%swant\n%serror %v, want %q", c.line, out, c.want, err, c.wantErr)
		}
	}
}

// withService is the group with verbs that call a service of the test's.
func withService(base Base) *cobra.Command {
	f := &factory.Factory{IO: base.IO}
	group := &cobra.Command{Use: "volume"}
	group.AddCommand(
		NewCmdList(f, func(ctx context.Context, o *ListOptions) error { o.Base = base; return runList(ctx, o) }),
		NewCmdInspect(f, func(ctx context.Context, o *InspectOptions) error { o.Base = base; return runInspect(ctx, o) }),
		NewCmdRemove(f, func(ctx context.Context, o *RemoveOptions) error { o.Base = base; return runRemove(ctx, o) }),
		NewCmdPrune(f, func(ctx context.Context, o *PruneOptions) error { o.Base = base; return runPrune(ctx, o) }),
	)
	return group
}

func TestPruneFilters(t *testing.T) {
	ios, _, _, _ := iostreams.Test()
	f := &fake{}
	base := Base{IO: ios, Service: func(context.Context) (Service, error) { return f, nil }}
	if err := execute(t, withService(base), "prune", "-f", "-a", "--filter", "label!=x", "--filter", "label=y"); err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{"all": {"true"}, "label": {"y"}, "label!": {"x"}}
	if !reflect.DeepEqual(f.filters, want) {
		t.Errorf("%v, want %v", f.filters, want)
	}
}
