package image

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/imagetools"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/ctrd/ctrdtest"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/nerd"
	"github.com/nerd-cli/nerd/pkg/registry"
	"github.com/nerd-cli/nerd/pkg/state"
)

// session runs commands on one in-process containerd.
type session struct {
	t       *testing.T
	f       *factory.Factory
	streams *iostreams.IOStreams
	in      *bytes.Buffer
	out     *bytes.Buffer
	errOut  *bytes.Buffer
}

func newSession(t *testing.T) *session {
	t.Helper()
	store := ctrdtest.New(t)
	layout, err := state.NewLayout(t.TempDir(), t.TempDir(), ctrdtest.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	client := &nerd.Client{Images: image.New(store.Client, layout, registry.New(registry.Config{})), Layout: layout}
	s := &session{t: t}
	s.streams, s.in, s.out, s.errOut = iostreams.Test()
	s.f = &factory.Factory{IO: s.streams, Client: func(context.Context) (*nerd.Client, error) { return client, nil }}
	return s
}

// run runs one command line and gives what it wrote on standard output.
func (s *session) run(args ...string) (string, error) {
	s.t.Helper()
	s.out.Reset()
	s.errOut.Reset()
	root := &cobra.Command{Use: "nerd", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(NewCmdImage(s.f))
	root.AddCommand(Shortcuts(s.f)...)
	root.SetArgs(args)
	err := root.ExecuteContext(namespaces.WithNamespace(s.t.Context(), ctrdtest.Namespace))
	return s.out.String(), err
}

func (s *session) must(args ...string) string {
	s.t.Helper()
	out, err := s.run(args...)
	if err != nil {
		s.t.Fatalf("%q: %v", args, err)
	}
	return out
}

func rootfs(t *testing.T, text string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	if err := w.WriteHeader(&tar.Header{Name: "file", Mode: 0o644, Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestLifeOfAnImage(t *testing.T) {
	s := newSession(t)
	s.in.Write(rootfs(t, "hello"))
	id := strings.TrimSpace(s.must("import", "-c", `CMD ["x"]`, "-m", "why", "-", "app:1"))
	if !strings.HasPrefix(id, "sha256:") || len(id) != 71 {
		t.Fatalf("import printed %q", id)
	}
	short := id[7:19]
	s.must("tag", "app:1", "example.com/app:2")

	for _, c := range []struct{ args, want string }{
		{"images -q", short + "\n"},
		{"image ls --no-trunc -q", id + "\n"},
		{"images --format {{.Repository}}:{{.Tag}}", "app:1\nexample.com/app:2\n"},
		{"image list --format {{.Digest}} app", id + "\n"},
		{"images --filter reference=example.com/* --format {{.ID}}", short + "\n"},
		{"images --filter dangling=true -q", ""},
		{"image inspect -f {{.Config.Cmd}}{{.Comment}} app:1", "[x]why\n"},
		{"image inspect --format json nothing", "[]\n"},
		{"history --format {{.Comment}} app:1", "why\n"},
		{"history -q --no-trunc app:1", id + "\n"},
		{"rmi example.com/app:2", "Untagged: example.com/app:2\n"},
	} {
		out, err := s.run(strings.Fields(c.args)...)
		if out != c.want || (err != nil && !strings.Contains(c.args, "nothing")) {
			t.Errorf("%s: got %q, %v; want %q", c.args, out, err, c.want)
		}
	}
	table := s.must("images", "--format", "table")
	if lines := strings.Split(strings.TrimSpace(table), "\n"); len(lines) != 2 ||
		!cmp.Equal(strings.Fields(lines[0]), []string{"REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"}) {
		t.Errorf("table:\n%s", table)
	}

	archive := filepath.Join(t.TempDir(), "app.tar")
	s.must("save", "-o", archive, "app:1")
	if out := s.must("rmi", "app:1"); out != "Untagged: app:1\nDeleted: "+id+"\n" {
		t.Errorf("rmi printed %q", out)
	}
	if out := s.must("load", "-i", archive); out != "Loaded image: app:1\n" {
		t.Errorf("load printed %q", out)
	}
	if out := s.must("images", "-q", "--no-trunc"); out != id+"\n" {
		t.Errorf("the id changed: %q", out)
	}
}

func TestFailures(t *testing.T) {
	s := newSession(t)
	file := filepath.Join(t.TempDir(), "x.tar")
	for args, want := range map[string]string{
		"rmi absent":                           "No such image: absent:latest",
		"tag absent x":                         "No such image: absent:latest",
		"save absent":                          "No such image: absent:latest",
		"save -o " + file + " absent":          "No such image: absent:latest",
		"save -o " + filepath.Dir(file) + " a": filepath.Dir(file) + " is a folder: name a file",
		"history absent":                       "No such image: absent:latest",
		"image inspect absent":                 "No such image: absent:latest",
		"images -f nokey=1":                    `invalid filter "nokey"`,
		"images -f bad":                        "bad format of filter",
		"images a b":                           "requires at most 1 argument",
		"images --format {{.Nothing}":          "template parsing error",
		"rmi --platform linux/arm64 x":         "--platform is not supported",
		"pull":                                 "requires exactly 1 argument",
		"pull -a x:y":                          "tag can't be used with --all-tags/-a",
		"pull X":                               "invalid reference format",
		"pull --platform a/b/c/d x":            "invalid platform",
		"load -i " + file:                      "no such file",
		"load --platform , -i x":               "",
		"import " + file:                       "no such file",
		"import":                               "requires at least 1",
		"image inspect --platform a/b/c/d x":   "invalid platform",
		"import --platform=/ -":                "invalid platform",
	} {
		out, err := s.run(strings.Fields(args)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", args, err, want)
		}
		if out != "" && out != "[]\n" {
			t.Errorf("%s: printed %q", args, out)
		}
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a failed save left its file")
	}
	if out, err := s.run("rmi", "-f", "absent"); err != nil || out != "" || !strings.Contains(s.errOut.String(), "No such image") {
		t.Errorf("rmi -f: %q, %v, %q", out, err, s.errOut)
	}
}

func TestTerminals(t *testing.T) {
	s := newSession(t)
	s.streams.SetTerminal(true, true, true, 80)
	for args, want := range map[string]string{
		"save x":   "cowardly refusing to save to a terminal",
		"load":     "requested load from stdin, but stdin is empty",
		"import -": "cowardly refusing to read a tar from a terminal",
	} {
		if _, err := s.run(strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", args, err)
		}
	}
}

func TestOptions(t *testing.T) {
	ignore := cmpopts.IgnoreFields
	t.Setenv("DOCKER_DEFAULT_PLATFORM", "")
	var got any
	f := &factory.Factory{}
	for args, want := range map[string]any{
		"pull -q --platform linux/arm64 a:b": &PullOptions{Ref: "a:b", Quiet: true, Platforms: []string{"linux/arm64"}, Unpack: "auto", Verify: signature{imagetools.Signature{Kind: "none"}}},
		"pull -a a":                          &PullOptions{Ref: "a", AllTags: true, Unpack: "auto", Verify: signature{imagetools.Signature{Kind: "none"}}},
		"load -q -i f --platform a,b":        &LoadOptions{Input: "f", Quiet: true, Platforms: []string{"a", "b"}},
		"save a b -o f":                      &SaveOptions{Refs: []string{"a", "b"}, Output: "f"},
		"import -c X=1,2 -c Y -m m f a:b":    &ImportOptions{Source: "f", Name: "a:b", Changes: []string{"X=1,2", "Y"}, Message: "m"},
		"tag a b":                            &TagOptions{Source: "a", Target: "b"},
		"rmi -f a b --no-prune":              &RemoveOptions{Refs: []string{"a", "b"}, Remove: image.RemoveOptions{Force: true}},
		"inspect -f x a b":                   &InspectOptions{Refs: []string{"a", "b"}, Format: "x", Mode: "dockercompat"},
		"history -H=false --no-trunc a":      &HistoryOptions{Ref: "a", NoTrunc: true},
	} {
		words := strings.Fields(args)
		keep := func(o any) error { got = o; return nil }
		cmd := map[string]*cobra.Command{
			"pull":    NewCmdPull(f, func(_ context.Context, o *PullOptions) error { return keep(o) }),
			"load":    NewCmdLoad(f, func(_ context.Context, o *LoadOptions) error { return keep(o) }),
			"save":    NewCmdSave(f, func(_ context.Context, o *SaveOptions) error { return keep(o) }),
			"import":  NewCmdImport(f, func(_ context.Context, o *ImportOptions) error { return keep(o) }),
			"tag":     NewCmdTag(f, func(_ context.Context, o *TagOptions) error { return keep(o) }),
			"rmi":     NewCmdRemove(f, func(_ context.Context, o *RemoveOptions) error { return keep(o) }),
			"inspect": NewCmdInspect(f, func(_ context.Context, o *InspectOptions) error { return keep(o) }),
			"history": NewCmdHistory(f, func(_ context.Context, o *HistoryOptions) error { return keep(o) }),
		}[words[0]]
		cmd.SetArgs(words[1:])
		if err := cmd.ExecuteContext(t.Context()); err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		diff := cmp.Diff(want, got, ignore(PullOptions{}, "Factory"), ignore(LoadOptions{}, "Factory"), ignore(SaveOptions{}, "Factory"),
			ignore(ImportOptions{}, "Factory"), ignore(TagOptions{}, "Factory"), ignore(RemoveOptions{}, "Factory"),
			ignore(InspectOptions{}, "Factory"), ignore(HistoryOptions{}, "Factory"))
		if diff != "" {
			t.Errorf("%s: %s", args, diff)
		}
	}
}

// Every flag of Docker's verbs is there, with its shorthand; some of
// nerdctl's are there as well.
func TestFlagsAreDockers(t *testing.T) {
	want := map[string]string{
		"history": "format/f human/H no-trunc platform quiet/q",
		"images":  "all/a digests filter/f format names no-trunc quiet/q tree",
		"import":  "change/c message/m platform",
		"load":    "all-platforms for-kubernetes input/i platform quiet/q",
		"pull":    "all-platforms all-tags/a cosign-certificate-identity cosign-certificate-identity-regexp cosign-certificate-oidc-issuer cosign-certificate-oidc-issuer-regexp cosign-key disable-content-trust for-kubernetes ipfs-address platform quiet/q soci-index-digest unpack verify",
		"push":    "all-platforms all-tags/a allow-nondistributable-artifacts cosign-key disable-content-trust estargz ipfs-address ipfs-ensure-image notation-key-name platform quiet/q sign soci-min-layer-size soci-span-size",
		"rmi":     "async force/f no-prune platform",
		"save":    "all-platforms output/o platform",
		"tag":     "for-kubernetes",
	}
	for _, cmd := range Shortcuts(&factory.Factory{}) {
		var flags []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			name := f.Name
			if f.Shorthand != "" {
				name += "/" + f.Shorthand
			}
			flags = append(flags, name)
		})
		if got := strings.Join(flags, " "); got != want[cmd.Name()] {
			t.Errorf("%s: got %q, want %q", cmd.Name(), got, want[cmd.Name()])
		}
	}
}
