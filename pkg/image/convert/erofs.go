package convert

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // the UUID of version 5 is defined by it
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"

	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/image"
)

// EROFSFeature is what a platform needs to run an image of such layers.
const EROFSFeature = "erofs"

// mkfs is the program that makes the file system, of Debian's erofs-utils.
const mkfs = "mkfs.erofs"

// EROFS makes each layer a file system that containerd's erofs snapshotter mounts
// as it is. compressors are those of mkfs.erofs, such as lz4hc or zstd,level=5;
// empty: files are not compressed.
func EROFS(ctx context.Context, compressors string) (image.LayerFunc, error) {
	program, err := findMkfs(ctx)
	if err != nil {
		return nil, err
	}
	return convert(func(ctx context.Context, s *source) (made image.Layer, err error) {
		dir, err := os.MkdirTemp("", "nerd-erofs-")
		if err != nil {
			return made, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		file := filepath.Join(dir, "layer")
		err = s.checkedTar(func(r io.Reader) error { return runMkfs(ctx, program, file, compressors, s.layer.DiffID, r) })
		if err != nil {
			return made, err
		}
		return s.write(ctx, "erofs", images.MediaTypeErofsLayer, func(w io.Writer) (digest.Digest, error) {
			f, err := os.Open(file)
			if err != nil {
				return "", err
			}
			defer f.Close()
			digester := digest.Canonical.Digester()
			_, err = io.Copy(io.MultiWriter(w, digester.Hash()), f)
			return digester.Digest(), err
		})
	}), nil
}

// findMkfs finds a program that can read a tar.
func findMkfs(ctx context.Context) (string, error) {
	const install = "install erofs-utils 1.7 or newer (Debian 13 has it)"
	path, err := exec.LookPath(mkfs)
	if err != nil {
		return "", errs.WithHint(image.Errorf(errdefs.ErrFailedPrecondition, "%s is not installed", mkfs), install)
	}
	// Its help goes to either stream, and ends with a failure in some versions.
	help, _ := exec.CommandContext(ctx, path, "--help").CombinedOutput()
	if !bytes.Contains(help, []byte("--tar")) {
		return "", errs.WithHint(image.Errorf(errdefs.ErrFailedPrecondition, "%s is too old: it cannot read a tar", path), install)
	}
	return path, nil
}

// runMkfs makes the same file of the same layer on every machine: blocks as small
// as any page, and an id that follows from the content.
func runMkfs(ctx context.Context, program, file, compressors string, diffID digest.Digest, tar io.Reader) error {
	args := []string{"--tar=f", "--aufs", "--quiet", "-Enoinline_data", "-b4096", "-U", layerUUID(diffID)}
	if compressors != "" {
		args = append(args, "-z"+compressors, "-C65536")
	}
	cmd := exec.CommandContext(ctx, program, append(args, file)...)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tar, &out, &out
	cmd.Env = []string{"PATH=/usr/bin:/bin", "TMPDIR=" + filepath.Dir(file)}
	if err := cmd.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		return fmt.Errorf("%s: %w: %s", mkfs, err, lines[len(lines)-1])
	}
	return nil
}

// layerUUID is a UUID of version 5 made of what containerd makes it of, so that
// both make the same of a layer.
func layerUUID(diffID digest.Digest) string {
	namespace := []byte{0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8} // of URLs, RFC 9562
	sum := sha1.Sum(append(namespace, "erofs:blobs/"+diffID.String()...))                                               //nolint:gosec // see above
	id := sum[:16]
	id[6], id[8] = id[6]&0x0f|0x50, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
