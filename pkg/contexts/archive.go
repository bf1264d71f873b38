package contexts

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/containerd/errdefs"

	"github.com/nerd-cli/nerd/pkg/errs"
)

// metaName is the only file that an exported context has.
const metaName = "meta.json"

// maxMeta bounds what is read of an archive, in bytes.
const maxMeta = 1 << 20

// Export writes a context as the tar that Docker's `context export` writes.
func (s Store) Export(name string, w io.Writer) error {
	c, err := s.Get(name)
	if err != nil {
		return err
	}
	data, err := encode(c)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(w)
	header := &tar.Header{Name: metaName, Mode: 0o644, Size: int64(len(data)), ModTime: time.Unix(0, 0)}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	if _, err := archive.Write(data); err != nil {
		return err
	}
	// Docker's import wants the folder of certificates.
	if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "tls", Mode: 0o700, ModTime: time.Unix(0, 0)}); err != nil {
		return err
	}
	return archive.Close()
}

// Import keeps the context of such an archive under a name.
func (s Store) Import(name string, r io.Reader) error {
	archive := tar.NewReader(io.LimitReader(r, 2*maxMeta))
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return errs.Errorf(errdefs.ErrInvalidArgument, "invalid context: no %s in the archive", metaName)
		}
		if err != nil {
			return fmt.Errorf("invalid context: %w", err)
		}
		if header.Name != metaName {
			continue
		}
		if header.Size > maxMeta {
			return errs.Errorf(errdefs.ErrInvalidArgument, "invalid context: %s of %d bytes", metaName, header.Size)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			return fmt.Errorf("invalid context: %w", err)
		}
		c, err := decode(data)
		if err != nil {
			return fmt.Errorf("invalid context: %w", err)
		}
		c.Name = name
		return s.Create(c)
	}
}
