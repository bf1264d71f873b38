package system

import (
	"context"

	"github.com/docker/cli/cli/command/formatter"
	apicontainer "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/format"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/nerd"
)

// DFOptions are the inputs of `system df`.
type DFOptions struct {
	IO      *iostreams.IOStreams
	Usage   func(context.Context) (nerd.DiskUsage, error)
	Verbose bool
	Format  string
}

// NewCmdDF makes `system df`.
func NewCmdDF(f *factory.Factory, runF func(context.Context, *DFOptions) error) *cobra.Command {
	o := &DFOptions{IO: f.IO, Usage: func(ctx context.Context) (nerd.DiskUsage, error) {
		c, err := f.Client(ctx)
		if err != nil {
			return nerd.DiskUsage{}, err
		}
		return c.DiskUsage(ctx)
	}}
	if runF == nil {
		runF = runDF
	}
	cmd := &cobra.Command{
		Use:                   "df [OPTIONS]",
		Short:                 "Show what is used on disk",
		Example:               "  nerd system df\n  nerd system df --verbose",
		Args:                  flagx.NoArgs,
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     complete.None,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) },
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.Verbose, "verbose", "v", false, "List each image, container and volume")
	fs.StringVar(&o.Format, "format", "", format.Usage)
	return cmd
}

func runDF(ctx context.Context, o *DFOptions) error {
	layout := o.Format
	if layout == "" {
		layout = formatter.TableFormatKey
	}
	u, err := o.Usage(ctx)
	if err != nil {
		return err
	}
	out := formatter.DiskUsageContext{
		Context: formatter.Context{Output: o.IO.Out, Format: formatter.NewDiskUsageFormat(layout, o.Verbose)}, Verbose: o.Verbose,
		ImageDiskUsage: imageUsage(u), ContainerDiskUsage: containerUsage(u), VolumeDiskUsage: volumeUsage(u),
	}
	return out.Write()
}

func imageUsage(u nerd.DiskUsage) client.ImagesDiskUsage {
	out := client.ImagesDiskUsage{
		TotalCount: int64(len(u.Images.Images)), TotalSize: u.Images.Total, Reclaimable: u.Images.Reclaimable, Items: u.Images.Images,
	}
	for i := range out.Items {
		if out.Items[i].Containers > 0 {
			out.ActiveCount++
		}
	}
	return out
}

func containerUsage(u nerd.DiskUsage) client.ContainersDiskUsage {
	out := client.ContainersDiskUsage{TotalCount: int64(len(u.Containers)), Items: u.Containers}
	for i := range out.Items {
		c := &out.Items[i]
		out.TotalSize += c.SizeRw
		switch c.State {
		case apicontainer.StateRunning, apicontainer.StatePaused, apicontainer.StateRestarting:
			out.ActiveCount++
		default:
			out.Reclaimable += c.SizeRw
		}
	}
	return out
}

func volumeUsage(u nerd.DiskUsage) client.VolumesDiskUsage {
	out := client.VolumesDiskUsage{TotalCount: int64(len(u.Volumes))}
	for _, v := range u.Volumes {
		out.Items = append(out.Items, v.Volume)
		out.TotalSize += v.UsageData.Size
		if len(v.Users) > 0 {
			out.ActiveCount++
		} else {
			out.Reclaimable += v.UsageData.Size
		}
	}
	return out
}
