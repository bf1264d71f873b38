// Package build turns Dockerfiles into images through BuildKit's client library.
// The result goes to the image store that buildkitd shares, without a tar.
package build

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/session"
	"github.com/tonistiigi/fsutil"

	"github.com/nerd-cli/nerd/pkg/build/spec"
	"github.com/nerd-cli/nerd/pkg/registry"
)

// frontend is the builder's own reader of Dockerfiles: no image is pulled for it.
const frontend = "dockerfile.v0"

// Images is the store that the builder shares.
type Images interface {
	// Adopt gives names to an image that the builder has stored under its
	// stand-in for a name, and sends the events of it.
	Adopt(ctx context.Context, target string, names []string) error
}

// Config says where things are built.
type Config struct {
	Address  string // of buildkitd, unix://PATH or tcp://HOST:PORT
	Images   Images // that results go to
	Registry *registry.Resolver
	// Foreign is set where buildkitd does not store in Images by itself.
	Foreign Foreign
}

// Builder builds on one buildkitd.
type Builder struct {
	cfg  Config
	conn *client.Client
}

// Open makes a Builder. The daemon is not asked anything yet.
func Open(ctx context.Context, cfg Config) (*Builder, error) {
	if err := CheckAddress(cfg.Address); err != nil {
		return nil, err
	}
	c, err := client.New(ctx, cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("builder at %s: %w", cfg.Address, err)
	}
	return &Builder{cfg: cfg, conn: c}, nil
}

// Close ends the connection.
func (b *Builder) Close() error { return b.conn.Close() }

// Result is what a build has made.
type Result struct {
	// Digest of the image, which is its id; empty if there is none.
	Digest string
	// Metadata is what the exporters say of the result, decoded where it is JSON.
	Metadata map[string]any
	// Call is the answer to Options.Call, by the names that the frontend gives.
	Call map[string][]byte
}

// job is one build, taken apart for BuildKit.
type job struct {
	opts    *spec.Options
	solve   client.SolveOpt
	cleanup []func() error
	links   []link // builds whose results it takes
	image   bool   // the result goes to the image store
	local   []LocalImage
	stream  *stream // by which the image comes from a foreign builder
}

// Build runs one build. What happens is sent to status, which is closed at the
// end. An error that concerns a line of the Dockerfile has its source, see
// Sources.
func (b *Builder) Build(ctx context.Context, opts *spec.Options, status chan *client.SolveStatus) (_ *Result, err error) {
	j, err := b.plan(opts)
	if err != nil {
		close(status)
		return nil, err
	}
	defer func() { err = errors.Join(err, j.close()) }()
	if err := j.addLocal(ctx, b.cfg.Foreign); err != nil {
		close(status)
		return nil, err
	}
	if j.stream != nil {
		j.stream.ctx = ctx
	}
	renamed := make(chan *client.SolveStatus)
	done := make(chan struct{})
	go func() {
		defer close(done)
		nameInStatus(renamed, status, opts.Tags)
	}()
	var call map[string][]byte
	var res *client.SolveResponse
	switch {
	case opts.Call != "":
		res, err = b.conn.Build(ctx, j.solve, "nerd", j.call(&call), renamed)
	case len(j.links) > 0, len(j.local) > 0:
		j.solve.Frontend = ""
		res, err = b.conn.Build(ctx, j.solve, "nerd", j.run, renamed)
	default:
		res, err = b.conn.Solve(ctx, nil, j.solve, renamed)
	}
	<-done
	if j.stream != nil {
		err = j.stream.wait(err)
	}
	if err != nil {
		return nil, solveError(ctx, err)
	}
	out := &Result{Call: call, Metadata: decodeMetadata(res.ExporterResponse)}
	if j.image {
		out.Digest = res.ExporterResponse["containerimage.digest"]
		if err := b.cfg.Images.Adopt(context.WithoutCancel(ctx), out.Digest, opts.Tags); err != nil {
			return nil, err
		}
		delete(out.Metadata, "image.name")
		if len(opts.Tags) > 0 {
			out.Metadata["image.name"] = strings.Join(opts.Tags, ",")
		}
	}
	return out, nil
}

// call asks the frontend about the build instead of running it.
func (j *job) call(answer *map[string][]byte) gateway.BuildFunc {
	return func(ctx context.Context, c gateway.Client) (*gateway.Result, error) {
		req, err := j.request(ctx, c)
		if err != nil {
			return nil, err
		}
		req.FrontendOpt["requestid"] = "frontend." + j.opts.Call
		req.FrontendOpt["frontend.caps"] = "moby.buildkit.frontend.subrequests"
		req.Evaluate = true
		res, err := c.Solve(ctx, req)
		if err != nil {
			return nil, err
		}
		*answer = res.Metadata
		return res, nil
	}
}

// plan turns the options into BuildKit's, and checks what can be checked before
// anything runs.
func (b *Builder) plan(opts *spec.Options) (_ *job, err error) {
	if err := errors.Join(checkNetwork(opts.Network), checkCaches(opts)); err != nil {
		return nil, err
	}
	j := &job{opts: opts, solve: client.SolveOpt{
		Frontend:            frontend,
		FrontendAttrs:       attrs(opts),
		LocalMounts:         map[string]fsutil.FS{},
		OCIStores:           map[string]content.Store{},
		CacheImports:        cacheEntries(opts.CacheFrom),
		CacheExports:        cacheEntries(opts.CacheTo),
		AllowedEntitlements: entitlements(opts),
	}}
	defer func() {
		if err != nil {
			err = errors.Join(err, j.close())
		}
	}()
	j.solve.Session = []session.Attachable{b.credentials()}
	for _, step := range []func() error{j.addContext, j.addNamedContexts, j.addLinks, j.addSecrets, j.addSSH, func() error { return j.addOutputs(b.cfg.Foreign) }} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if opts.Call != "" {
		j.solve.Frontend, j.solve.Exports, j.image = "", nil, false
	}
	return j, nil
}

func (j *job) close() error {
	var all []error
	for _, f := range j.cleanup {
		all = append(all, f())
	}
	return errors.Join(all...)
}

func invalid(format string, args ...any) error {
	return errorf(errdefs.ErrInvalidArgument, format, args...)
}
