package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	digest "github.com/opencontainers/go-digest"

	"github.com/nerd-cli/nerd/pkg/build/spec"
)

// Foreign is what a builder needs that does not share the image store.
type Foreign interface {
	// Local lists the images that may be a base, and where their content is read.
	Local(ctx context.Context) ([]LocalImage, content.Store, error)
	// Receive stores the image of an archive as it comes, without a name, so that
	// Adopt finds it.
	Receive(ctx context.Context, archive io.Reader) error
}

// LocalImage is an image that is here, for the platforms of which all is here.
type LocalImage struct {
	Name      string // familiar, busybox:latest
	Target    digest.Digest
	Platforms []string
}

// localStore is the name under which a session offers the content of local images.
const localStore = "local"

// CheckAddress refuses what cannot be the address of a builder.
func CheckAddress(address string) error {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok || rest == "" || scheme != "unix" && scheme != "tcp" {
		return invalid("invalid address of a builder %q: use unix://PATH or tcp://HOST:PORT", address)
	}
	return nil
}

// addLocal offers the images that are here as named contexts: what a builder that
// shares the store finds by itself. Stages of a Dockerfile keep their names, so
// they have to be known, and with --pull registries are asked first.
func (j *job) addLocal(ctx context.Context, f Foreign) error {
	if f == nil || j.opts.Pull {
		return nil
	}
	all, store, err := f.Local(ctx)
	if err != nil || len(all) == 0 {
		return err
	}
	j.solve.OCIStores[localStore] = store
	j.setLocal(all)
	return nil
}

func (j *job) setLocal(all []LocalImage) {
	j.local = all
	for _, l := range j.links {
		l.job.setLocal(all)
	}
}

// offerLocal adds the local images to what the frontend is asked.
func (j *job) offerLocal(ctx context.Context, c gateway.Client, req *gateway.SolveRequest) error {
	if len(j.local) == 0 {
		return nil
	}
	taken, err := stages(ctx, c, *req)
	if err != nil {
		return err
	}
	for _, name := range spec.Names(j.opts.Contexts) {
		taken[name] = true
	}
	for name := range j.opts.Links {
		taken[name] = true
	}
	for _, image := range j.local {
		name := strings.TrimSuffix(image.Name, ":latest")
		if taken[name] {
			continue
		}
		for _, platform := range image.Platforms {
			req.FrontendOpt["context:"+name+"::"+platform] = "oci-layout://" + localStore + "@" + image.Target.String()
		}
	}
	return nil
}

// stages asks the frontend for the names of the stages.
func stages(ctx context.Context, c gateway.Client, req gateway.SolveRequest) (map[string]bool, error) {
	req.FrontendOpt = maps.Clone(req.FrontendOpt)
	req.FrontendOpt["requestid"] = "frontend.targets"
	req.FrontendOpt["frontend.caps"] = "moby.buildkit.frontend.subrequests"
	res, err := c.Solve(ctx, req)
	if err != nil {
		return nil, err
	}
	var list struct {
		Targets []struct{ Name string }
	}
	if err := json.Unmarshal(res.Metadata["result.json"], &list); err != nil {
		return nil, fmt.Errorf("the stages of the Dockerfile: %w", err)
	}
	out := map[string]bool{}
	for _, t := range list.Targets {
		out[strings.ToLower(t.Name)] = true
	}
	return out, nil
}

// toStream has the builder send the image instead of storing it.
func (j *job) toStream(entry *client.ExportEntry, f Foreign) {
	entry.Type = client.ExporterOCI
	delete(entry.Attrs, "store")
	delete(entry.Attrs, "unpack")
	delete(entry.Attrs, "dangling-name-prefix")
	j.stream = &stream{foreign: f}
	entry.Output = j.stream.open
}

// stream is an image on its way from the builder to the store.
type stream struct {
	foreign Foreign
	ctx     context.Context //nolint:containedctx // of the build, which the exporter does not hand on

	mu       sync.Mutex
	received chan error // nil until the builder sends something
}

// open begins to store what is written to it.
func (s *stream) open(map[string]string) (io.WriteCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.received != nil {
		return nil, errors.New("the builder sends the image a second time")
	}
	s.received = make(chan error, 1)
	r, w := io.Pipe()
	go func() {
		err := s.foreign.Receive(s.ctx, r)
		if err == nil { // what follows the archive's end is padding
			_, err = io.Copy(io.Discard, r)
		}
		_ = r.CloseWithError(err) // always nil
		s.received <- err
	}()
	return w, nil
}

// wait is the end of storing. What the store says counts before what the builder
// makes of it.
func (s *stream) wait(solved error) error {
	s.mu.Lock()
	received := s.received
	s.mu.Unlock()
	if received == nil {
		if solved == nil {
			solved = errors.New("the builder sent no image")
		}
		return solved
	}
	if err := <-received; err != nil && (solved == nil || !errors.Is(err, io.ErrUnexpectedEOF)) {
		return err
	}
	return solved
}

// Labels of a worker that keeps its layers in a containerd.
const (
	labelContainerd = "org.mobyproject.buildkit.worker.containerd.uuid"
	labelNamespace  = "org.mobyproject.buildkit.worker.containerd.namespace"
)

// Detect asks the builder whether it shares the image store after all: the
// namespace of the containerd of that id. It is the first call to a builder, so an
// error says that it is not there.
func (b *Builder) Detect(ctx context.Context, id, namespace string) error {
	workers, err := b.conn.ListWorkers(ctx)
	if err != nil {
		return errorf(errdefs.ErrUnavailable, "no builder answers at %s: %s", b.cfg.Address, lastPart(err))
	}
	if len(workers) > 0 && workers[0].Labels[labelContainerd] == id && workers[0].Labels[labelNamespace] == namespace {
		b.cfg.Foreign = nil
	}
	return nil
}

// lastPart is the cause of an error of the connection, without the layers above.
func lastPart(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, "desc = "); i >= 0 {
		text = text[i+len("desc = "):]
	}
	return strings.Trim(text, `"`)
}
