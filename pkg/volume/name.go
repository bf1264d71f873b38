package volume

import (
	"crypto/rand"
	"encoding/hex"
	"strings"

	"github.com/containerd/errdefs"
)

// RandomName is a name for a volume that was given none. No container's id or
// other volume has it.
func RandomName() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	return hex.EncodeToString(b[:])
}

// maxName is what a file's name may have on Linux, in bytes.
const maxName = 255

// CheckName says what is wrong with a name, in dockerd's words. A name is a
// folder's, so it must not lead anywhere else.
func CheckName(name string) error {
	if len(name) == 1 {
		return errorf(errdefs.ErrInvalidArgument, "create %s: volume name is too short, names should be at least two alphanumeric characters", name)
	}
	if !wellFormed(name) {
		return errorf(errdefs.ErrInvalidArgument, "create %s: %q includes invalid characters for a local volume name, only %q are allowed. "+
			"If you intended to pass a host directory, use absolute path", name, name, "[a-zA-Z0-9][a-zA-Z0-9_.-]")
	}
	if len(name) > maxName {
		return errorf(errdefs.ErrInvalidArgument, "create %s...: volume name is too long: %d characters are the most", name[:16], maxName)
	}
	return nil
}

// wellFormed tells whether a name has at least two characters, all of them
// letters, digits, or, after the first, one of "_.-".
func wellFormed(name string) bool {
	if len(name) < 2 {
		return false
	}
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("_.-", r)) {
			return false
		}
	}
	return true
}

// random tells whether a name looks like one of RandomName's.
func random(name string) bool {
	return len(name) == 64 && strings.Trim(name, "0123456789abcdef") == ""
}
