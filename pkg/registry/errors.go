package registry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	remoteerrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"

	"github.com/nerd-cli/nerd/pkg/errs"
)

// Explain turns a failed request for a reference into the error a user of Docker
// knows, with the errdefs kind that a caller can ask for.
func Explain(ref reference.Named, err error) error { return explain("pull", ref, err) }

// ExplainPush is Explain for a push.
func ExplainPush(ref reference.Named, err error) error { return explain("push", ref, err) }

// tooLarge is how containerd words that a manifest is larger than it takes; the
// error is of the same kind as that of an absent one.
const tooLarge = " byte manifest for "

func explain(verb string, ref reference.Named, err error) error {
	name := reference.FamiliarName(ref)
	domain := reference.Domain(ref)
	var status remoteerrors.ErrUnexpectedStatus
	var own *kindError
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &own): // without what the client put around it: the method and the address
		return fmt.Errorf("%s: %w", reference.FamiliarString(ref), own)
	case errors.As(err, &status):
		return explainStatus(verb, ref, status)
	case errors.Is(err, docker.ErrInvalidAuthorization):
		return denied(verb, name, domain)
	case strings.Contains(err.Error(), tooLarge):
		return errorf(errdefs.ErrInvalidArgument, "the manifest of %s is larger than the %d bytes that one may have", reference.FamiliarString(ref), docker.MaxManifestSize)
	case errdefs.IsNotFound(err):
		return errorf(errdefs.ErrNotFound, "manifest for %s not found: manifest unknown", reference.FamiliarString(ref))
	case unreachable(err):
		return errorf(errdefs.ErrUnavailable, "registry %s cannot be reached: %w", domain, root(err))
	}
	return fmt.Errorf("%s: %w", reference.FamiliarString(ref), err)
}

func explainStatus(verb string, ref reference.Named, status remoteerrors.ErrUnexpectedStatus) error {
	name, domain := reference.FamiliarName(ref), reference.Domain(ref)
	switch status.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return denied(verb, name, domain)
	case http.StatusNotFound:
		return errorf(errdefs.ErrNotFound, "manifest for %s not found: manifest unknown", reference.FamiliarString(ref))
	case http.StatusTooManyRequests: // it was asked several times
		return errorf(errdefs.ErrUnavailable, "toomanyrequests: registry %s limits how often it can be asked, try again later", domain)
	}
	return errorf(errdefs.ErrUnavailable, "registry %s answered %d %s for %s", domain, status.StatusCode, http.StatusText(status.StatusCode), name)
}

func denied(verb, name, domain string) error {
	err := errorf(errdefs.ErrPermissionDenied, "%s access denied for %s, repository does not exist or may require authorization", verb, name)
	return errs.WithHint(err, "log in with `nerd login %s`", domain)
}

// unreachable tells a failure to talk to the host from an answer of the host.
func unreachable(err error) bool {
	var netErr net.Error
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &op) || errors.As(err, &dns) || errors.As(err, &netErr) || strings.Contains(err.Error(), "tls: ")
}

// root drops the outer layers, which repeat the URL and the verb.
func root(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns
	}
	var request *url.Error
	if errors.As(err, &request) {
		return request.Err
	}
	return err
}

// kindError is an error of an errdefs kind whose text does not say the kind.
type kindError struct {
	error
	kind error
}

func (e *kindError) Unwrap() []error { return []error{e.error, e.kind} }

func errorf(kind error, format string, args ...any) error {
	return &kindError{fmt.Errorf(format, args...), kind}
}
