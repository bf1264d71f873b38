// Package manifest is the commands on lists of manifests, one file per verb.
package manifest

import (
	"fmt"

	"github.com/distribution/reference"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/manifest"
	"github.com/nerd-cli/nerd/pkg/state"
)

// NewCmdManifest makes "nerd manifest" with its subcommands.
func NewCmdManifest(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:                   "manifest COMMAND",
		Short:                 "Manage manifests and manifest lists of registries",
		Args:                  flagx.NoArgs,
		DisableFlagsInUseLine: true,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(NewCmdAnnotate(f, nil), NewCmdCreate(f, nil), NewCmdInspect(f, nil), NewCmdPush(f, nil), NewCmdRemove(f, nil))
	return cmd
}

const insecureHelp = "Allow communication with an insecure registry"

// store opens the lists of the data root.
func store(f *factory.Factory, insecure bool) (*manifest.Store, error) {
	cfg, err := f.Config()
	if err != nil {
		return nil, err
	}
	layout, err := state.NewLayout(cfg.DataRoot, cfg.RunRoot, cfg.Namespace)
	if err != nil {
		return nil, err
	}
	registries, err := f.Registry()
	if err != nil {
		return nil, err
	}
	if insecure {
		registries = registries.Insecure()
	}
	return manifest.New(layout.Manifests(), registries), nil
}

// listName reads the name of a list.
func listName(text string) (reference.Named, error) {
	named, err := image.ParseName(text)
	if err != nil {
		return nil, fmt.Errorf("error parsing name for manifest list %s: %w", text, err)
	}
	if _, ok := named.(reference.Digested); ok {
		return nil, fmt.Errorf("a manifest list is named by a tag, not by a digest: %s", text)
	}
	return named, nil
}
