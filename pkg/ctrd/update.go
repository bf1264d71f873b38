package ctrd

import (
	"errors"
	"strings"

	"github.com/containerd/errdefs"
)

// UpdateError says in one line why the runtime did not take new limits: the words
// of the runtime, without what shim and client put around them.
func UpdateError(err error) error {
	if err == nil || errdefs.IsNotFound(err) || errdefs.IsUnavailable(err) {
		return err
	}
	text := strings.TrimSuffix(err.Error(), ": "+errdefs.ErrUnknown.Error())
	if _, after, ok := strings.Cut(text, " did not terminate successfully: exit status "); ok {
		_, text, _ = strings.Cut(after, ": ")
	}
	text = clean(lastLine(strings.TrimSuffix(text, ": unknown")))
	// The kernel's words at the end are no kind of an error of ours.
	if what, ok := strings.CutSuffix(text, ": "+errdefs.ErrInvalidArgument.Error()); ok {
		text = what + " (invalid argument)"
	}
	return errors.New(text)
}
