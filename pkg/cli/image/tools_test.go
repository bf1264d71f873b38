package image

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/imagetools"
	"github.com/nerd-cli/nerd/pkg/image"
)

func TestConvertFlags(t *testing.T) {
	for args, want := range map[string]struct {
		to  imagetools.Conversion
		err string
	}{
		"--estargz a b": {to: imagetools.Conversion{Kind: "estargz", Level: 9}},
		"--estargz --estargz-compression-level 1 --estargz-chunk-size 7 --estargz-min-chunk-size 3 --estargz-record-in f a b": {
			to: imagetools.Conversion{Kind: "estargz", Level: 1, ChunkSize: 7, MinChunkSize: 3, RecordIn: "f"},
		},
		"--zstd a b": {to: imagetools.Conversion{Kind: "zstd", Level: 3}},
		"--zstdchunked --zstdchunked-compression-level 22 a b": {to: imagetools.Conversion{Kind: "zstdchunked", Level: 22}},
		"--erofs --erofs-compressors lz4hc,12 a b":             {to: imagetools.Conversion{Kind: "erofs", Compressors: "lz4hc,12"}},
		"--uncompress a b":                         {to: imagetools.Conversion{Kind: "uncompressed"}},
		"--oci a b":                                {},
		"--platform linux/amd64 a b":               {},
		"a b":                                      {err: "nothing to convert to"},
		"--zstd --estargz a b":                     {err: "estargz and zstd at once"},
		"--zstd --zstd-compression-level 23 a b":   {err: "invalid compression level 23"},
		"--estargz --estargz-chunk-size=-1 a b":    {err: "cannot be negative"},
		"--nydus a b":                              {err: "--nydus is not supported"},
		"--zstd --estargz-external-toc a b":        {err: "--estargz-external-toc is not supported"},
		"--zstd --soci-span-size 3 a b":            {err: "--soci-span-size is not supported"},
		"--estargz --estargz-gzip-helper pigz a b": {err: "--estargz-gzip-helper is not supported"},
	} {
		var got *ConvertOptions
		cmd := NewCmdConvert(&factory.Factory{}, func(_ context.Context, o *ConvertOptions) error { got = o; return nil })
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		cmd.SetArgs(strings.Fields(args))
		err := cmd.ExecuteContext(t.Context())
		switch {
		case want.err != "":
			if err == nil || !strings.Contains(err.Error(), want.err) {
				t.Errorf("%s: %v, want %s", args, err, want.err)
			}
		case err != nil:
			t.Errorf("%s: %v", args, err)
		case got.To != want.to || got.Source != "a" || got.Target != "b":
			t.Errorf("%s: %+v", args, got)
		}
	}
}

func TestCryptFlags(t *testing.T) {
	for args, want := range map[string]string{
		"encrypt a b": "--recipient is needed",
		"decrypt a b": "--key is needed",
		"encrypt --recipient jwe:x --gpg-homedir d a b": "--gpg-homedir is not supported",
		"encrypt --recipient jwe:x,pkcs7:y a b":         "",
		"decrypt --key k --dec-recipient pkcs7:c a b":   "",
	} {
		words := strings.Fields(args)
		fn := NewCmdEncrypt
		if words[0] == "decrypt" {
			fn = NewCmdDecrypt
		}
		cmd := fn(&factory.Factory{}, func(context.Context, *CryptOptions) error { return nil })
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		cmd.SetArgs(words[1:])
		err := cmd.ExecuteContext(t.Context())
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}

func TestSignatureFlags(t *testing.T) {
	t.Setenv("COSIGN_PASSWORD", "secret")
	t.Setenv("XDG_CONFIG_HOME", "/etc/somebody")
	for _, c := range []struct {
		in   imagetools.Signature
		want imagetools.Signature
		err  string
	}{
		{in: imagetools.Signature{Kind: "none"}, want: imagetools.Signature{Kind: "none"}},
		{in: imagetools.Signature{Kind: "none", Key: "k"}, err: "of no use without --verify"},
		{in: imagetools.Signature{Kind: "cosign"}, err: "needs --cosign-key"},
		{in: imagetools.Signature{Kind: "cosign", Key: "k"}, want: imagetools.Signature{Kind: "cosign", Key: "k", Password: []byte("secret")}},
		{in: imagetools.Signature{Kind: "cosign", Key: "k", KeyName: "n"}, err: "--notation-key-name is for"},
		{in: imagetools.Signature{Kind: "notation"}, want: imagetools.Signature{Kind: "notation", ConfigDir: "/etc/somebody/notation"}},
		{in: imagetools.Signature{Kind: "notation", Key: "k"}, err: "--cosign-key is for"},
		{in: imagetools.Signature{Kind: "pgp"}, err: `invalid --verify "pgp"`},
	} {
		s := signature{c.in}
		err := s.complete("verify")
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%+v: %v, want %s", c.in, err, c.err)
			}
			continue
		}
		if diff := cmp.Diff(c.want, s.Signature); err != nil || diff != "" {
			t.Errorf("%+v: %v %s", c.in, err, diff)
		}
	}
}

