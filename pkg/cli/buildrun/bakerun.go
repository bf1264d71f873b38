package buildrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/docker/cli/opts"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"

	"github.com/nerd-cli/nerd/pkg/bake"
	"github.com/nerd-cli/nerd/pkg/build"
	"github.com/nerd-cli/nerd/pkg/build/spec"
	clibuild "github.com/nerd-cli/nerd/pkg/cli/build"
)

// baked is a target on its way.
type baked struct {
	name   string
	target *bake.Target
	flags  *clibuild.Options
	opts   *spec.Options
	result *build.Result
	err    error
}

// planBuilds makes the options of a build of each target, as if they had been
// typed, and has targets follow the ones whose results they take.
func planBuilds(o *clibuild.BakeOptions, plan *bake.Plan) ([]*baked, error) {
	all := map[string]*baked{}
	for name, t := range plan.Targets {
		b := &baked{name: name, target: t}
		var err error
		if b.flags, err = targetFlags(o, t); err != nil {
			return nil, err
		}
		if b.opts, err = parse(b.flags); err != nil {
			return nil, fmt.Errorf("target %s: %w", name, err)
		}
		b.opts.Outputs = oneStore(b.opts.Outputs)
		if t.DockerfileInline != nil {
			b.opts.Stdin = strings.NewReader(*t.DockerfileInline)
		}
		all[name] = b
	}
	var out []*baked
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b := all[name]
		linkTo(b.opts, b.target, all)
		if !b.target.Linked {
			out = append(out, b)
		}
	}
	return out, nil
}

// oneStore makes one of several outputs to the image store: a push is sent from
// there.
func oneStore(outputs []spec.Output) []spec.Output {
	var out []spec.Output
	for _, o := range outputs {
		i := slices.IndexFunc(out, func(have spec.Output) bool { return have.Type == "image" && o.Type == "image" })
		if i < 0 {
			out = append(out, o)
			continue
		}
		maps.Copy(out[i].Attrs, o.Attrs)
	}
	return out
}

// linkTo hands a build those whose results it takes. Each gets a copy: what an
// inline Dockerfile is read from can be read once only.
func linkTo(o *spec.Options, t *bake.Target, all map[string]*baked) {
	for context, other := range t.Links() {
		if o.Links == nil {
			o.Links = map[string]*spec.Options{}
		}
		part := *all[other].opts
		if inline := all[other].target.DockerfileInline; inline != nil {
			part.Stdin = strings.NewReader(*inline)
		}
		part.Links = nil
		linkTo(&part, all[other].target, all)
		o.Links[strings.TrimSuffix(context, ":latest")] = &part
	}
}

// targetFlags are a target's fields as flags of a build.
func targetFlags(o *clibuild.BakeOptions, t *bake.Target) (*clibuild.Options, error) {
	dir, file, err := t.BuildPaths()
	if err != nil {
		return nil, err
	}
	f := &clibuild.Options{
		Factory: o.Factory, Context: dir, File: file, Progress: o.Progress, Network: text(t.Network), Target: text(t.Target), Call: "build",
		Tags: t.Tags, Platforms: t.Platforms, NoCacheFilter: t.NoCacheFilter, Annotations: t.Annotations, Allow: t.Entitlements,
		Attest: t.Attest.Flags(), CacheFrom: t.CacheFrom.Flags(), CacheTo: t.CacheTo.Flags(), Secrets: t.Secrets.Flags(), SSH: t.SSH.Flags(),
		BuildArgs: assignments(t.Args), Labels: assignments(t.Labels), AddHosts: assignments(t.ExtraHosts),
		NoCache: t.NoCache != nil && *t.NoCache, Pull: t.Pull != nil && *t.Pull, Ulimits: opts.NewUlimitOpt(nil),
	}
	if t.Call != nil {
		f.Call = *t.Call
	}
	if !t.Linked {
		f.Outputs = t.Outputs.Flags()
	}
	for name, value := range t.Contexts {
		if !strings.HasPrefix(value, "target:") {
			f.Contexts = append(f.Contexts, name+"="+strings.TrimPrefix(value, "cwd://"))
		}
	}
	for _, u := range t.Ulimits {
		if err := f.Ulimits.Set(u); err != nil {
			return nil, fmt.Errorf("target %s: %w", t.Name, err)
		}
	}
	if t.ShmSize != nil {
		if err := f.ShmSize.Set(*t.ShmSize); err != nil {
			return nil, fmt.Errorf("target %s: invalid value %s for shm-size", t.Name, *t.ShmSize)
		}
	}
	return f, nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func assignments(m map[string]*string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if m[k] != nil {
			out = append(out, k+"="+*m[k])
		}
	}
	return out
}

