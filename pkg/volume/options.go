package volume

import (
	"net/url"

	"github.com/containerd/errdefs"
	"github.com/docker/go-units"

	"github.com/nerd-cli/nerd/pkg/errs"
)

// Options of the driver local: a file system to mount over the volume's folder,
// in the words of mount(8).
const (
	optType   = "type"
	optDevice = "device"
	optMount  = "o"
	optSize   = "size"
)

// required says which options an option needs beside it.
var required = []struct {
	option string
	needs  []string
}{
	{optDevice, []string{optType}},
	{optType, []string{optDevice}},
	{optMount, []string{optDevice, optType}},
}

// checkOptions says what is wrong with a volume's options, in dockerd's words.
func checkOptions(name string, opts map[string]string) error {
	for key := range opts {
		switch key {
		case optType, optDevice, optMount, optSize:
		default:
			return errorf(errdefs.ErrInvalidArgument, "create %s: invalid option: %q", name, key)
		}
	}
	if err := checkDevice(name, opts); err != nil {
		return err
	}
	if text, ok := opts[optSize]; ok {
		size, err := units.RAMInBytes(text)
		if err != nil {
			return errorf(errdefs.ErrInvalidArgument, "create %s: %v", name, err)
		}
		if size > 0 { // it needs project quotas; a tmpfs takes its size in "o"
			return errs.WithHint(errorf(errdefs.ErrInvalidArgument, "create %s: quota size requested but no quota support", name), "a tmpfs has a size: --opt type=tmpfs --opt device=tmpfs --opt o=size=%s", text)
		}
	}
	for _, r := range required {
		if _, given := opts[r.option]; !given {
			continue
		}
		for _, need := range r.needs {
			if _, ok := opts[need]; !ok {
				return errorf(errdefs.ErrInvalidArgument, "create %s: missing required option: %q", name, need)
			}
		}
	}
	return nil
}

// checkDevice refuses a port in the address of a Windows share, which the
// kernel wants elsewhere.
func checkDevice(name string, opts map[string]string) error {
	if opts[optType] != "cifs" || opts[optDevice] == "" {
		return nil
	}
	u, err := url.Parse(opts[optDevice])
	switch {
	case err != nil:
		return errorf(errdefs.ErrInvalidArgument, "create %s: error parsing mount device url: %v", name, err)
	case u.Port() != "":
		return errorf(errdefs.ErrInvalidArgument, "create %s: port not allowed in CIFS device URL, include 'port' in 'o='", name)
	}
	return nil
}

// checkDriver refuses what there is none of.
func checkDriver(name, driver string) error {
	if driver == "" || driver == Driver || driver == "default" {
		return nil
	}
	return errorf(errdefs.ErrNotFound, "create %s: error looking up volume plugin %s: plugin %q not found: nerd has the driver %q alone", name, driver, driver, Driver)
}
