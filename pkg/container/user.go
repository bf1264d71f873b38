package container

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/errdefs"
	"github.com/moby/sys/user"

	"github.com/nerd-cli/nerd/pkg/container/spec"
	"github.com/nerd-cli/nerd/pkg/rootfs"
	"github.com/nerd-cli/nerd/pkg/state"
)

const maxID = 1<<31 - 1

// resolveUser turns --user and --group-add into numbers, looking names up in the
// root file system. What an image answers does not change, so the answer is
// kept by the image's chain id: the common case mounts nothing.
func (s *Service) resolveUser(text string, groups []string, mounts []mount.Mount, chainID string) (spec.User, error) {
	key := sha256.Sum256([]byte(chainID + "\x00" + text + "\x00" + strings.Join(groups, "\x00")))
	cache := filepath.Join(s.cfg.Layout.ImageCache(), "user-"+hex.EncodeToString(key[:16])+".json")
	var u spec.User
	if state.ReadJSON(cache, &u) == nil {
		return u, nil
	}
	// Mounted where no other process sees it, so that nothing is left by a kill.
	tree, err := s.viewTree(rootfs.ReadOnly(mounts), rootfs.ViewOptions{ReadOnly: true})
	if err != nil {
		return spec.User{}, err
	}
	acc, err := readAccounts(fmt.Sprintf("/proc/self/fd/%d", tree.Fd()))
	if err := errors.Join(err, tree.Close()); err != nil {
		return spec.User{}, err
	}
	if u, err = lookUp(text, groups, acc); err != nil {
		return spec.User{}, err
	}
	return u, state.WriteJSON(cache, u)
}

// lookUp resolves USER[:GROUP]. A number is a number: it is not looked up as a
// name, so an image cannot redirect it.
func lookUp(text string, groups []string, acc accounts) (spec.User, error) {
	name, group, hasGroup := strings.Cut(text, ":")
	if name == "" {
		name = "0"
	}
	entry, found, err := findUser(name, acc)
	if err != nil {
		return spec.User{}, err
	}
	out := spec.User{UID: uint32(entry.Uid), GID: uint32(entry.Gid)}
	if hasGroup && group != "" {
		gid, err := findGroup(group, acc)
		if err != nil {
			return spec.User{}, err
		}
		out.GID = gid
	} else if found {
		if out.Groups, err = memberships(entry.Name, acc); err != nil {
			return spec.User{}, err
		}
	}
	for _, g := range groups {
		gid, err := findGroup(g, acc)
		if errdefs.IsNotFound(err) { // Docker's words for --group-add
			err = errorf(errdefs.ErrNotFound, "Unable to find group %s: no matching entries in group file", g)
		}
		if err != nil {
			return spec.User{}, err
		}
		out.Groups = append(out.Groups, gid)
	}
	out.Groups = append([]uint32{out.GID}, out.Groups...)
	slices.Sort(out.Groups)
	out.Groups = slices.Compact(out.Groups)
	return out, nil
}

// home is the home folder of a user; "/" for one that is not known.
func home(uid uint32, acc accounts) string {
	list, err := user.ParsePasswdFilter(wellFormed(acc.passwd, 2, 3), func(u user.User) bool { return u.Uid == int(uid) })
	if err != nil || len(list) == 0 || list[0].Home == "" {
		return "/"
	}
	return list[0].Home
}

// withHome sets HOME unless it is set. The runtime would look for it as well, and
// wait for good where the container has put a pipe in the place of /etc/passwd.
func withHome(env []string, home string) []string {
	if slices.ContainsFunc(env, func(kv string) bool { return strings.HasPrefix(kv, "HOME=") && kv != "HOME=" }) {
		return env
	}
	env = slices.DeleteFunc(slices.Clone(env), func(kv string) bool { return kv == "HOME=" })
	return append(env, "HOME="+home)
}

func findUser(name string, acc accounts) (user.User, bool, error) {
	uid, numeric := number(name)
	if !numeric && isInteger(name) {
		return user.User{}, false, outOfRange()
	}
	list, err := user.ParsePasswdFilter(wellFormed(acc.passwd, 2, 3), func(u user.User) bool {
		return numeric && u.Uid == int(uid) || !numeric && u.Name == name
	})
	switch {
	case err != nil:
		return user.User{}, false, fmt.Errorf("/etc/passwd of the image: %w", err)
	case len(list) > 0:
		if u := list[0]; u.Uid < 0 || u.Uid > maxID || u.Gid < 0 || u.Gid > maxID {
			return user.User{}, false, errorf(errdefs.ErrInvalidArgument, "user %s of the image: uids and gids must be in range 0-%d", name, maxID)
		}
		return list[0], true, nil
	case numeric:
		return user.User{Uid: int(uid)}, false, nil
	}
	return user.User{}, false, errorf(errdefs.ErrNotFound, "unable to find user %s: no matching entries in passwd file", name)
}

func findGroup(name string, acc accounts) (uint32, error) {
	if gid, ok := number(name); ok {
		return gid, nil
	}
	if isInteger(name) {
		return 0, outOfRange()
	}
	list, err := user.ParseGroupFilter(wellFormed(acc.group, 2), func(g user.Group) bool { return g.Name == name })
	if err != nil {
		return 0, fmt.Errorf("/etc/group of the image: %w", err)
	}
	if len(list) == 0 || list[0].Gid < 0 || list[0].Gid > maxID {
		return 0, errorf(errdefs.ErrNotFound, "unable to find group %s: no matching entries in group file", name)
	}
	return uint32(list[0].Gid), nil
}

// memberships are the groups that list a user, as login gives them.
func memberships(name string, acc accounts) ([]uint32, error) {
	list, err := user.ParseGroupFilter(wellFormed(acc.group, 2), func(g user.Group) bool {
		return slices.Contains(g.List, name) && g.Gid >= 0 && g.Gid <= maxID
	})
	if err != nil {
		return nil, fmt.Errorf("/etc/group of the image: %w", err)
	}
	var out []uint32
	for _, g := range list {
		out = append(out, uint32(g.Gid))
	}
	return out, nil
}

// wellFormed keeps the lines whose given fields are ids. The parser takes a field
// that is missing or no number for 0, which would make such a user root.
func wellFormed(data []byte, ids ...int) io.Reader {
	var out bytes.Buffer
	for line := range bytes.Lines(data) {
		f := strings.Split(strings.TrimSpace(string(line)), ":")
		if !slices.ContainsFunc(ids, func(i int) bool {
			if i >= len(f) {
				return true
			}
			_, ok := number(f[i])
			return !ok
		}) {
			out.Write(line)
		}
	}
	return &out
}

func number(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && n <= maxID
}

// isInteger tells a number, of whatever size and sign, from a name.
func isInteger(s string) bool {
	s = strings.TrimPrefix(s, "-")
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func outOfRange() error {
	return errorf(errdefs.ErrInvalidArgument, "uids and gids must be in range 0-%d", maxID)
}
