package context

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/format"
	"github.com/nerd-cli/nerd/pkg/contexts"
)

// InspectOptions are the inputs of `context inspect`.
type InspectOptions struct {
	Base
	Names  []string // none: the one in force
	Format string
}

// NewCmdInspect makes `context inspect`.
func NewCmdInspect(f *factory.Factory, runF func(context.Context, *InspectOptions) error) *cobra.Command {
	o := &InspectOptions{Base: newBase(f)}
	if runF == nil {
		runF = runInspect
	}
	cmd := &cobra.Command{
		Use:               "inspect [OPTIONS] [CONTEXT] [CONTEXT...]",
		Short:             "Display detailed information on one or more contexts",
		Example:           "  nerd context inspect\n  nerd context inspect --format '{{.Endpoints.docker.Host}}' far",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: names(f),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Names = args
			return runF(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVarP(&o.Format, "format", "f", "", `Layout: "json" or a Go template`)
	return cmd
}

// shape is what Docker's `context inspect` shows. Its endpoint keeps Docker's name:
// scripts ask for .Endpoints.docker.Host.
type shape struct {
	Name        string
	Metadata    metadata
	Endpoints   map[string]endpointShape
	TLSMaterial map[string][]string
	Storage     storage
}

type metadata struct {
	Description string `json:",omitempty"`
	Namespace   string `json:",omitempty"`
	DataRoot    string `json:",omitempty"`
	RunRoot     string `json:",omitempty"`
	Snapshotter string `json:",omitempty"`
}

type endpointShape struct {
	Host          string
	SkipTLSVerify bool
}

type storage struct{ MetadataPath, TLSPath string }

// inMemory is Docker's word for a context without a file.
const inMemory = "<IN MEMORY>"

func runInspect(_ context.Context, o *InspectOptions) error {
	cfg, err := o.Config()
	if err != nil {
		return err
	}
	names := o.Names
	if len(names) == 0 {
		names = []string{cfg.Context}
	}
	out, err := format.NewInspector(o.IO.Out, o.Format)
	if err != nil {
		return err
	}
	var failed []error
	for _, name := range names {
		c, err := o.Store().Get(name)
		if err == nil {
			err = out.Add(shapeOf(c, cfg.Address, o.Store().Path(name)))
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(append([]error{out.Flush()}, failed...)...)
}

func shapeOf(c contexts.Context, configured, path string) shape {
	s := storage{path, inMemory}
	if path == "" {
		s.MetadataPath = inMemory
	}
	return shape{
		Name:        c.Name,
		Metadata:    metadata{c.Description, c.Namespace, c.DataRoot, c.RunRoot, c.Snapshotter},
		Endpoints:   map[string]endpointShape{"docker": {Host: endpoint(c, configured)}},
		TLSMaterial: map[string][]string{},
		Storage:     s,
	}
}
