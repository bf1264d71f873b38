package system

import (
	"context"
	"errors"
	"strings"
	"testing"

	apicontainer "github.com/moby/moby/api/types/container"
	apiimage "github.com/moby/moby/api/types/image"
	apivolume "github.com/moby/moby/api/types/volume"

	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/nerd"
	"github.com/nerd-cli/nerd/pkg/volume"
)

func someUsage(context.Context) (nerd.DiskUsage, error) {
	sized := func(name string, size int64, users ...string) volume.Usage {
		return volume.Usage{Volume: apivolume.Volume{Name: name, UsageData: &apivolume.UsageData{Size: size, RefCount: int64(len(users))}}, Users: users}
	}
	return nerd.DiskUsage{
		Images: image.Usage{
			Images: []apiimage.Summary{
				{ID: "sha256:" + strings.Repeat("a", 64), RepoTags: []string{"one:1"}, Containers: 2, Size: 3000, SharedSize: 1000},
				{ID: "sha256:" + strings.Repeat("b", 64), RepoTags: []string{"two:1"}, Size: 2000, SharedSize: 1000},
			},
			Total: 4000, Reclaimable: 1000,
		},
		Containers: []apicontainer.Summary{{ID: "c1", Names: []string{"/web"}, State: "running", SizeRw: 10}, {ID: "c2", Names: []string{"/old"}, State: "exited", SizeRw: 30}},
		Volumes:    []volume.Usage{sized("used", 100, "c1"), sized("free", 300)},
	}, nil
}

func TestDF(t *testing.T) {
	for _, c := range []struct {
		verbose bool
		layout  string
		want    []string
	}{
		{false, "", []string{
			"TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE\nImages          2         1         4kB       1kB (25%)\n",
			"Containers      2         1         40B       30B (75%)\nLocal Volumes   2         1         400B      300B (75%)\nBuild Cache     0         0         0B        0B\n",
		}},
		{false, "{{.Type}}:{{.Size}}", []string{"Images:4kB\nContainers:40B\nLocal Volumes:400B\nBuild Cache:0B\n"}},
		{true, "", []string{"Images space usage:\n\nREPOSITORY", "Local Volumes space usage:\n\nVOLUME NAME   LINKS     SIZE\nused          1         100B\nfree          0         300B\n", "Build cache usage: 0B"}},
	} {
		ios, _, out, _ := iostreams.Test()
		err := runDF(t.Context(), &DFOptions{IO: ios, Usage: someUsage, Verbose: c.verbose, Format: c.layout})
		for _, want := range c.want {
			if err != nil || !strings.Contains(out.String(), want) {
				t.Errorf("%+v: %v, printed\n%s", c, err, out)
			}
		}
	}
}

func pruneOptions(t *testing.T, args ...string) (*PruneOptions, error) {
	t.Helper()
	var got *PruneOptions
	err := execute(t, NewCmdPrune(newFactory(t), func(_ context.Context, o *PruneOptions) error { got = o; return nil }), strings.Join(args, " "))
	return got, err
}

func TestPruneQuestion(t *testing.T) {
	o, err := pruneOptions(t, "-a", "--volumes", "--filter", "label=b", "--filter", "label!=a")
	if err != nil {
		t.Fatal(err)
	}
	want := "WARNING! This will remove:\n  - all stopped containers\n  - all networks not used by at least one container\n" +
		"  - all anonymous volumes not used by at least one container\n  - all images without at least one container associated to them\n  - all build cache\n" +
		"\n  Items to be pruned will be filtered with:\n  - label!=a\n  - label=b\n\nAre you sure you want to continue?"
	if got := o.question(); got != want {
		t.Errorf("%s", got)
	}
	o, _ = pruneOptions(t)
	if got := o.question(); strings.Contains(got, "volumes") || !strings.Contains(got, "dangling") || strings.Contains(got, "filtered") {
		t.Errorf("%s", got)
	}
}

// Nothing is asked, and nothing done, when the filters are wrong or the answer is no.
func TestPruneRefuses(t *testing.T) {
	none := func(context.Context) (*nerd.Client, error) { return nil, errors.New("containerd was asked") }
	for args, want := range map[string]string{
		"--volumes --filter until=1h":            `The "until" filter is not supported with "--volumes"`,
		"--filter foo=bar":                       "invalid filter 'foo'",
		"--filter until=1h --filter until=2h":    "more than one until filter",
		"--filter until=whenever":                "filter until",
		"--force --filter label=x --filter x!=y": "invalid filter",
	} {
		o, err := pruneOptions(t, args)
		if err != nil {
			t.Fatal(err)
		}
		o.Client = none
		if err := runPrune(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
	ios, in, _, _ := iostreams.Test()
	in.WriteString("n\n")
	if err := runPrune(t.Context(), &PruneOptions{IO: ios, Client: none, Filter: flagx.NewFilters()}); err != nil {
		t.Errorf("the answer was no: %v", err)
	}
}
