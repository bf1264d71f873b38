package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	remoteerrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/containerd/errdefs"
	apiregistry "github.com/moby/moby/api/types/registry"

	"github.com/nerd-cli/nerd/pkg/errs"
)

const (
	// searchHost answers searches of Docker Hub.
	searchHost = "index.docker.io"
	// defaultResults is how many results are asked for, maxResults how many can be.
	defaultResults, maxResults = 25, 100
	// maxAnswer bounds the answer to a search, in bytes.
	maxAnswer = 8 << 20
)

// SearchOptions say which results of a search are wanted.
type SearchOptions struct {
	Limit    int // 1 to 100; 0: 25
	MinStars int
	Official *bool // nil: both
}

// Search asks Docker Hub, or the registry that the term begins with, for
// repositories, as `docker search` does. Only the hub and registries with its
// first API have a search; another one is NotImplemented.
func (r *Resolver) Search(ctx context.Context, term string, opts SearchOptions) ([]apiregistry.SearchResult, error) {
	if opts.Limit == 0 {
		opts.Limit = defaultResults
	}
	if opts.Limit < 1 || opts.Limit > maxResults {
		return nil, errorf(errdefs.ErrInvalidArgument, "limit %d is outside the range of [1, %d]", opts.Limit, maxResults)
	}
	if strings.Contains(term, "://") {
		return nil, errorf(errdefs.ErrInvalidArgument, "invalid search term %q: [REGISTRY/]WORD is expected, without a scheme", term)
	}
	host, word := splitTerm(term)
	hosts, err := r.Hosts(ctx)(host)
	if err != nil {
		return nil, err
	}
	h := hosts[len(hosts)-1]
	u := &url.URL{
		Scheme: h.Scheme, Host: h.Host, Path: path.Join("/", strings.TrimSuffix(h.Path, "/v2"), "v1/search"),
		RawQuery: url.Values{"q": {word}, "n": {strconv.Itoa(opts.Limit)}}.Encode(),
	}
	resp, err := get(ctx, h, u)
	if err != nil {
		return nil, explainSearch(host, err)
	}
	defer resp.Body.Close()
	var found apiregistry.SearchResults
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&found); err != nil {
		return nil, explainSearch(host, fmt.Errorf("%w: %w", err, errdefs.ErrNotImplemented))
	}
	out := []apiregistry.SearchResult{}
	for _, one := range found.Results {
		if one.StarCount >= opts.MinStars && (opts.Official == nil || *opts.Official == one.IsOfficial) {
			out = append(out, one)
		}
	}
	return out, nil
}

// splitTerm takes a registry off the front of a search term, by the same rule
// as that of image names.
func splitTerm(term string) (host, word string) {
	first, rest, ok := strings.Cut(term, "/")
	switch {
	case !ok || !strings.ContainsAny(first, ".:") && first != "localhost":
		return searchHost, strings.TrimPrefix(term, "library/")
	case first == hubDomain || first == searchHost:
		return searchHost, strings.TrimPrefix(rest, "library/")
	}
	return first, rest
}

func explainSearch(host string, err error) error {
	var status remoteerrors.ErrUnexpectedStatus
	none := errdefs.IsNotImplemented(err)
	if errors.As(err, &status) {
		none = status.StatusCode == http.StatusNotFound || status.StatusCode == http.StatusMethodNotAllowed
	}
	switch {
	case none:
		return errs.WithHint(errorf(errdefs.ErrNotImplemented, "registry %s has no search", host), "name the repository, and nerd pull --all-tags finds its tags")
	case unreachable(err):
		return errorf(errdefs.ErrUnavailable, "registry %s cannot be reached: %w", host, root(err))
	}
	return fmt.Errorf("search of %s: %w", host, err)
}
