package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	creference "github.com/containerd/containerd/v2/pkg/reference"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
)

const (
	// maxTagPage bounds one page of a list of tags, in bytes.
	maxTagPage = 8 << 20
	// maxTags bounds the list.
	maxTags = 1_000_000
	// maxTagPages ends a list whose pages lead in a circle.
	maxTagPages = 1000
)

// Tags lists the tags of a repository, sorted. Hosts are tried in turn, and the
// pages of a list are followed.
func (r *Resolver) Tags(ctx context.Context, repo reference.Named) ([]string, error) {
	spec, err := creference.Parse(repo.Name())
	if err != nil {
		return nil, err
	}
	ctx, err = docker.ContextWithRepositoryScope(ctx, spec, false)
	if err != nil {
		return nil, err
	}
	hosts, err := r.Hosts(ctx)(reference.Domain(repo))
	if err != nil {
		return nil, err
	}
	failed := error(errdefs.ErrNotFound)
	for _, h := range hosts {
		if !h.Capabilities.Has(docker.HostCapabilityResolve) {
			continue
		}
		tags, err := listTags(ctx, h, reference.Domain(repo), reference.Path(repo))
		if err == nil {
			slices.Sort(tags)
			return slices.Compact(tags), nil
		}
		failed = err
	}
	return nil, Explain(repo, failed)
}

func listTags(ctx context.Context, h docker.RegistryHost, domain, repo string) ([]string, error) {
	next := &url.URL{Scheme: h.Scheme, Host: h.Host, Path: path.Join("/", h.Path, repo, "tags/list"), RawQuery: standsFor(h, domain)}
	var all []string
	for range maxTagPages {
		resp, err := get(ctx, h, next)
		if err != nil {
			return nil, err
		}
		var page struct{ Tags []string }
		err = json.NewDecoder(io.LimitReader(resp.Body, maxTagPage)).Decode(&page)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			return nil, fmt.Errorf("list of tags: %w", err)
		}
		if all = append(all, page.Tags...); len(all) > maxTags {
			return nil, fmt.Errorf("the list of tags has more than %d", maxTags)
		}
		link, err := nextPage(resp.Header.Get("Link"))
		if err != nil {
			return nil, err
		}
		if link == nil {
			return all, nil
		}
		follow := next.ResolveReference(link)
		if follow.Host != next.Host || follow.Scheme != next.Scheme {
			return nil, fmt.Errorf("registry %s continues its list of tags on another host, %s", next.Host, follow.Host)
		}
		next = follow
	}
	return nil, fmt.Errorf("the list of tags has more than %d pages", maxTagPages)
}

// nextPage reads the Link header of a page (RFC 5988); nil if it is the last.
func nextPage(header string) (*url.URL, error) {
	if header == "" || !strings.Contains(header, `rel="next"`) {
		return nil, nil
	}
	_, rest, open := strings.Cut(header, "<")
	target, _, closed := strings.Cut(rest, ">")
	if !open || !closed {
		return nil, fmt.Errorf("the registry's Link header %q is malformed", header)
	}
	return url.Parse(target)
}
