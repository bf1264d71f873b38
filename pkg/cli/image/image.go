// Package image holds the commands on images, one file per verb.
package image

import (
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// aliases is the annotation under which a command lists its full paths.
const aliases = "aliases"

// NewCmdImage makes "nerd image" with its subcommands.
func NewCmdImage(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:                   "image COMMAND",
		Short:                 "Manage images",
		Args:                  flagx.NoArgs,
		DisableFlagsInUseLine: true,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	list := NewCmdList(f, nil)
	list.Use, list.Aliases = "ls [OPTIONS] [REPOSITORY[:TAG]]", []string{"list"}
	remove := NewCmdRemove(f, nil)
	remove.Use, remove.Aliases = "rm [OPTIONS] IMAGE [IMAGE...]", []string{"rmi", "remove"}
	cmd.AddCommand(
		NewCmdConvert(f, nil), NewCmdDecrypt(f, nil), NewCmdEncrypt(f, nil), NewCmdHistory(f, nil), NewCmdImport(f, nil), NewCmdInspect(f, nil), NewCmdLoad(f, nil), list,
		NewCmdMount(f, nil), NewCmdPreload(f, nil), NewCmdPrune(f, nil), NewCmdPull(f, nil), NewCmdPush(f, nil), remove, NewCmdSave(f, nil), NewCmdTag(f, nil), NewCmdUnmount(f, nil),
	)
	return cmd
}

// Shortcuts are the commands that Docker has at the top as well.
func Shortcuts(f *factory.Factory) []*cobra.Command {
	return []*cobra.Command{
		NewCmdHistory(f, nil), NewCmdList(f, nil), NewCmdImport(f, nil), NewCmdLoad(f, nil), NewCmdPull(f, nil),
		NewCmdPush(f, nil), NewCmdRemove(f, nil), NewCmdSave(f, nil), NewCmdTag(f, nil),
	}
}

// parsePlatform reads os[/arch[/variant]]; empty is nil.
func parsePlatform(text string) (*ocispec.Platform, error) {
	if text == "" {
		return nil, nil
	}
	p, err := platforms.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("invalid platform %q: os[/arch[/variant]] is expected: %w", text, errdefs.ErrInvalidArgument)
	}
	return &p, nil
}

func parsePlatforms(texts []string) ([]ocispec.Platform, error) {
	var all []ocispec.Platform
	for _, text := range texts {
		p, err := parsePlatform(text)
		if err != nil {
			return nil, err
		}
		if p != nil {
			all = append(all, *p)
		}
	}
	return all, nil
}
