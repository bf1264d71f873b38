package build

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	"github.com/tonistiigi/fsutil"

	"github.com/nerd-cli/nerd/pkg/build/spec"
)

// link is a build whose result another one takes as a named context. It is solved
// in the other one's session, and exported nowhere.
type link struct {
	name string // of the context
	job  *job
}

// addLinks plans the builds that this one needs first. What they read of the
// machine is offered in this one's session, under names of their own.
func (j *job) addLinks() error {
	for i, name := range slices.Sorted(maps.Keys(j.opts.Links)) {
		l := &job{opts: j.opts.Links[name], solve: client.SolveOpt{
			FrontendAttrs: attrs(j.opts.Links[name]), LocalMounts: map[string]fsutil.FS{}, OCIStores: map[string]content.Store{},
		}}
		j.links = append(j.links, link{name, l})
		for _, step := range []func() error{l.addContext, l.addNamedContexts, l.addLinks} {
			if err := step(); err != nil {
				return fmt.Errorf("build context %s: %w", name, err)
			}
		}
		j.cleanup = append(j.cleanup, l.close)
		l.offer(j, fmt.Sprintf("link%d-", i))
		j.solve.AllowedEntitlements = append(j.solve.AllowedEntitlements, entitlements(l.opts)...)
		if err := j.shareSecrets(l.opts); err != nil {
			return err
		}
	}
	return nil
}

// offer moves the folders and layouts of a build into the session of another,
// under a prefix, and has its frontend ask for them by these names.
func (j *job) offer(to *job, prefix string) {
	for name, fs := range j.solve.LocalMounts {
		to.solve.LocalMounts[prefix+name] = fs
	}
	for id, store := range j.solve.OCIStores {
		to.solve.OCIStores[prefix+id] = store
	}
	j.rename(prefix)
}

// rename has the attributes of a build and of those it needs follow a new name of
// what they read.
func (j *job) rename(prefix string) {
	a := j.solve.FrontendAttrs
	for key, fallback := range map[string]string{"contextkey": "context", "dockerfilekey": "dockerfile"} {
		name := a[key]
		if name == "" {
			name = fallback
		}
		if _, ok := j.solve.LocalMounts[name]; ok {
			a[key] = prefix + name
		}
	}
	for key, value := range a {
		if !strings.HasPrefix(key, "context:") {
			continue
		}
		for _, scheme := range []string{"local:", "oci-layout://"} {
			if name, ok := strings.CutPrefix(value, scheme); ok {
				a[key] = scheme + prefix + name
			}
		}
	}
	mounts := make(map[string]fsutil.FS, len(j.solve.LocalMounts))
	for name, fs := range j.solve.LocalMounts {
		mounts[prefix+name] = fs
	}
	j.solve.LocalMounts = mounts
	for _, deeper := range j.links {
		deeper.job.rename(prefix)
	}
}

// shareSecrets offers the secrets and agents of a build that is needed first.
// There is one session, so a name can stand for one thing only.
func (j *job) shareSecrets(o *spec.Options) error {
	for _, s := range o.Secrets {
		i := slices.IndexFunc(j.opts.Secrets, func(have spec.Secret) bool { return have.ID == s.ID })
		if i < 0 {
			j.opts.Secrets = append(slices.Clip(j.opts.Secrets), s)
		} else if have := j.opts.Secrets[i]; have.File != s.File || have.Env != s.Env || string(have.Value) != string(s.Value) {
			return invalid("secret %s is different in builds of which one needs the other", s.ID)
		}
	}
	for _, s := range o.SSH {
		i := slices.IndexFunc(j.opts.SSH, func(have spec.SSH) bool { return have.ID == s.ID })
		if i < 0 {
			j.opts.SSH = append(slices.Clip(j.opts.SSH), s)
		} else if !slices.Equal(j.opts.SSH[i].Paths, s.Paths) {
			return invalid("the agent %s is different in builds of which one needs the other", s.ID)
		}
	}
	return nil
}

// run solves the builds that are needed, then this one with their results.
func (j *job) run(ctx context.Context, c gateway.Client) (*gateway.Result, error) {
	req, err := j.request(ctx, c)
	if err != nil {
		return nil, err
	}
	return c.Solve(ctx, req)
}

// request is what the frontend is asked, once the builds that are needed are
// known to it. None of them has run by then: a step runs when a result is wanted.
func (j *job) request(ctx context.Context, c gateway.Client) (gateway.SolveRequest, error) {
	req := gateway.SolveRequest{Frontend: frontend, FrontendOpt: maps.Clone(j.solve.FrontendAttrs), FrontendInputs: map[string]*pb.Definition{}}
	for _, l := range j.links {
		res, err := l.job.run(ctx, c)
		if err != nil {
			return req, err
		}
		if err := addInput(ctx, "context:"+l.name, res, &req); err != nil {
			return req, fmt.Errorf("build context %s: %w", l.name, err)
		}
	}
	return req, j.offerLocal(ctx, c, &req)
}

// addInput makes a result a named context, for each of its platforms.
func addInput(ctx context.Context, key string, res *gateway.Result, req *gateway.SolveRequest) error {
	refs := map[string]gateway.Reference{"": res.Ref}
	if len(res.Refs) > 0 {
		refs = res.Refs
	}
	for platform, ref := range refs {
		name, configKey := key, exptypes.ExporterImageConfigKey
		if platform != "" {
			name, configKey = key+"::"+platform, configKey+"/"+platform
		}
		state := llb.Scratch()
		if ref != nil {
			var err error
			if state, err = ref.ToState(); err != nil {
				return err
			}
		}
		def, err := state.Marshal(ctx)
		if err != nil {
			return err
		}
		req.FrontendInputs[name], req.FrontendOpt[name] = def.ToPB(), "input:"+name
		metadata, err := json.Marshal(map[string][]byte{exptypes.ExporterImageConfigKey: res.Metadata[configKey]})
		if err != nil {
			return err
		}
		req.FrontendOpt["input-metadata:"+name] = string(metadata)
	}
	return nil
}
