package compose

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/nerd-cli/nerd/pkg/compose"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// ConfigOptions are the inputs of `config`.
type ConfigOptions struct {
	*Project
	Format, Output, Hash                          string
	Quiet, Services, Volumes, Images, ListProfile bool
	Networks, Environment, Models, Variables      bool
	ResolveDigests, LockDigests                   bool
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
	fs.BoolVar(&o.Models, "models", false, "Print the names of models, one a line")
	fs.BoolVar(&o.ListProfile, "profiles", false, "Print the names of profiles, one a line")
	fs.BoolVar(&o.Environment, "environment", false, "Print the variables that are used for interpolation")
	fs.BoolVar(&o.Variables, "variables", false, "Print the variables in the files and their defaults")
	fs.BoolVar(&o.ResolveDigests, "resolve-image-digests", false, "Replace tags of images by digests, as registries have them")
	fs.BoolVar(&o.LockDigests, "lock-image-digests", false, "Print the images alone, by digest: a file to be read after the others")
	fs.BoolVar(&o.NoInterpolate, "no-interpolate", false, "Leave variables as they are")
	fs.BoolVar(&o.NoNormalize, "no-normalize", false, "Do not add defaults")
	fs.BoolVar(&o.NoConsistency, "no-consistency", false, "Do not check that references lead somewhere")
	fs.BoolVar(&o.NoPathResolution, "no-path-resolution", false, "Leave relative paths as they are")
	fs.BoolVar(&o.NoEnvResolution, "no-env-resolution", false, "Leave env_file as it is")
	return cmd
}

func runConfig(ctx context.Context, o *ConfigOptions) error {
	if o.Format != "yaml" && o.Format != "json" {
		return errs.WithHint(fmt.Errorf("unsupported format %q", o.Format), "use yaml or json")
	}
	change := func(lo *compose.LoadOptions) {
		lo.NoCheck, lo.NoInterpolate, lo.NoNormalize, lo.NoConsistency = true, o.NoInterpolate, o.NoNormalize, o.NoConsistency
		lo.NoPathResolution, lo.NoEnvResolution, lo.AllProfiles = o.NoPathResolution, o.NoEnvResolution, o.ListProfile
	}
	if o.Variables || o.NoInterpolate && !o.list() && !o.Quiet {
		return o.runModel(ctx, change)
	}
	p, err := o.load(ctx, change)
	if err != nil {
		return err
	}
	if !o.AllRes && !o.NoConsistency && !o.NoNormalize {
		p = p.WithoutUnnecessaryResources()
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
	if o.ResolveDigests || o.LockDigests {
		if p, err = o.pinned(ctx, p); err != nil {
			return err
		}
	}
	text, err := o.text(p)
	if err != nil {
		return err
	}
	return o.print(text)
}

// text is the project as Docker Compose prints it. What the files for variables
// and labels hold is in the project by now.
func (o *ConfigOptions) text(p *types.Project) ([]byte, error) {
	var err error
	if !o.NoEnvResolution {
		if p, err = p.WithServicesEnvironmentResolved(true); err == nil {
			p, err = p.WithServicesLabelsResolved(true)
		}
		if err != nil {
			return nil, err
		}
	}
	marshal, write := p.MarshalYAML, asYAML
	if o.Format == "json" {
		marshal, write = p.MarshalJSON, asJSON
	}
	text, err := marshal()
	if err != nil {
		return nil, err
	}
	root, err := parse(text)
	if err != nil {
		return nil, err
	}
	canonical(root)
	if text, err = write(root); err != nil {
		return nil, err
	}
	if !o.NoInterpolate { // what is printed has to be read as it is meant
		text = bytes.ReplaceAll(text, []byte("$"), []byte("$$"))
	}
	return text, nil
}

// runModel prints the files as they are merged, with variables, or the variables.
func (o *ConfigOptions) runModel(ctx context.Context, change func(*compose.LoadOptions)) error {
	lo := o.loadOptions()
	change(&lo)
	lo.NoInterpolate = true
	quiet := o.hearLoader(lo.Warn)
	defer quiet()
	model, err := compose.LoadModel(ctx, lo)
	switch {
	case err != nil:
		return failed(err)
	case o.Variables:
		return o.printVariables(model)
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
