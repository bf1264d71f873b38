package ctrd

import (
	"errors"
	"testing"

	"github.com/containerd/errdefs"
)

func TestUpdateError(t *testing.T) {
	for text, want := range map[string]string{
		"runc did not terminate successfully: exit status 1: failed to write \"1\": write /x: invalid argument\n: unknown":             `failed to write "1": write /x (invalid argument)`,
		"crun did not terminate successfully: exit status 255: writing file `/x`: Invalid argument\n: unknown":                         "writing file `/x`: Invalid argument",
		"runc did not terminate successfully: exit status 1: time=\"x\" level=warning\nthe minimum allowed cpu-shares is 2\n: unknown": "the minimum allowed cpu-shares is 2",
		"something else": "something else",
	} {
		if got := UpdateError(errors.New(text)); got.Error() != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if UpdateError(nil) != nil || !errdefs.IsNotFound(UpdateError(errdefs.ErrNotFound)) {
		t.Error("a kind was lost")
	}
}
