package compose

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/nerd-cli/nerd/pkg/build/spec"
	"github.com/nerd-cli/nerd/pkg/compose"
	"github.com/nerd-cli/nerd/pkg/config"
)

// bakeFile is a file of `buildx bake`.
type bakeFile struct {
	Group  map[string]bakeGroup  `json:"group"`
	Target map[string]bakeTarget `json:"target"`
}

type bakeGroup struct {
	Targets []string `json:"targets"`
}

type bakeTarget struct {
	Context          string            `json:"context,omitempty"`
	Contexts         map[string]string `json:"contexts,omitempty"`
	Dockerfile       string            `json:"dockerfile,omitempty"`
	DockerfileInline string            `json:"dockerfile-inline,omitempty"`
	Args             map[string]string `json:"args,omitempty"`
	Labels           map[string]string `json:"labels,omitempty"`
	Tags             []string          `json:"tags,omitempty"`
	CacheFrom        []string          `json:"cache-from,omitempty"`
	CacheTo          []string          `json:"cache-to,omitempty"`
	Target           string            `json:"target,omitempty"`
	Secrets          []string          `json:"secret,omitempty"`
	SSH              []string          `json:"ssh,omitempty"`
	Platforms        []string          `json:"platforms,omitempty"`
	Pull             bool              `json:"pull,omitempty"`
	NoCache          bool              `json:"no-cache,omitempty"`
	NetworkMode      string            `json:"network,omitempty"`
	ShmSize          string            `json:"shm-size,omitempty"`
	Ulimits          []string          `json:"ulimits,omitempty"`
	Entitlements     []string          `json:"entitlements,omitempty"`
	Outputs          []string          `json:"output,omitempty"`
}

// printBake writes the builds of a plan as a file of `buildx bake`.
func printBake(o *BuildOptions, p *types.Project, plan *compose.Plan) error {
	file := bakeFile{Group: map[string]bakeGroup{}, Target: map[string]bakeTarget{}}
	var names []string
	for _, a := range plan.Actions {
		opts, err := compose.BuildSpec(p, a.Service, o.Build, config.Version)
		if err != nil {
			return err
		}
		target, err := bakeOf(a.Service.Build, opts, o.Push)
		if err != nil {
			return err
		}
		file.Target[a.Service.Name] = target
		names = append(names, a.Service.Name)
	}
	file.Group["default"] = bakeGroup{names}
	enc := json.NewEncoder(o.IO.Out)
	enc.SetIndent("", "  ")
	return enc.Encode(file)
}

func bakeOf(b *types.BuildConfig, o *spec.Options, push bool) (bakeTarget, error) {
	out := bakeTarget{
		Context: o.Context, Contexts: o.Contexts, Dockerfile: o.File, Args: o.BuildArgs, Labels: o.Labels, Tags: o.Tags, Target: o.Target,
		CacheFrom: b.CacheFrom, CacheTo: b.CacheTo, Platforms: o.Platforms, Pull: o.Pull, NoCache: o.NoCache, NetworkMode: o.Network,
		Ulimits: o.Ulimits, Entitlements: o.Allow, Outputs: []string{"type=docker"},
	}
	if push {
		out.Outputs = []string{"type=registry"}
	}
	if o.ShmSize > 0 {
		out.ShmSize = fmt.Sprint(o.ShmSize)
	}
	for _, s := range o.Secrets {
		from := "env=" + s.Env
		if s.File != "" {
			from = "type=file,src=" + s.File
		}
		out.Secrets = append(out.Secrets, "id="+s.ID+","+from)
	}
	for _, s := range o.SSH {
		out.SSH = append(out.SSH, s.ID)
	}
	if b.DockerfileInline == "" {
		return out, nil
	}
	text, err := io.ReadAll(o.Stdin)
	out.Dockerfile, out.DockerfileInline = "", string(text)
	return out, err
}
