package registry

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/sirupsen/logrus"
)

// maxDocument bounds answers that are no blobs: tokens, manifests, lists. Whoever
// reads them reads all of them into memory.
const maxDocument = 32 << 20

// guarded stands between a client and a registry that is not to be trusted more
// than it has to be.
type guarded struct {
	http.RoundTripper
	// clear is set where the user has allowed plain HTTP; else no secret is sent
	// over it, wherever the registry says that its token server is.
	clear bool
}

// RoundTrip sends a request, and bounds its answer.
func (g *guarded) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme == "http" && !g.clear && !docker.IsLocalhost(req.URL.Host) && secretive(req) {
		if req.Body != nil {
			_ = req.Body.Close() // as a RoundTripper must
		}
		return nil, errorf(errdefs.ErrPermissionDenied, "credentials are not sent to %s over plain HTTP", req.URL.Host)
	}
	resp, err := g.RoundTripper.RoundTrip(req)
	if err == nil && !isBlob(req) {
		resp.Body = &bounded{resp.Body, maxDocument}
	}
	return resp, err
}

// secretive tells whether a request carries credentials.
func secretive(req *http.Request) bool {
	return req.Header.Get("Authorization") != "" || isForm(req)
}

// isForm tells the requests for a token that have the password in their body.
func isForm(req *http.Request) bool {
	return req.Method == http.MethodPost && strings.HasPrefix(req.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
}

// isBlob tells whether a request, or the one that was redirected to it, is for a blob.
func isBlob(req *http.Request) bool {
	for req.Response != nil && req.Response.Request != nil {
		req = req.Response.Request
	}
	return strings.Contains(req.URL.Path, "/blobs/")
}

// bounded is a body that ends with an error if it is longer than it may be.
type bounded struct {
	io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, fmt.Errorf("the registry's answer has more than %d bytes: %w", maxDocument, errdefs.ErrInvalidArgument)
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left+1)])
	b.left -= int64(n)
	return n, err
}

// guard puts a guard before the transports of a registry's clients, some of which
// the hosts share.
func guard(hosts []docker.RegistryHost, insecure bool) {
	plain := slices.ContainsFunc(hosts, func(h docker.RegistryHost) bool { return h.Scheme == "http" })
	for _, h := range hosts {
		if _, done := h.Client.Transport.(*guarded); !done {
			h.Client.Transport = &guarded{h.Client.Transport, insecure || plain}
		}
	}
}

// closeted is a resolver whose fetchers ask the registry alone. A descriptor can
// name other places, anywhere, and only the makers of layers that no registry may
// have need them: an image must not make this machine ask its neighbours.
type closeted struct{ remotes.Resolver }

// Fetcher fetches from a repository.
func (c closeted) Fetcher(ctx context.Context, ref string) (remotes.Fetcher, error) {
	inner, err := c.Resolver.Fetcher(ctx, ref)
	if err != nil {
		return nil, err
	}
	return ownFetcher{inner}, nil
}

type ownFetcher struct{ remotes.Fetcher }

// Fetch fetches what a descriptor is of.
func (f ownFetcher) Fetch(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	if !images.IsNonDistributable(desc.MediaType) {
		desc.URLs = nil
	}
	return f.Fetcher.Fetch(ctx, desc)
}

// FetchReferrers lists what the repository has about a manifest.
func (f ownFetcher) FetchReferrers(ctx context.Context, d digest.Digest, opts ...remotes.FetchReferrersOpt) ([]ocispec.Descriptor, error) {
	lister, ok := f.Fetcher.(remotes.ReferrersFetcher)
	if !ok {
		return nil, errdefs.ErrNotImplemented
	}
	return lister.FetchReferrers(ctx, d, opts...)
}

// complaints are the errors that a library logs instead of giving them back.
type complaints struct{ first error }

func (c *complaints) Levels() []logrus.Level { return []logrus.Level{logrus.ErrorLevel} }

func (c *complaints) Fire(e *logrus.Entry) error {
	if err, ok := e.Data[logrus.ErrorKey].(error); ok && c.first == nil {
		c.first = fmt.Errorf("%s: %w", e.Message, err)
	}
	return nil
}

// heard gives a context in which complaints are noted and nothing is printed.
func heard(ctx context.Context) (context.Context, *complaints) {
	c := &complaints{}
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	logger.SetLevel(logrus.ErrorLevel)
	logger.AddHook(c)
	return log.WithLogger(ctx, logrus.NewEntry(logger)), c
}
