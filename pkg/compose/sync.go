package compose

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/nerd-cli/nerd/pkg/container"
)

// SyncFile is a path of the host and its place in a container.
type SyncFile struct {
	Host   string // absolute
	Target string // absolute, in the container
}

// Syncer is what Sync needs of pkg/container.
type Syncer interface {
	Unpack(ctx context.Context, ref string, opts container.CopyOptions, r io.Reader) error
	Exec(context.Context, string, container.ExecOptions) (container.Outcome, error)
}

// Sync makes paths of a container what they are on the host: files and folders are
// copied, as root's, and what is no more is removed.
func Sync(ctx context.Context, s Syncer, id string, files []SyncFile) error {
	var there []SyncFile
	var gone []string
	for _, f := range files {
		_, err := os.Lstat(f.Host)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			gone = append(gone, f.Target)
		case err != nil:
			return err
		default:
			there = append(there, f)
		}
	}
	if len(gone) > 0 {
		if err := removeInside(ctx, s, id, gone); err != nil {
			return err
		}
	}
	if len(there) == 0 {
		return nil
	}
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := writeTar(w, there)
		_ = w.CloseWithError(err) // never fails
		written <- err
	}()
	err := s.Unpack(ctx, id, container.CopyOptions{Path: "/"}, r)
	_ = r.CloseWithError(errors.New("nobody reads any more"))
	if werr := <-written; err == nil {
		err = werr
	}
	return err
}

func removeInside(ctx context.Context, s Syncer, id string, paths []string) error {
	out, err := s.Exec(ctx, id, container.ExecOptions{Cmd: append([]string{"rm", "-rf", "--"}, paths...), User: "0"})
	if err == nil && out.ExitCode != 0 {
		err = fmt.Errorf("rm has ended with exit code %d", out.ExitCode)
	}
	if err != nil {
		return fmt.Errorf("removing %s: %w", strings.Join(paths, ", "), err)
	}
	return nil
}

func writeTar(w io.Writer, files []SyncFile) error {
	out := tar.NewWriter(w)
	for _, f := range files {
		if err := writeEntry(out, f); err != nil {
			return err
		}
	}
	return out.Close()
}

// writeEntry writes one file, as long as it was when it was opened. One that has
// gone meanwhile is left out: that is a change of its own.
func writeEntry(out *tar.Writer, f SyncFile) error {
	info, err := os.Lstat(f.Host)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	link := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if link, err = os.Readlink(f.Host); err != nil {
			return err
		}
	}
	var in *os.File
	switch {
	case info.Mode().IsRegular():
		in, err = os.Open(f.Host)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		defer in.Close()
		if info, err = in.Stat(); err != nil {
			return err
		}
	case !info.IsDir() && link == "":
		return nil // sockets and the like mean nothing elsewhere
	}
	head, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	head.Name = strings.TrimPrefix(path.Clean(f.Target), "/")
	head.Uid, head.Gid, head.Uname, head.Gname = 0, 0, "", ""
	if err := out.WriteHeader(head); err != nil || in == nil {
		return err
	}
	n, err := io.CopyN(out, in, head.Size)
	if errors.Is(err, io.EOF) { // shorter now; what follows is told as a change
		_, err = io.CopyN(out, zeros{}, head.Size-n)
	}
	return err
}

// zeros is an endless file without content.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
