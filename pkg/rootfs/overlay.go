package rootfs

import (
	"strings"

	"github.com/containerd/containerd/v2/core/mount"
	"golang.org/x/sys/unix"
)

// Overlay is the parts of an overlay mount.
type Overlay struct {
	Lower       []string // folders of the layers, uppermost first
	Upper, Work string   // what is written to; empty if nothing can be
	rest        []string
	flags       uintptr
}

// ParseOverlay takes an overlay mount apart.
func ParseOverlay(m mount.Mount) Overlay {
	var o Overlay
	for _, opt := range m.Options {
		key, value, _ := strings.Cut(opt, "=")
		switch key {
		case "lowerdir":
			o.Lower = strings.Split(value, ":")
		case "upperdir":
			o.Upper = value
		case "workdir":
			o.Work = value
		case "ro":
			o.flags |= unix.MS_RDONLY
		case "rw":
		default:
			o.rest = append(o.rest, opt)
		}
	}
	return o
}

// ReadOnly is how to mount a root file system without writing to it. An overlay's
// upper folder becomes its uppermost layer, so that one which is in use for
// writing can be mounted beside that.
func ReadOnly(mounts []mount.Mount) []mount.Mount {
	out := make([]mount.Mount, len(mounts))
	for i, m := range mounts {
		if m.Type != "overlay" {
			m.Options = append(without(m.Options, "rw"), "ro")
			out[i] = m
			continue
		}
		o := ParseOverlay(m)
		if o.Upper != "" {
			o.Lower = append([]string{o.Upper}, o.Lower...)
		}
		out[i] = layers(m, o)
	}
	return out
}

// Below is how to mount what an overlay's upper folder was put upon, read-only.
func Below(m mount.Mount) []mount.Mount {
	o := ParseOverlay(m)
	return []mount.Mount{layers(m, o)}
}

// layers is a mount of the layers alone; a single one needs no overlay.
func layers(m mount.Mount, o Overlay) mount.Mount {
	if len(o.Lower) == 1 {
		return mount.Mount{Type: "bind", Source: o.Lower[0], Options: []string{"ro", "rbind"}}
	}
	var opts []string
	for _, opt := range o.rest {
		switch key, _, _ := strings.Cut(opt, "="); key {
		case "index", "volatile": // of the upper folder
		default:
			opts = append(opts, opt)
		}
	}
	m.Options = append(opts, "lowerdir="+strings.Join(o.Lower, ":"), "ro")
	return m
}

func without(list []string, word string) []string {
	var out []string
	for _, w := range list {
		if w != word {
			out = append(out, w)
		}
	}
	return out
}
