package iostreams

import (
	"fmt"
	"strings"

	"github.com/containerd/errdefs"
)

// PrintError writes an error as the one line that users see of it.
func (s *IOStreams) PrintError(err error) {
	fmt.Fprintf(s.Err, "nerd: %s\n", ErrorLine(err))
}

// ErrorLine is the text of an error on one line, without the kind that errdefs
// leaves at its end: that is for programs.
func ErrorLine(err error) string {
	lines := strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' })
	kept := lines[:0]
	for _, line := range lines {
		if line = strings.TrimSpace(line); line != "" {
			kept = append(kept, line)
		}
	}
	text := strings.Join(kept, "; ")
	for _, kind := range []error{
		errdefs.ErrNotFound, errdefs.ErrInvalidArgument, errdefs.ErrAlreadyExists, errdefs.ErrFailedPrecondition,
		errdefs.ErrNotImplemented, errdefs.ErrUnavailable, errdefs.ErrUnknown, errdefs.ErrPermissionDenied,
	} {
		text = strings.TrimSuffix(text, ": "+kind.Error())
	}
	return text
}
