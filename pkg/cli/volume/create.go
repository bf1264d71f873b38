package volume

import (
	"context"
	"errors"
	"fmt"

	"github.com/docker/cli/opts"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/volume"
)

// CreateOptions are the inputs of `volume create`.
type CreateOptions struct {
	Base
	Create volume.CreateOptions
}

// NewCmdCreate makes `volume create`.
func NewCmdCreate(f *factory.Factory, runF func(context.Context, *CreateOptions) error) *cobra.Command {
	o := &CreateOptions{Base: newBase(f)}
	if runF == nil {
		runF = runCreate
	}
	driverOpts := opts.NewMapOpts(nil, nil)
	labels := opts.NewListOpts(opts.ValidateLabel)
	cmd := &cobra.Command{
		Use:   "create [OPTIONS] [VOLUME]",
		Short: "Create a volume",
		Example: "  nerd volume create data\n" +
			"  nerd volume create --opt type=tmpfs --opt device=tmpfs --opt o=size=100m scratch\n" +
			"  nerd volume create --opt type=nfs --opt device=:/export --opt o=addr=nas,rw share",
		Args:                  flagx.MaxArgs(1),
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     complete.None,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flagx.Refused(cmd.Flags(), "volume create"); err != nil {
				return flagx.FlagError(cmd, err)
			}
			if len(args) == 1 {
				if o.Create.Name != "" {
					return errors.New("conflicting options: cannot specify a volume-name through both --name and as a positional arg")
				}
				o.Create.Name = args[0]
			}
			o.Create.Options, o.Create.Labels = driverOpts.GetAll(), opts.ConvertKVStringsToMap(labels.GetSlice())
			if len(o.Create.Options) == 0 {
				o.Create.Options = nil
			}
			if len(o.Create.Labels) == 0 {
				o.Create.Labels = nil
			}
			return runF(cmd.Context(), o)
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&o.Create.Driver, "driver", "d", volume.Driver, "Driver of the volume: local")
	fs.StringVar(&o.Create.Name, "name", "", "Name of the volume")
	_ = fs.MarkHidden("name")
	fs.VarP(driverOpts, "opt", "o", "Option of the driver: type, device, o")
	fs.Var(&labels, "label", "Label, KEY=VALUE")
	registerCluster(fs)
	_ = cmd.RegisterFlagCompletionFunc("driver", complete.Words(volume.Driver))
	_ = cmd.RegisterFlagCompletionFunc("opt", complete.Words("type=", "device=", "o="))
	return cmd
}

// registerCluster adds the flags that Docker has for the volumes of a swarm.
// They are refused; package compat says why.
func registerCluster(fs *pflag.FlagSet) {
	fs.String("availability", "active", "Availability of a cluster volume (refused)")
	fs.String("group", "", "Group of a cluster volume (refused)")
	fs.Var(new(opts.MemBytes), "limit-bytes", "Largest size of a cluster volume (refused)")
	fs.Var(new(opts.MemBytes), "required-bytes", "Smallest size of a cluster volume (refused)")
	fs.String("scope", "single", "Nodes that may use a cluster volume (refused)")
	fs.Var(opts.NewMapOpts(nil, nil), "secret", "Secret of a cluster volume (refused)")
	fs.String("sharing", "none", "Sharing of a cluster volume (refused)")
	topology := []string{"topology-preferred", "topology-required"}
	for _, name := range topology {
		list := opts.NewListOpts(nil)
		fs.Var(&list, name, "Topology of a cluster volume (refused)")
	}
	fs.String("type", "block", "Access to a cluster volume (refused)")
	for _, name := range append(topology, "availability", "group", "limit-bytes", "required-bytes", "scope", "secret", "sharing", "type") {
		_ = fs.MarkHidden(name)
	}
}

func runCreate(ctx context.Context, o *CreateOptions) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	v, err := s.Create(ctx, o.Create)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(o.IO.Out, v.Name)
	return err
}
