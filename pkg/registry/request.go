package registry

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	remoteerrors "github.com/containerd/containerd/v2/core/remotes/errors"
)

// get asks for a document; anything but 200 is an error.
func get(ctx context.Context, h docker.RegistryHost, u *url.URL) (*http.Response, error) {
	resp, err := ask(ctx, h, http.MethodGet, u)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, refusal(resp)
	}
	return resp, nil
}

// ask sends a request without a body once, and once more with the credentials
// that the answer asks for. The answer may be any; the caller closes its body.
func ask(ctx context.Context, h docker.RegistryHost, method string, u *url.URL) (*http.Response, error) {
	return exchange(ctx, h, func() (*http.Request, error) {
		return http.NewRequestWithContext(ctx, method, u.String(), nil)
	})
}

// exchange is ask for a request that can be made twice.
func exchange(ctx context.Context, h docker.RegistryHost, request func() (*http.Request, error)) (*http.Response, error) {
	var seen []*http.Response
	for {
		req, err := request()
		if err != nil {
			return nil, err
		}
		resp, err := sendOne(ctx, h, req)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode != http.StatusUnauthorized || h.Authorizer == nil || len(seen) > 0 {
			return resp, nil
		}
		seen = append(seen, resp)
		drop(resp)
		if err := h.Authorizer.AddResponses(ctx, seen); err != nil {
			return nil, err
		}
	}
}

// sendOne sends a request with what is known of the credentials.
func sendOne(ctx context.Context, h docker.RegistryHost, req *http.Request) (*http.Response, error) {
	for key, values := range h.Header {
		req.Header[key] = values
	}
	if h.Authorizer != nil {
		if err := h.Authorizer.Authorize(ctx, req); err != nil {
			return nil, err
		}
	}
	return h.Client.Do(req)
}

// refusal is the error for an answer, whose body it closes.
func refusal(resp *http.Response) error {
	err := remoteerrors.NewUnexpectedStatusErr(resp)
	_ = resp.Body.Close() // it was read for the error
	return err
}

// drop gives up an answer, and keeps its connection if little of it is left.
func drop(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, maxDrained)
	_ = resp.Body.Close()
}

// standsFor is the query by which a host that stands in for a registry is told
// for which one, as containerd does.
func standsFor(h docker.RegistryHost, domain string) string {
	if h.Host == Endpoint(domain) {
		return ""
	}
	return url.Values{"ns": {domain}}.Encode()
}
