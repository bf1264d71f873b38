package mountpoint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/mount"
)

// tmpfsFlags and tmpfsValues are the mount options that a tmpfs takes, as dockerd
// knows them.
var (
	tmpfsFlags = []string{
		"defaults", "ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "sync", "async", "dirsync", "remount", "mand", "nomand",
		"atime", "noatime", "diratime", "nodiratime", "bind", "rbind", "unbindable", "runbindable", "private", "rprivate", "shared", "rshared",
		"slave", "rslave", "relatime", "norelatime", "strictatime", "nostrictatime",
	}
	tmpfsValues = []string{"mode", "uid", "gid", "size", "nr_inodes", "nr_blocks", "mpol"}
)

// CheckTmpfsOptions says which of the options of a --tmpfs there is none of.
func CheckTmpfsOptions(text string) error {
	if text == "" {
		return nil
	}
	for _, o := range strings.Split(text, ",") {
		key, _, hasValue := strings.Cut(o, "=")
		if hasValue && slices.Contains(tmpfsValues, key) || !hasValue && slices.Contains(tmpfsFlags, o) {
			continue
		}
		return errorf("invalid tmpfs option %q", o)
	}
	return nil
}

func (m *Mount) fromTmpfs(in *mount.Mount) error {
	if m.Source != "" {
		return errorf("field Source must not be specified")
	}
	m.Tmpfs = []string{"noexec", "nosuid", "nodev"}
	if m.ReadOnly {
		m.Tmpfs = append(m.Tmpfs, "ro")
	}
	o := in.TmpfsOptions
	if o == nil {
		return nil
	}
	if o.SizeBytes < 0 {
		return errorf("tmpfs-size must not be negative")
	}
	if o.SizeBytes > 0 {
		m.Tmpfs = append(m.Tmpfs, "size="+strconv.FormatInt(o.SizeBytes, 10))
	}
	if o.Mode != 0 {
		m.Tmpfs = append(m.Tmpfs, fmt.Sprintf("mode=%o", o.Mode))
	}
	for _, option := range o.Options { // of the API alone: [key] or [key, value]
		text := strings.Join(option, "=")
		if err := CheckTmpfsOptions(text); err != nil {
			return err
		}
		m.Tmpfs = slices.DeleteFunc(m.Tmpfs, func(have string) bool { return strings.TrimPrefix(have, "no") == strings.TrimPrefix(text, "no") })
		m.Tmpfs = append(m.Tmpfs, text)
	}
	return nil
}
