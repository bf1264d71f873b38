package flagx_test

import (
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

func TestParseDevice(t *testing.T) {
	for in, want := range map[string]container.DeviceMapping{
		"/dev/a":            {PathOnHost: "/dev/a", PathInContainer: "/dev/a", CgroupPermissions: "rwm"},
		"/dev/a:/dev/b":     {PathOnHost: "/dev/a", PathInContainer: "/dev/b", CgroupPermissions: "rwm"},
		"/dev/a:r":          {PathOnHost: "/dev/a", PathInContainer: "/dev/a", CgroupPermissions: "r"},
		"/dev/a:/dev/b:mrw": {PathOnHost: "/dev/a", PathInContainer: "/dev/b", CgroupPermissions: "mrw"},
		"/dev/a::rw":        {PathOnHost: "/dev/a", PathInContainer: "/dev/a", CgroupPermissions: "rw"},
	} {
		if got, err := flagx.ParseDevice(in); err != nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"":                 "not an absolute path",
		"dev/a":            "not an absolute path",
		"/dev/a:b":         "not an absolute path",
		"/dev/a:/b:x":      "bad mode specified: x",
		"/dev/a:/b:rr":     "bad mode specified: rr",
		"/dev/a:/b:":       "bad mode specified",
		"/a:/b:r:w":        "invalid device specification",
		"vendor.com/gpu=0": "not an absolute path",
	} {
		if _, err := flagx.ParseDevice(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", in, err, want)
		}
	}
}
