package image

import (
	"errors"
	"fmt"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	digest "github.com/opencontainers/go-digest"
)

// danglingPrefix names an image that lost its last tag. containerd has no
// nameless images; the prefix is the one Docker uses in the same store.
const danglingPrefix = "moby-dangling@"

// minShortID is the least of an id that Docker takes for one.
const minShortID = 4

// Ref is what a user typed to name an image, taken apart.
type Ref struct {
	typed  string
	named  reference.Named // nil when it can only be an id
	digest digest.Digest   // of a full id, or of name@digest
	prefix string          // hex digits of a short id; empty when it cannot be one
}

// ParseRef reads a name, a digest, an id or a short id. What could be a name and
// a short id ("cafe") is both, and the name comes first, as in Docker.
func ParseRef(typed string) (Ref, error) {
	r := Ref{typed: typed}
	hex := strings.TrimPrefix(typed, "sha256:")
	if isHex(hex) && len(hex) == 64 {
		r.digest = digest.NewDigestFromEncoded(digest.SHA256, hex)
		return r, nil
	}
	if isHex(hex) && len(hex) >= minShortID && len(hex) < 64 {
		r.prefix = hex
	}
	if hex != typed && r.prefix != "" {
		return r, nil
	}
	named, err := parseNamed(typed)
	if err != nil {
		return Ref{}, err
	}
	r.named = named
	if d, ok := named.(reference.Digested); ok {
		r.digest = d.Digest()
	}
	return r, nil
}

// ParseName reads a reference to a repository, adding Docker's defaults: the
// domain docker.io, library/ and the tag latest.
func ParseName(typed string) (reference.Named, error) { return parseNamed(typed) }

func parseNamed(typed string) (reference.Named, error) {
	named, err := reference.ParseNormalizedNamed(typed)
	if err != nil {
		return nil, invalidRef(typed, err)
	}
	return reference.TagNameOnly(named), nil
}

func invalidRef(typed string, err error) error {
	if errors.Is(err, reference.ErrReferenceInvalidFormat) {
		err = errors.New("invalid reference format")
	}
	return &refError{fmt.Errorf("%w: %q", err, typed)}
}

// refError is an InvalidArgument whose text is Docker's alone.
type refError struct{ error }

func (e *refError) Unwrap() []error { return []error{e.error, errdefs.ErrInvalidArgument} }

func isHex(s string) bool {
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return s != ""
}

// familiar is how Docker prints the reference: busybox:latest.
func (r Ref) familiar() string {
	if r.named != nil {
		return reference.FamiliarString(r.named)
	}
	return r.typed
}

// notFound is Docker's error for an image that is not here.
func (r Ref) notFound() error { return &missingError{"No such image: " + r.familiar()} }

type missingError struct{ text string }

func (e *missingError) Error() string { return e.text }
func (e *missingError) Unwrap() error { return errdefs.ErrNotFound }

// kindError is an error of an errdefs kind whose text does not say the kind.
type kindError struct {
	text string
	kind error
}

func (e *kindError) Error() string { return e.text }
func (e *kindError) Unwrap() error { return e.kind }

// Errorf makes an error of an errdefs kind whose text does not say the kind.
func Errorf(kind error, format string, args ...any) error { return errorf(kind, format, args...) }

func errorf(kind error, format string, args ...any) error {
	return &kindError{fmt.Sprintf(format, args...), kind}
}

// storeName is the name under which containerd keeps a reference.
func storeName(named reference.Named) string {
	if c, ok := named.(reference.Canonical); ok {
		// A tag beside a digest is only a comment: the digest decides.
		if trimmed, err := reference.WithDigest(reference.TrimNamed(c), c.Digest()); err == nil {
			return trimmed.String()
		}
	}
	return named.String()
}

// danglingName is the name of an image that has none.
func danglingName(d digest.Digest) string { return danglingPrefix + d.String() }

// isDangling tells the names that stand for no name. Besides Docker's there are
// those that other clients of containerd leave.
func isDangling(name string) bool {
	return strings.HasPrefix(name, danglingPrefix) || strings.HasPrefix(name, "<none>@") || strings.HasPrefix(name, "overlayfs@")
}

// Familiar shortens a full name as Docker prints it; a name that is not a
// reference stays as it is.
func Familiar(name string) string {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	return reference.FamiliarString(named)
}
