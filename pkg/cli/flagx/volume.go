package flagx

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// ParseVolume splits the values of --volume as Docker's client does: one with a
// colon is SOURCE:TARGET[:OPTIONS], the form of HostConfig.Binds, one without is
// the place of an anonymous volume. A SOURCE that starts with a dot is made
// absolute, as the caller's folder is not known further down. Everything else is
// checked there.
func ParseVolume(text string) (bind, anonymous string, err error) {
	if text == "" {
		return "", "", errors.New("invalid empty volume spec")
	}
	source, rest, colon := strings.Cut(text, ":")
	if !colon {
		return "", text, nil
	}
	if strings.HasPrefix(source, ".") {
		if source, err = filepath.Abs(source); err != nil {
			return "", "", fmt.Errorf("invalid volume specification: '%s': %w", text, err)
		}
	}
	return source + ":" + rest, "", nil
}
