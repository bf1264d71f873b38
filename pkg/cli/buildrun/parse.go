package buildrun

import (
	"errors"
	"strconv"
	"strings"

	"github.com/nerd-cli/nerd/pkg/build/spec"
	clibuild "github.com/nerd-cli/nerd/pkg/cli/build"
)

// parse makes typed options of the flags. Nothing is read or dialled.
func parse(o *clibuild.Options) (*spec.Options, error) {
	out := &spec.Options{
		Context: o.Context, File: o.File, Stdin: o.Factory.IO.In, Stdout: o.Factory.IO.Out, Env: env,
		Target: o.Target, NoCache: o.NoCache, NoCacheFilter: o.NoCacheFilter, Pull: o.Pull, Push: o.Push,
		Network: o.Network, ShmSize: o.ShmSize.Value(), CgroupParent: o.CgroupParent, Allow: o.Allow,
		Platforms: split(o.Platforms), BuildArgs: spec.ParseArgs(o.BuildArgs, env), Labels: spec.ParseLabels(o.Labels),
		Call: call(o),
	}
	for _, u := range o.Ulimits.GetList() {
		out.Ulimits = append(out.Ulimits, u.String())
	}
	for _, t := range o.Tags {
		tag, err := spec.ParseTag(t)
		if err != nil {
			return nil, err
		}
		out.Tags = append(out.Tags, tag)
	}
	var err error
	if out.Contexts, err = spec.ParseContextNames(o.Contexts); err != nil {
		return nil, err
	}
	if out.AddHosts, err = spec.ParseHosts(o.AddHosts); err != nil {
		return nil, err
	}
	if out.Annotations, err = spec.ParseAnnotations(o.Annotations); err != nil {
		return nil, err
	}
	return out, errors.Join(parseLists(o, out), parseOutputs(o, out), parseAttest(o, out))
}

func parseLists(o *clibuild.Options, out *spec.Options) error {
	for _, s := range o.Secrets {
		secret, err := spec.ParseSecret(s, env)
		if err != nil {
			return err
		}
		out.Secrets = append(out.Secrets, secret)
	}
	for _, s := range o.SSH {
		agent, err := spec.ParseSSH(s)
		if err != nil {
			return err
		}
		out.SSH = append(out.SSH, agent)
	}
	for _, side := range []struct {
		in  []string
		out *[]spec.Cache
	}{{o.CacheFrom, &out.CacheFrom}, {o.CacheTo, &out.CacheTo}} {
		for _, s := range side.in {
			cache, err := spec.ParseCache(s)
			if err != nil {
				return err
			}
			*side.out = append(*side.out, cache)
		}
	}
	return nil
}

// parseOutputs reads --output, --load and --push, which go together: a push is
// sent from the image store.
func parseOutputs(o *clibuild.Options, out *spec.Options) error {
	stored := false
	for _, text := range o.Outputs {
		output, names, push, err := spec.ParseOutput(text)
		if err != nil {
			return err
		}
		out.Outputs = append(out.Outputs, output)
		out.Tags = append(out.Tags, names...)
		out.Push = out.Push || push
		stored = stored || output.Type == "image"
	}
	if len(o.Outputs) > 0 && !stored && (o.Load || out.Push) {
		out.Outputs = append(out.Outputs, spec.Output{Type: "image"})
		stored = true
	}
	if out.Push && len(out.Tags) == 0 {
		return errors.New("tag is needed when pushing to registry")
	}
	if out.Call == "" && len(o.Outputs) > 0 && !stored && o.IIDFile != "" {
		return errors.New("--iidfile needs the image store as an output: add --load")
	}
	return nil
}

// parseAttest reads --attest and its two short forms, which win.
func parseAttest(o *clibuild.Options, out *spec.Options) error {
	out.Attest = map[string]string{}
	for _, text := range o.Attest {
		kind, attrs, err := spec.ParseAttest(text)
		if err != nil {
			return err
		}
		out.Attest[kind] = attrs
	}
	for kind, value := range map[string]string{"provenance": o.Provenance, "sbom": o.SBOM} {
		if value == "" {
			continue
		}
		on, err := strconv.ParseBool(value)
		switch {
		case err == nil && on:
			out.Attest[kind] = ""
		case err == nil:
			delete(out.Attest, kind)
		default:
			_, attrs, err := spec.ParseAttest("type=" + kind + "," + value)
			if err != nil {
				return err
			}
			out.Attest[kind] = attrs
		}
	}
	return nil
}

// call is the frontend's name of what is asked.
func call(o *clibuild.Options) string {
	if o.Check {
		return "lint"
	}
	switch o.Call {
	case "check":
		return "lint"
	case "build":
		return ""
	}
	return o.Call
}

// split takes lists with commas apart.
func split(values []string) []string {
	var out []string
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}
