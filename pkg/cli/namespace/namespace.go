// Package namespace is the commands on containerd's namespaces, one file per verb.
package namespace

import (
	"context"
	"fmt"

	"github.com/docker/cli/opts"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/namespace"
)

// Service is what the verbs need of the domain.
type Service interface {
	List(context.Context) ([]namespace.Namespace, error)
	Get(context.Context, string) (namespace.Namespace, error)
	Create(context.Context, string, map[string]string) error
	SetLabels(context.Context, string, map[string]string) error
	Remove(ctx context.Context, name string, cgroup bool) error
}

// Base is what the options of every verb begin with.
type Base struct {
	IO      *iostreams.IOStreams
	Service func(context.Context) (Service, error)
}

func newBase(f *factory.Factory) Base {
	return Base{IO: f.IO, Service: func(ctx context.Context) (Service, error) {
		client, err := f.Client(ctx)
		if err != nil {
			return nil, err
		}
		return client.Namespaces, nil
	}}
}

// NewCmdNamespace makes the group.
func NewCmdNamespace(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "namespace COMMAND",
		Aliases: []string{"ns"},
		Short:   "Manage containerd's namespaces",
		Long: `Manage containerd's namespaces. Each has its own images, containers and volumes;
networks and ports belong to the host. nerd works in "default" unless the flag
--namespace or $NERD_NAMESPACE names another: a kubelet's is "k8s.io", Docker's
is "moby".`,
		Args: flagx.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		DisableFlagsInUseLine: true,
	}
	cmd.AddCommand(NewCmdCreate(f, nil), NewCmdInspect(f, nil), NewCmdList(f, nil), NewCmdRemove(f, nil), NewCmdUpdate(f, nil))
	return cmd
}

// names completes with the namespaces that there are.
func names(base Base) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		s, err := base.Service(cmd.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		list, err := s.List(cmd.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		out := make([]string, 0, len(list))
		for _, n := range list {
			out = append(out, n.Name)
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// labelMap reads --label values, KEY=VALUE.
func labelMap(text []string) (map[string]string, error) {
	for _, l := range text {
		if _, err := opts.ValidateLabel(l); err != nil {
			return nil, fmt.Errorf("--label: %w", err)
		}
	}
	return opts.ConvertKVStringsToMap(text), nil
}
