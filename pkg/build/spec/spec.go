// Package spec is what a build is asked to do, as typed values, and how the text
// of flags becomes these. It is pure and light: whoever only reads a command line
// need not link a builder.
package spec

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
)

// Options are the inputs of a build.
type Options struct {
	// Context is a folder, "-" for Stdin, or the URL of a Git repository or of an
	// archive.
	Context string
	// File is the Dockerfile: a path, or "-" for Stdin. Empty: Dockerfile in the
	// context.
	File   string
	Stdin  io.Reader // a Dockerfile or an archive
	Stdout io.Writer // of an output to "-"
	Env    func(string) (string, bool)

	Tags        []string // full references
	Target      string   // stage; empty: the last
	BuildArgs   map[string]string
	Labels      map[string]string
	Annotations map[string]string // attributes of the exporter
	Contexts    map[string]string // named contexts
	// Links are named contexts that are the results of other builds. Where these
	// results would go is not looked at.
	Links         map[string]*Options
	Secrets       []Secret
	SSH           []SSH
	Platforms     []string
	NoCache       bool
	NoCacheFilter []string // stages
	Pull          bool
	CacheFrom     []Cache
	CacheTo       []Cache
	Outputs       []Output // none: the image store
	Push          bool     // send the tags to their registries afterwards

	Network      string // default, host or none
	AddHosts     []string
	ShmSize      int64 // bytes
	Ulimits      []string
	CgroupParent string
	Allow        []string
	Attest       map[string]string
	// Call asks about the build instead of running it: lint, outline or targets.
	Call string
}

// Secret is a value that build steps may read: Value unless it is nil, else that
// of a file or of a variable.
type Secret struct {
	ID, File, Env string
	Value         []byte
}

// SSH is an agent or keys that build steps may use.
type SSH struct {
	ID    string
	Paths []string
}

// Cache is where a build cache comes from or goes to.
type Cache struct {
	Type  string
	Attrs map[string]string
}

// Output is where a result goes.
type Output struct {
	Type  string // image, local, tar, oci or docker
	Dest  string // path, "-" for standard output; empty for image
	Attrs map[string]string
}

// ParseTag checks a name of -t and completes it.
func ParseTag(text string) (string, error) {
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		reason := "invalid reference format"
		if errors.Is(err, reference.ErrNameContainsUppercase) || strings.Contains(err.Error(), "must be lowercase") {
			reason = "repository name must be lowercase"
		}
		return "", invalid("invalid tag %q: %s", text, reason)
	}
	if _, ok := named.(reference.Digested); ok {
		return "", invalid("invalid tag %q: a digest cannot be chosen", text)
	}
	return reference.TagNameOnly(named).String(), nil
}

// ParseContextNames reads NAME=VALUE of --build-context.
func ParseContextNames(values []string) (map[string]string, error) {
	out := make(map[string]string, len(values))
	for _, v := range values {
		key, value, ok := strings.Cut(v, "=")
		if !ok {
			return nil, invalid("invalid context value: %s, expected key=value", v)
		}
		named, err := reference.ParseNormalizedNamed(key)
		if err != nil {
			return nil, invalid("invalid context name %s: %s", key, err)
		}
		out[strings.TrimSuffix(reference.FamiliarString(named), ":latest")] = value
	}
	return out, nil
}

// ParseArgs reads NAME=VALUE and NAME, which takes the value of a variable and is
// left out if there is none.
func ParseArgs(values []string, env func(string) (string, bool)) map[string]string {
	out := make(map[string]string, len(values))
	for _, v := range values {
		key, value, ok := strings.Cut(v, "=")
		if !ok {
			if value, ok = env(key); !ok {
				continue
			}
		}
		out[key] = value
	}
	return out
}

// ParseLabels reads NAME=VALUE and NAME, whose value is empty.
func ParseLabels(values []string) map[string]string {
	return ParseArgs(values, func(string) (string, bool) { return "", true })
}

// kindError is an InvalidArgument whose text does not say so.
type kindError struct{ text string }

func (e *kindError) Error() string { return e.text }
func (e *kindError) Unwrap() error { return errdefs.ErrInvalidArgument }

func invalid(format string, args ...any) error { return &kindError{fmt.Sprintf(format, args...)} }
