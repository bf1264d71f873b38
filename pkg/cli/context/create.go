package context

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/contexts"
)

// CreateOptions are the inputs of `context create` and `context update`.
type CreateOptions struct {
	Base
	Name        string
	Description string
	Docker      map[string]string // host=, from=
	From        string
	// Described tells whether a description was given.
	Described bool
}

// NewCmdCreate makes `context create`.
func NewCmdCreate(f *factory.Factory, runF func(context.Context, *CreateOptions) error) *cobra.Command {
	o := &CreateOptions{Base: newBase(f)}
	if runF == nil {
		runF = runCreate
	}
	cmd := &cobra.Command{
		Use:   "create [OPTIONS] CONTEXT",
		Short: "Create a context",
		Long: "Create a context from the global flags of this command line: --address (or --host), which\n" +
			"also takes ssh://[USER@]HOST[:PORT], --namespace, --data-root, --run-root and --snapshotter.",
		Example:           "  nerd context create pods --namespace k8s.io --description 'what the kubelet runs'\n  nerd context create far --docker host=ssh://root@build.example.com",
		Args:              flagx.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name = args[0]
			return runF(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.From, "from", "", "Begin with what another context has")
	o.register(cmd)
	_ = cmd.RegisterFlagCompletionFunc("from", names(f))
	return cmd
}

func (o *CreateOptions) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.Description, "description", "", "Description of the context")
	cmd.Flags().StringToStringVar(&o.Docker, "docker", nil, "The address: host=unix:///PATH, host=ssh://[USER@]HOST[:PORT] or from=CONTEXT")
	_ = cmd.RegisterFlagCompletionFunc("docker", cobra.FixedCompletions([]cobra.Completion{"host=unix://", "host=ssh://", "from="}, cobra.ShellCompDirectiveNoSpace|cobra.ShellCompDirectiveNoFileComp))
}

func runCreate(_ context.Context, o *CreateOptions) error {
	if err := contexts.CheckName(o.Name); err != nil {
		return err
	}
	var c contexts.Context
	if o.From != "" {
		var err error
		if c, err = o.Store().Get(o.From); err != nil {
			return err
		}
	}
	c.Name = o.Name
	if o.Description != "" {
		c.Description = o.Description
	}
	if err := o.apply(&c, o.Docker); err != nil {
		return err
	}
	if err := o.Store().Create(c); err != nil {
		return err
	}
	fmt.Fprintln(o.IO.Out, o.Name)
	fmt.Fprintf(o.IO.Err, "Successfully created context %q\n", o.Name)
	return nil
}

// NewCmdUpdate makes `context update`.
func NewCmdUpdate(f *factory.Factory, runF func(context.Context, *CreateOptions) error) *cobra.Command {
	o := &CreateOptions{Base: newBase(f)}
	if runF == nil {
		runF = runUpdate
	}
	cmd := &cobra.Command{
		Use:               "update [OPTIONS] CONTEXT",
		Short:             "Update a context",
		Long:              "Update a context: what this command line gives, global flags among it, takes the place of what was there.",
		Example:           "  nerd context update pods --description 'pods of this node'\n  nerd context update far --snapshotter native",
		Args:              flagx.ExactArgs(1),
		ValidArgsFunction: firstName(f),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name, o.Described = args[0], cmd.Flags().Changed("description")
			return runF(cmd.Context(), o)
		},
	}
	o.register(cmd)
	return cmd
}

func runUpdate(_ context.Context, o *CreateOptions) error {
	if err := contexts.CheckName(o.Name); err != nil {
		return err
	}
	c, err := o.Store().Get(o.Name)
	if err != nil {
		return err
	}
	if o.Described {
		c.Description = o.Description
	}
	if err := o.apply(&c, o.Docker); err != nil {
		return err
	}
	if err := o.Store().Update(c); err != nil {
		return err
	}
	fmt.Fprintln(o.IO.Out, o.Name)
	fmt.Fprintf(o.IO.Err, "Successfully updated context %q\n", o.Name)
	return nil
}