// fakeTools convert and check as the test says.
type fakeTools struct {
	imagetools.Tools
	layers imagetools.Layers
	check  image.Check
	err    error
}

func (f fakeTools) Convert(context.Context, imagetools.Conversion) (imagetools.Layers, error) {
	return f.layers, f.err
}
func (f fakeTools) Check(imagetools.Signature) (image.Check, error) { return f.check, f.err }

func TestConvertPrintsTheImage(t *testing.T) {
	s := newSession(t)
	s.in.Write(rootfs(t, "x"))
	id := strings.TrimSpace(s.must("import", "-", "app:1"))
	s.f.ImageTools = fakeTools{}
	if got := strings.TrimSpace(s.must("image", "convert", "--zstd", "app:1", "app:2")); got != id {
		t.Errorf("an image that stays as it is became %s, not %s", got, id)
	}
	if got := s.must("image", "convert", "--zstd", "--format", "{{.Image}} {{.Digest}}", "app:1", "app:3"); strings.TrimSpace(got) != "app:3 "+id {
		t.Errorf("format: %q", got)
	}
	s.f.ImageTools = fakeTools{err: errors.New("no such program")}
	if _, err := s.run("image", "convert", "--erofs", "app:1", "app:4"); err == nil || err.Error() != "no such program" {
		t.Errorf("error of the tools: %v", err)
	}
	if _, err := s.run("image", "convert", "--oci", "none:1", "app:4"); err == nil || !strings.Contains(err.Error(), "No such image: none:1") {
		t.Errorf("missing image: %v", err)
	}
}

func TestImagesNames(t *testing.T) {
	s := newSession(t)
	s.in.Write(rootfs(t, "x"))
	s.must("import", "-", "app:1")
	if out := s.must("images", "--names"); !strings.Contains(out, "\ndocker.io/library/app:1 ") {
		t.Errorf("names: %q", out)
	}
	if _, err := s.run("images", "--names", "--tree"); err == nil {
		t.Error("--names with --tree")
	}
}

func TestReadLists(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range map[string]string{"list": "a:1 # one\n\n# none\n  b@sha256:0\n", "bad": "a b\n", "empty": "# nothing\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args string
		want string
		err  string
	}{
		{args: "list", want: "a:1 b@sha256:0"},
		{args: "./list c:1", want: "a:1 b@sha256:0 c:1"},
		{args: "- list", want: "x y a:1 b@sha256:0"},
		{args: "bad", err: "more than the name"},
		{args: "empty", err: "names no image"},
		{args: "./none", err: "no file that lists"},
		{args: "/", err: "no file that lists"},
	} {
		got, err := readLists(strings.Fields(c.args), io.MultiReader(strings.NewReader("x\ny")))
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %s", c.args, err, c.err)
			}
			continue
		}
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v %v", c.args, got, err)
		}
	}
}

func TestIsAttachment(t *testing.T) {
	digits := strings.Repeat("0a", 32)
	for tag, want := range map[string]bool{
		"sha256-" + digits: true, "sha256-" + digits + ".sig": true, "sha256-" + digits[1:]: false,
		"sha256-" + strings.ToUpper(digits): false, digits: false, "latest": false, "sha256-1": false,
	} {
		if isAttachment(tag) != want {
			t.Errorf("%s: %t", tag, !want)
		}
	}
}
