package iostreams

import (
	"errors"
	"fmt"
	"testing"

	"github.com/containerd/errdefs"
)

func TestErrorLine(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want string
	}{
		{errors.New("one"), "one"},
		{fmt.Errorf("%s", "one\n two\r\n\n \nthree\n"), "one; two; three"},
		{fmt.Errorf("image x: %w", errdefs.ErrNotFound), "image x"},
		{fmt.Errorf("%w: image x", errdefs.ErrNotFound), "not found: image x"},
		{errdefs.ErrNotFound, "not found"},
	} {
		s, _, _, out := Test()
		s.PrintError(tc.err)
		if got := ErrorLine(tc.err); got != tc.want || out.String() != "nerd: "+tc.want+"\n" {
			t.Errorf("%q: got %q, %q", tc.err, got, out)
		}
	}
}
