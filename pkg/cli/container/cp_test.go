package container

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	apicontainer "github.com/moby/moby/api/types/container"
	digest "github.com/opencontainers/go-digest"

	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/container"
)

func TestCopyArgs(t *testing.T) {
	for args, want := range map[string]CopyOptions{
		"a c:/b":          {Source: "a", Destination: "c:/b", Quiet: true},
		"-aLq c:/b -":     {Source: "c:/b", Destination: "-", Archive: true, FollowLink: true, Quiet: true},
		"-q=false - c:/b": {Source: "-", Destination: "c:/b"},
	} {
		var got *CopyOptions
		cmd := NewCmdCopy(newFactory(t), func(_ context.Context, o *CopyOptions) error { got = o; return nil })
		if err := execute(t, cmd, args); err != nil {
			t.Fatalf("cp %s: %v", args, err)
		}
		if d := diff(&want, got); d != "" {
			t.Errorf("cp %s: %s", args, d)
		}
	}
}

func TestSplitContainer(t *testing.T) {
	for arg, want := range map[string][2]string{
		"c:/a": {"c", "/a"}, "c:a:b": {"c", "a:b"}, "c:": {"c", ""}, ":/a": {"", "/a"}, "/c:/a": {"", "/c:/a"}, "./c:a": {"", "./c:a"}, "a": {"", "a"}, "-": {"", "-"},
	} {
		if ref, path := splitContainer(arg); ref != want[0] || path != want[1] {
			t.Errorf("%s: %q %q", arg, ref, path)
		}
	}
}

// files is a domain that notes what it is asked to copy.
type files struct {
	Service
	call string
	opts container.CopyOptions
}

func (f *files) note(call string, opts container.CopyOptions) error {
	f.call, f.opts = call, opts
	if opts.Moved != nil {
		opts.Moved(1024)
	}
	return missing(strings.Fields(call)[1])
}

func (f *files) CopyFrom(_ context.Context, ref string, o container.CopyOptions, to string) error {
	return f.note("from "+ref+" "+o.Path+" "+to, o)
}

func (f *files) CopyTo(_ context.Context, ref string, o container.CopyOptions, from string) error {
	return f.note("to "+ref+" "+o.Path+" "+from, o)
}

func (f *files) CopyTar(_ context.Context, ref string, o container.CopyOptions, w io.Writer) error {
	_, err := io.WriteString(w, "tar")
	if err != nil {
		return err
	}
	return f.note("tar "+ref+" "+o.Path, o)
}

func (f *files) Unpack(_ context.Context, ref string, o container.CopyOptions, r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return f.note("unpack "+ref+" "+o.Path+" "+string(data), o)
}

func (f *files) Changes(context.Context, string) ([]apicontainer.FilesystemChange, error) {
	return []apicontainer.FilesystemChange{{Kind: apicontainer.ChangeModify, Path: "/etc"}, {Kind: apicontainer.ChangeAdd, Path: "/etc/a b"}, {Kind: apicontainer.ChangeDelete, Path: "/x"}}, nil
}

func (f *files) Commit(_ context.Context, ref string, o container.CommitOptions) (digest.Digest, error) {
	return digest.FromString(ref + o.Name), missing(ref)
}

func (f *files) Export(_ context.Context, ref string, w io.Writer) error {
	_, err := io.WriteString(w, "tar")
	if err != nil {
		return err
	}
	return missing(ref)
}

func filesBase(f *files) (b Base, ios *iostreams.IOStreams, out, errOut func() string) {
	ios, in, stdout, stderr := iostreams.Test()
	in.WriteString("stdin")
	return Base{IO: ios, Service: func(context.Context) (Service, error) { return f, nil }}, ios, stdout.String, stderr.String
}

func TestCopy(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to, call, out, err string }{
		{"c:/a", "b", "from c /a " + here + "/b", "", ""},
		{"c:/a", "./b/.", "from c /a " + here + "/./b/.", "", ""},
		{"/a/", "c:/b", "to c /b /a/", "", ""},
		{"c:/a", "-", "tar c /a", "tar", ""},
		{"-", "c:/a", "unpack c /a stdin", "", ""},
		{"c:/a", "d:/b", "", "", "copying between containers is not supported"},
		{"a", "b", "", "", "must specify at least one container source"},
		{"nosuch:/a", "b", "from nosuch /a " + here + "/b", "", "No such container: nosuch"},
	} {
		f := &files{}
		base, _, out, errOut := filesBase(f)
		err := runCopy(t.Context(), &CopyOptions{Base: base, Source: c.from, Destination: c.to, Quiet: true})
		if (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("cp %s %s: %v, want %q", c.from, c.to, err, c.err)
		}
		if f.call != c.call || out() != c.out || errOut() != "" {
			t.Errorf("cp %s %s: %q, out %q, err %q", c.from, c.to, f.call, out(), errOut())
		}
	}
}

