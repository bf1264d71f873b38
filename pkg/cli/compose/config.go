package compose

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/nerd-cli/nerd/pkg/compose"
)

// ConfigOptions are the inputs of `config`.
type ConfigOptions struct {
	*Project
	Format, Output, Hash                          string
	Quiet, Services, Volumes, Images, ListProfile bool
	Networks, Environment                         bool
	NoInterpolate, NoNormalize, NoConsistency     bool
	NoPathResolution, NoEnvResolution             bool
	Names                                         []string
}

func newCmdConfig(g *Project) *cobra.Command {
	o := &ConfigOptions{Project: g}
	cmd := verb("config [OPTIONS] [SERVICE...]", "Print the configuration as it is understood", anyArgs, func(ctx context.Context, args []string) error {
		o.Names = args
		return runConfig(ctx, o)
	})
	cmd.Aliases = []string{"convert"}
	fs := cmd.Flags()
	fs.StringVar(&o.Format, "format", "yaml", `Format of the output: "yaml" or "json"`)
	fs.StringVarP(&o.Output, "output", "o", "", "Write to this file")
	fs.StringVar(&o.Hash, "hash", "", `Print the hash of services, one a line: names with commas, or "*"`)
	fs.BoolVarP(&o.Quiet, "quiet", "q", false, "Only check the configuration")
	fs.BoolVar(&o.Services, "services", false, "Print the names of services, one a line")
	fs.BoolVar(&o.Volumes, "volumes", false, "Print the names of volumes, one a line")
	fs.BoolVar(&o.Networks, "networks", false, "Print the names of networks, one a line")
	fs.BoolVar(&o.Images, "images", false, "Print the names of images, one a line")
	fs.BoolVar(&o.ListProfile, "profiles", false, "Print the names of profiles, one a line")
	fs.BoolVar(&o.Environment, "environment", false, "Print the variables that are used for interpolation")
	fs.BoolVar(&o.NoInterpolate, "no-interpolate", false, "Leave variables as they are")
	fs.BoolVar(&o.NoNormalize, "no-normalize", false, "Do not add defaults")
	fs.BoolVar(&o.NoConsistency, "no-consistency", false, "Do not check that references lead somewhere")
	fs.BoolVar(&o.NoPathResolution, "no-path-resolution", false, "Leave relative paths as they are")
	fs.BoolVar(&o.NoEnvResolution, "no-env-resolution", false, "Leave env_file as it is")
	return cmd
}

func runConfig(ctx context.Context, o *ConfigOptions) error {
	if o.Format != "yaml" && o.Format != "json" {
		return fmt.Errorf("unsupported format %q, use \"yaml\" or \"json\"", o.Format)
	}
	change := func(lo *compose.LoadOptions) {
		lo.NoCheck, lo.NoInterpolate, lo.NoNormalize, lo.NoConsistency = true, o.NoInterpolate, o.NoNormalize, o.NoConsistency
		lo.NoPathResolution, lo.NoEnvResolution, lo.AllProfiles = o.NoPathResolution, o.NoEnvResolution, o.ListProfile
	}
	if o.NoInterpolate && !o.list() && !o.Quiet {
		return o.printModel(ctx, change)
	}
	p, err := o.load(ctx, change)
	if err != nil {
		return err
	}
	if len(o.Names) > 0 {
		if p, err = p.WithSelectedServices(o.Names); err != nil {
			return err
		}
	}
	switch {
	case o.Quiet:
		return nil
	case o.Hash != "":
		return o.printHashes(p)
	case o.list():
		return o.print([]byte(lines(o.names(p))))
	}
	if !o.AllRes {
		p = p.WithoutUnnecessaryResources()
	}
	text, err := o.text(p)
	if err != nil {
		return err
	}
	return o.print(text)
}

// list tells whether names are asked for rather than the configuration.
func (o *ConfigOptions) list() bool {
	return o.Services || o.Volumes || o.Images || o.Networks || o.ListProfile || o.Environment || o.Hash != ""
}

func (o *ConfigOptions) names(p *types.Project) []string {
	var out []string
	switch {
	case o.Services:
		out = p.ServiceNames()
	case o.Volumes:
		out = p.VolumeNames()
	case o.Networks:
		out = p.NetworkNames()
	case o.Images:
		for _, s := range p.Services {
			out = append(out, compose.ImageName(p.Name, &s))
		}
	case o.ListProfile:
		for _, s := range p.AllServices() {
			out = append(out, s.Profiles...)
		}
		slices.Sort(out)
		return slices.Compact(out)
	case o.Environment:
		for k, v := range p.Environment {
			out = append(out, k+"="+v)
		}
	}
	sort.Strings(out)
	return out
}

func lines(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return strings.Join(words, "\n") + "\n"
}

func (o *ConfigOptions) printHashes(p *types.Project) error {
	names := p.ServiceNames()
	if o.Hash != "*" {
		names = strings.Split(o.Hash, ",")
	}
	var b strings.Builder
	for _, name := range names {
		s, err := p.GetService(name)
		if err != nil {
			return err
		}
		hash, err := compose.ServiceHash(p, s)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %s\n", name, hash)
	}
	return o.print([]byte(b.String()))
}

func (o *ConfigOptions) text(p *types.Project) ([]byte, error) {
	var text []byte
	var err error
	if o.Format == "json" {
		text, err = p.MarshalJSON()
		if err == nil {
			var b bytes.Buffer
			if err = json.Indent(&b, text, "", "  "); err == nil {
				text = append(b.Bytes(), '\n')
			}
		}
	} else if text, err = p.MarshalYAML(); err == nil {
		text, err = sorted(text)
	}
	if !o.NoInterpolate { // what is printed has to be read as it is meant
		text = bytes.ReplaceAll(text, []byte("$"), []byte("$$"))
	}
	return text, err
}

// printModel prints the files as they are merged, with variables.
func (o *ConfigOptions) printModel(ctx context.Context, change func(*compose.LoadOptions)) error {
	lo := o.loadOptions()
	change(&lo)
	quiet := o.hearLoader(lo.Warn)
	defer quiet()
	model, err := compose.LoadModel(ctx, lo)
	if err != nil {
		return err
	}
	var text []byte
	if o.Format == "json" {
		if text, err = json.MarshalIndent(model, "", "  "); err == nil {
			text = append(text, '\n')
		}
	} else {
		var b bytes.Buffer
		enc := yaml.NewEncoder(&b)
		enc.SetIndent(2)
		err = enc.Encode(model)
		text = b.Bytes()
	}
	if err != nil {
		return err
	}
	return o.print(text)
}

func (o *ConfigOptions) print(text []byte) error {
	if o.Output != "" {
		return os.WriteFile(o.Output, text, 0o666)
	}
	_, err := o.IO.Out.Write(text)
	return err
}
