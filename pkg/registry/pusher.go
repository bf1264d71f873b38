package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/pkg/labels"
	creference "github.com/containerd/containerd/v2/pkg/reference"
	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// pusher sends blobs in requests that go on where they were cut, if the registry
// can do that. Manifests are small, and containerd's own pusher sends them.
type pusher struct {
	remotes.Pusher
	host    docker.RegistryHost
	repo    string // without the registry
	domain  string // that the reference names
	spec    creference.Spec
	tracker docker.StatusTracker
	pause   func(context.Context, time.Duration) error
}

// Push begins to send content. What the registry has is AlreadyExists, and the
// tracker tells whether it had been there or was mounted from elsewhere.
func (p *pusher) Push(ctx context.Context, desc ocispec.Descriptor) (content.Writer, error) {
	if images.IsManifestType(desc.MediaType) || images.IsIndexType(desc.MediaType) {
		return p.Pusher.Push(ctx, desc)
	}
	ctx, err := docker.ContextWithRepositoryScope(ctx, p.spec, true)
	if err != nil {
		return nil, err
	}
	u := &upload{ctx: ctx, pusher: p, desc: desc, ref: remotes.MakeRefKey(ctx, desc), began: time.Now()}
	there, err := p.exists(ctx, desc)
	if err != nil {
		return nil, err
	}
	if there {
		u.note(docker.PushStatus{Exists: true}, true)
		return nil, alreadyThere(desc)
	}
	from, err := u.open(p.mountable(desc.Annotations))
	if err != nil {
		return nil, err
	}
	if from != "" {
		u.note(docker.PushStatus{MountedFrom: path.Join(p.domain, from)}, true)
		return nil, alreadyThere(desc)
	}
	u.note(docker.PushStatus{}, false)
	return u, nil
}

func alreadyThere(desc ocispec.Descriptor) error {
	return fmt.Errorf("content %s on remote: %w", desc.Digest, errdefs.ErrAlreadyExists)
}

// at is the place of something in the repository.
func (p *pusher) at(elem ...string) *url.URL {
	return &url.URL{
		Scheme: p.host.Scheme, Host: p.host.Host, RawQuery: standsFor(p.host, p.domain),
		Path: path.Join(append([]string{"/", p.host.Path, p.repo}, elem...)...),
	}
}

// exists tells whether the repository has a blob. Some registries do not let
// everybody ask who may send.
func (p *pusher) exists(ctx context.Context, desc ocispec.Descriptor) (bool, error) {
	resp, err := ask(ctx, p.host, http.MethodHead, p.at("blobs", desc.Digest.String()))
	if errors.Is(err, docker.ErrInvalidAuthorization) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		drop(resp)
		return true, nil
	case http.StatusNotFound, http.StatusUnauthorized, http.StatusForbidden:
		drop(resp)
		return false, nil
	}
	return false, refusal(resp)
}

// mountable is the repository of the same registry that is known to have a blob
// and is nearest by its name; empty if there is none.
func (p *pusher) mountable(sources map[string]string) string {
	host := (&url.URL{Host: p.domain}).Hostname() // as containerd keeps it
	nearest, shared := "", -1
	for repo := range strings.SplitSeq(sources[labels.LabelDistributionSource+"."+host], ",") {
		if repo == "" || repo == p.repo {
			continue
		}
		if n := sharedParts(repo, p.repo); n > shared {
			nearest, shared = repo, n
		}
	}
	return nearest
}

func sharedParts(a, b string) int {
	left, right := strings.Split(a, "/"), strings.Split(b, "/")
	n := 0
	for n < min(len(left), len(right)) && left[n] == right[n] {
		n++
	}
	return n
}