func TestCopyProgress(t *testing.T) {
	f := &files{}
	base, ios, _, errOut := filesBase(f)
	o := &CopyOptions{Base: base, Source: "/a", Destination: "c:/b", Archive: true}
	if err := runCopy(t.Context(), o); err != nil || errOut() != "Successfully copied 2.05kB to c:/b\n" || !f.opts.Own {
		t.Errorf("%v, %q, %+v", err, errOut(), f.opts)
	}
	ios.SetTerminal(true, true, true, 80)
	if err := runCopy(t.Context(), o); err != nil || !strings.Contains(errOut(), "Copying to container - 0B\x1b[?25h\x1b[u\x1b[2KSuccessfully copied 2.05kB") {
		t.Errorf("%v, %q", err, errOut())
	}
}

func TestDiffOutput(t *testing.T) {
	base, _, out, _ := filesBase(&files{})
	if err := runDiff(t.Context(), &DiffOptions{Base: base, Name: "c"}); err != nil || out() != "C /etc\nA /etc/a b\nD /x\n" {
		t.Errorf("%v, %q", err, out())
	}
}

func TestExport(t *testing.T) {
	base, ios, out, _ := filesBase(&files{})
	if err := runExport(t.Context(), &ExportOptions{Base: base, Name: "c"}); err != nil || out() != "tar" {
		t.Errorf("%v, %q", err, out())
	}
	file := t.TempDir() + "/x.tar"
	if err := runExport(t.Context(), &ExportOptions{Base: base, Name: "nosuch", Output: file}); err == nil || err.Error() != "failed to export container: No such container: nosuch" {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("half a file was left")
	}
	ios.SetTerminal(true, true, true, 80)
	if err := runExport(t.Context(), &ExportOptions{Base: base, Name: "c"}); err == nil || !strings.HasPrefix(err.Error(), "cowardly refusing") {
		t.Errorf("to a terminal: %v", err)
	}
}

func TestCommitArgs(t *testing.T) {
	for args, want := range map[string]CommitOptions{
		"c":                                 {Name: "c", Commit: container.CommitOptions{Pause: true}},
		"-a me -m x -c A c n":               {Name: "c", Commit: container.CommitOptions{Name: "n", Author: "me", Message: "x", Changes: []string{"A"}, Pause: true}},
		"--change A,B --change C c":         {Name: "c", Commit: container.CommitOptions{Changes: []string{"A,B", "C"}, Pause: true}},
		"--no-pause c":                      {Name: "c", NoPause: true},
		"-p=false c":                        {Name: "c"},
		"--compression zstd --format oci c": {Name: "c", Commit: container.CommitOptions{Compression: "zstd", Format: "oci", Pause: true}},
	} {
		var got *CommitOptions
		cmd := NewCmdCommit(newFactory(t), func(_ context.Context, o *CommitOptions) error { got = o; return nil })
		if err := execute(t, cmd, args); err != nil {
			t.Fatalf("commit %s: %v", args, err)
		}
		if d := diff(&want, got); d != "" {
			t.Errorf("commit %s: %s", args, d)
		}
	}
	for _, args := range []string{"--estargz c", "--zstdchunked c", "--estargz-chunk-size 3 c", "--pause --no-pause c"} {
		cmd := NewCmdCommit(newFactory(t), func(context.Context, *CommitOptions) error { return nil })
		var usage *flagx.UsageError
		if err := execute(t, cmd, args); !errors.As(err, &usage) || usage.Code != flagx.ExitBadFlag {
			t.Errorf("commit %s: %v", args, err)
		}
	}
}

func TestCommitOutput(t *testing.T) {
	base, _, out, _ := filesBase(&files{})
	if err := runCommit(t.Context(), &CommitOptions{Base: base, Name: "c"}); err != nil || out() != digest.FromString("c").String()+"\n" {
		t.Errorf("%v, %q", err, out())
	}
	if err := runCommit(t.Context(), &CommitOptions{Base: base, Name: "nosuch"}); err == nil {
		t.Error("a missing container was committed")
	}
}
