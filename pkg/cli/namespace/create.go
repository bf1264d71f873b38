package namespace

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// LabelOptions are the inputs of `namespace create` and `namespace update`.
type LabelOptions struct {
	Base
	Name   string
	Labels map[string]string
}

func newLabels(f *factory.Factory, use, short string, runF func(context.Context, *LabelOptions) error) (*cobra.Command, *LabelOptions) {
	o := &LabelOptions{Base: newBase(f)}
	var labels []string
	cmd := &cobra.Command{
		Use: use, Short: short, Args: flagx.ExactArgs(1), DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			o.Name = args[0]
			if o.Labels, err = labelMap(labels); err != nil {
				return flagx.FlagError(cmd, err)
			}
			return runF(cmd.Context(), o)
		},
	}
	cmd.Flags().StringArrayVarP(&labels, "label", "l", nil, "Label, KEY=VALUE")
	return cmd, o
}

// NewCmdCreate makes `namespace create`.
func NewCmdCreate(f *factory.Factory, runF func(context.Context, *LabelOptions) error) *cobra.Command {
	if runF == nil {
		runF = runCreate
	}
	cmd, _ := newLabels(f, "create [OPTIONS] NAMESPACE", "Create a namespace", runF)
	cmd.ValidArgsFunction = complete.None
	return cmd
}

func runCreate(ctx context.Context, o *LabelOptions) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	if err := s.Create(ctx, o.Name, o.Labels); err != nil {
		return err
	}
	_, err = fmt.Fprintln(o.IO.Out, o.Name)
	return err
}

// NewCmdUpdate makes `namespace update`.
func NewCmdUpdate(f *factory.Factory, runF func(context.Context, *LabelOptions) error) *cobra.Command {
	if runF == nil {
		runF = runUpdate
	}
	cmd, o := newLabels(f, "update [OPTIONS] NAMESPACE", "Set labels of a namespace; an empty value removes one", runF)
	cmd.ValidArgsFunction = complete.First(1, names(o.Base))
	return cmd
}

func runUpdate(ctx context.Context, o *LabelOptions) error {
	if len(o.Labels) == 0 {
		return errors.New("nothing to update: give a label with --label KEY=VALUE")
	}
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	return s.SetLabels(ctx, o.Name, o.Labels)
}