// runBuilds builds all at once, and shows them as one.
func runBuilds(ctx context.Context, o *clibuild.BakeOptions, all []*baked) error {
	mode := progressui.DisplayMode(o.Progress)
	if o.Call != "build" && mode == progressui.AutoMode {
		mode = progressui.QuietMode
	}
	display, err := progressui.NewDisplay(o.Factory.IO.Err, mode)
	if err != nil {
		return fmt.Errorf("progress=%s: %w", o.Progress, err)
	}
	b, nerd, err := open(ctx, o.Factory, o.Host)
	if err != nil {
		return err
	}
	defer b.Close()
	shown, status := make(chan error, 1), make(chan *client.SolveStatus)
	go func() {
		_, err := display.UpdateFrom(context.WithoutCancel(ctx), status)
		for range status { // nobody may wait for a display that has failed
		}
		shown <- err
	}()
	buildAll(ctx, b, all, status)
	close(status)
	if err := <-shown; err != nil {
		return err
	}
	if err := failures(o, all); err != nil {
		return err
	}
	for _, one := range all {
		if one.opts.Push && one.opts.Call == "" {
			if err := pushAll(ctx, one.flags, nerd, one.opts); err != nil {
				return fmt.Errorf("target %s: %w", one.name, err)
			}
		}
	}
	return report(o, all)
}

// buildAll runs the builds. The first that fails stops the others.
func buildAll(ctx context.Context, b *build.Builder, all []*baked, status chan *client.SolveStatus) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	for _, one := range all {
		own := make(chan *client.SolveStatus)
		running.Go(func() {
			for s := range own {
				if len(all) > 1 {
					nameVertices(s, one.name)
				}
				status <- s
			}
		})
		running.Go(func() {
			if one.result, one.err = b.Build(ctx, one.opts, own); one.err != nil {
				cancel()
			}
		})
	}
	running.Wait()
}

// failures is the error of the build that failed by itself, with the lines of its
// Dockerfile.
func failures(o *clibuild.BakeOptions, all []*baked) error {
	var first error
	for _, one := range all {
		switch {
		case one.err == nil:
		case first == nil, errors.Is(first, context.Canceled) && !errors.Is(one.err, context.Canceled):
			first = one.err
			if len(all) > 1 && !errors.Is(one.err, context.Canceled) {
				first = fmt.Errorf("target %s: %w", one.name, one.err)
			}
		}
	}
	if _, err := build.PrintSources(o.Factory.IO.Err, first); err != nil {
		return err
	}
	return first
}

// report writes what scripts want to know, and the answers to --call.
func report(o *clibuild.BakeOptions, all []*baked) error {
	if o.MetadataFile != "" {
		metadata := map[string]any{}
		for _, one := range all {
			metadata[one.name] = one.result.Metadata
		}
		data, err := json.MarshalIndent(metadata, "", "  ")
		if err != nil {
			return err
		}
		if err := writeFile(o.MetadataFile, data); err != nil {
			return fmt.Errorf("writing metadata file: %w", err)
		}
	}
	var bad error
	for i, one := range all {
		if one.opts.Call == "" {
			continue
		}
		if i > 0 {
			fmt.Fprintln(o.Factory.IO.Out)
		}
		fmt.Fprintln(o.Factory.IO.Out, one.name)
		if one.target.Description != "" {
			fmt.Fprintln(o.Factory.IO.Out, one.target.Description)
		}
		fmt.Fprintln(o.Factory.IO.Out)
		bad = errors.Join(bad, printCall(one.flags, one.opts.Call, one.result))
	}
	return bad
}
