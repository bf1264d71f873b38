package volume

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Held is a volume that cannot be removed until Release is called or the
// process ends. Any number of processes may hold one.
type Held struct {
	Name    string
	Options map[string]string
	Created bool // by this very call

	s   *Service
	dir *os.File // locked
}

// Path is where the volume's content is.
func (h *Held) Path() string { return h.s.Path(h.Name) }

// Release lets the volume go.
func (h *Held) Release() {
	if h.dir != nil {
		_ = h.dir.Close()
		h.dir = nil
	}
}

// Hold takes hold of a volume, which is made if it does not exist. An existing
// one stays as it is, whatever the options say, as in Docker.
func (s *Service) Hold(ctx context.Context, opts CreateOptions) (*Held, error) {
	if opts.Name == "" {
		opts.Name, opts.Anonymous = RandomName(), true
	}
	if err := Check(opts); err != nil {
		return nil, err
	}
	for {
		h, err := s.existing(ctx, opts.Name)
		if !errors.Is(err, fs.ErrNotExist) {
			return h, err
		}
		h, err = s.make(opts)
		if errors.Is(err, unix.EEXIST) { // somebody was faster
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("creating volume %s: %w", opts.Name, err)
		}
		s.emit(ctx, "create", opts.Name, nil)
		return h, nil
	}
}

// Check says what is wrong with the description of a volume, before anything is
// made.
func Check(opts CreateOptions) error {
	if err := CheckName(opts.Name); err != nil {
		return err
	}
	if err := checkDriver(opts.Name, opts.Driver); err != nil {
		return err
	}
	return checkOptions(opts.Name, opts.Options)
}

// existing takes hold of a volume that is there.
func (s *Service) existing(ctx context.Context, name string) (*Held, error) {
	dir, err := lockFolder(ctx, s.folder(name), unix.LOCK_SH)
	if err != nil {
		return nil, err
	}
	m, err := s.read(name)
	if err == nil {
		err = os.Mkdir(s.Path(name), 0o755) // a power cut may have taken it
		if errors.Is(err, fs.ErrExist) {
			err = nil
		}
	}
	if err != nil {
		_ = dir.Close()
		return nil, err
	}
	return &Held{Name: name, Options: m.Options, s: s, dir: dir}, nil
}

// make creates a volume and takes hold of it, or fails with EEXIST.
func (s *Service) make(opts CreateOptions) (_ *Held, err error) {
	tmp, dir, err := s.draft()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(tmp), dir.Close())
		}
	}()
	m := meta{Version: metaVersion, Created: time.Now().UTC().Truncate(time.Second), Options: opts.Options, Labels: opts.Labels}
	if opts.Anonymous {
		m.Labels = map[string]string{LabelAnonymous: ""}
		for k, v := range opts.Labels {
			m.Labels[k] = v
		}
	}
	data, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(tmp, dataName), 0o755); err != nil {
		return nil, err
	}
	if err := os.Chmod(filepath.Join(tmp, dataName), 0o755); err != nil { // whatever the umask
		return nil, err
	}
	// What is kept of an anonymous volume can be told from its name, so the start
	// of a container does not wait for the disk.
	if err := writeMeta(filepath.Join(tmp, metaName), data, !plain(opts)); err != nil {
		return nil, err
	}
	if err := unix.Renameat2(unix.AT_FDCWD, tmp, unix.AT_FDCWD, s.folder(opts.Name), unix.RENAME_NOREPLACE); err != nil {
		return nil, err
	}
	if !plain(opts) {
		if root, err := os.Open(s.root()); err == nil {
			_ = errors.Join(root.Sync(), root.Close()) // the volume exists either way
		}
	}
	return &Held{Name: opts.Name, Options: m.Options, Created: true, s: s, dir: dir}, nil
}

func plain(o CreateOptions) bool {
	return o.Anonymous && random(o.Name) && len(o.Labels) == 0 && len(o.Options) == 0
}

func writeMeta(path string, data []byte, sync bool) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	if sync {
		if err := f.Sync(); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return f.Close()
}

// Folders of volumes that are being made and removed begin with a dot, as no
// volume's name does. The lock of their maker is on them.
const (
	draftPrefix = ".new-"
	goingPrefix = ".rm-"
)

// draft makes a locked folder to build a volume in.
func (s *Service) draft() (string, *os.File, error) {
	if err := os.MkdirAll(s.root(), 0o711); err != nil {
		return "", nil, err
	}
	for {
		path, err := os.MkdirTemp(s.root(), draftPrefix)
		if err != nil {
			return "", nil, err
		}
		dir, err := tryLockFolder(path, unix.LOCK_SH)
		if err == nil {
			return path, dir, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, fs.ErrNotExist) { // else repair took it for a dead one's
			return "", nil, errors.Join(err, os.RemoveAll(path))
		}
	}
}

// read reads what is kept of a volume. What a power cut may have swallowed is
// made up for: an empty or absent file is a volume without options.
func (s *Service) read(name string) (meta, error) {
	var m meta
	data, err := os.ReadFile(filepath.Join(s.folder(name), metaName))
	if err == nil && len(data) > 0 {
		if err := json.Unmarshal(data, &m); err != nil {
			return m, fmt.Errorf("volume %s: %s cannot be read: %w", name, filepath.Join(s.folder(name), metaName), err)
		}
		if m.Version > metaVersion {
			return m, fmt.Errorf("volume %s was made by a newer nerd (version %d of its file)", name, m.Version)
		}
		return m, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return m, err
	}
	fi, err := os.Stat(s.folder(name))
	if err != nil {
		return m, err
	}
	m.Created = fi.ModTime()
	if random(name) {
		m.Labels = map[string]string{LabelAnonymous: ""}
	}
	return m, nil
}

// names lists the volumes that exist.
func (s *Service) names() ([]string, error) {
	entries, err := os.ReadDir(s.root())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			out = append(out, e.Name())
		}
	}
	return out, err
}
