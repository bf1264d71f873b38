package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/sys/mountinfo"
)

// A volume with options is mounted over its folder while containers that use it
// run. Each of them is noted in a folder that does not survive a reboot, as
// mounts do not either; a note counts only as long as its container lives.

// refs is the folder of the notes.
func (s *Service) refs(name string) string {
	return filepath.Join(s.cfg.Layout.Run, s.cfg.Layout.Namespace, "volumes", name)
}

// Mount makes the content of a volume available to a container that is about to
// start. It does nothing for a volume without options.
func (s *Service) Mount(ctx context.Context, name, container string) error {
	m, err := s.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return notFound(name)
	}
	if err != nil || len(m.Options) == 0 {
		return err
	}
	return s.withMountLock(ctx, name, func() error {
		if err := os.MkdirAll(s.refs(name), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(s.refs(name), container), nil, 0o600); err != nil {
			return err
		}
		mounted, err := mountinfo.Mounted(s.Path(name))
		if err == nil && !mounted {
			err = mountOptions(ctx, m.Options, s.Path(name))
		}
		if err != nil {
			err = errors.Join(err, os.Remove(filepath.Join(s.refs(name), container)))
			_ = os.Remove(s.refs(name)) // unless others are noted
		}
		return err
	})
}

// Unmount undoes a container's Mount. The last one that lives unmounts. It does
// nothing for a volume that the container did not mount.
func (s *Service) Unmount(ctx context.Context, name, container string) error {
	if _, err := os.Stat(s.refs(name)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return s.dropMount(ctx, name, container)
}

// dropMount takes a container's note away, and unmounts the volume if it was the
// last one's.
func (s *Service) dropMount(ctx context.Context, name, container string) error {
	err := s.withMountLock(ctx, name, func() error {
		if len(s.liveRefs(ctx, name, container)) > 0 {
			err := os.Remove(filepath.Join(s.refs(name), container))
			if errors.Is(err, fs.ErrNotExist) || container == "" {
				return nil
			}
			return err
		}
		if err := detach(s.Path(name)); err != nil {
			return err
		}
		return os.RemoveAll(s.refs(name))
	})
	if errors.Is(err, fs.ErrNotExist) { // the volume is gone
		return os.RemoveAll(s.refs(name))
	}
	return err
}

// liveRefs lists the containers noted for a volume that live, but for one.
func (s *Service) liveRefs(ctx context.Context, name, except string) []string {
	entries, err := os.ReadDir(s.refs(name))
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		if e.Name() != except && s.live(ctx, e.Name()) {
			out = append(out, e.Name())
		}
	}
	return out
}

// withMountLock serialises the mounting and the filling of one volume.
func (s *Service) withMountLock(ctx context.Context, name string, fn func() error) error {
	l, err := lockFile(ctx, filepath.Join(s.folder(name), lockName))
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	return fn()
}

// mountOptions mounts what a volume's options say, with dockerd's words for what
// goes wrong.
func mountOptions(ctx context.Context, opts map[string]string, path string) error {
	device, data, err := resolveAddresses(ctx, opts)
	if err == nil {
		err = mountLocal(device, path, opts[optType], data)
	}
	if err != nil {
		return fmt.Errorf("error while mounting volume '%s': failed to mount local volume: %w", path, err)
	}
	return nil
}

func mountLocal(device, path, kind, data string) error {
	if device == "" {
		return errors.New("missing device in volume options")
	}
	m := mount.Mount{Type: kind, Source: device}
	for _, o := range strings.Split(data, ",") {
		if o != "" {
			m.Options = append(m.Options, o)
		}
	}
	err := m.Mount(path)
	if err == nil {
		return nil
	}
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err
	}
	what := fmt.Sprintf("mount %s:%s", device, path)
	if data != "" {
		what += ", data: " + hidePassword(data)
	}
	if errno == syscall.ENODEV {
		return fmt.Errorf("%s: %w: the kernel has no file system %q", what, errno, kind)
	}
	return fmt.Errorf("%s: %w", what, errno)
}

// hidePassword keeps a password out of messages and logs.
func hidePassword(data string) string {
	words := strings.Split(data, ",")
	for i, w := range words {
		if strings.HasPrefix(w, "password=") || strings.HasPrefix(w, "pass=") {
			words[i] = w[:strings.Index(w, "=")] + "=********"
		}
	}
	return strings.Join(words, ",")
}

// resolveAddresses turns host names into addresses for the file systems whose
// mount(2) takes only those; mount(8)'s helpers would do it.
func resolveAddresses(ctx context.Context, opts map[string]string) (device, data string, err error) {
	device, data = opts[optDevice], opts[optMount]
	kind := opts[optType]
	if kind != "nfs" && kind != "nfs4" && kind != "cifs" {
		return device, data, nil
	}
	words := strings.Split(data, ",")
	for i, w := range words {
		host, ok := strings.CutPrefix(w, "addr=")
		if !ok || host == "" {
			continue
		}
		addr, err := resolveHost(ctx, host)
		if err != nil {
			return "", "", err
		}
		words[i] = "addr=" + addr
		return device, strings.Join(words, ","), nil
	}
	if kind != "cifs" {
		return device, data, nil
	}
	u, err := url.Parse(device)
	if err != nil || u.Host == "" {
		return device, data, err
	}
	if u.Host, err = resolveHost(ctx, u.Host); err != nil {
		return "", "", err
	}
	device, err = url.QueryUnescape(u.String())
	return device, data, err
}

func resolveHost(ctx context.Context, host string) (string, error) {
	if net.ParseIP(host) != nil {
		return host, nil
	}
	addrs, err := net.DefaultResolver.LookupIP(ctx, "ip", host)
	if err != nil {
		return "", fmt.Errorf("error resolving passed in network volume address: %w", err)
	}
	return addrs[0].String(), nil
}

// Started tells that a container uses a volume from now on, for `nerd events`.
func (s *Service) Started(ctx context.Context, name, container, target, propagation string, rw bool) {
	s.emit(ctx, events.ActionMount, name, map[string]string{
		"container": container, "destination": target, "propagation": propagation, "read/write": fmt.Sprint(rw),
	})
}

// Ended is the end of Started.
func (s *Service) Ended(ctx context.Context, name, container string) {
	s.emit(ctx, events.ActionUnmount, name, map[string]string{"container": container})
}
