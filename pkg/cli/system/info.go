package system

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/system"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/format"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/config"
)

// InfoOptions are the inputs of `info`.
type InfoOptions struct {
	IO   *iostreams.IOStreams
	Info func(context.Context) (system.Info, error)
	// Debug and Context are settings in force.
	Debug   bool
	Context string
	Format  string
}

// ClientInfo is the part of `info` that is about this program.
type ClientInfo struct {
	Debug    bool
	Context  string
	Plugins  []string
	Warnings []string
}

// Facts is what templates see: Docker puts the server's fields at the top.
type Facts struct {
	system.Info
	ClientInfo ClientInfo
}

// NewCmdInfo makes `info`.
func NewCmdInfo(f *factory.Factory, runF func(context.Context, *InfoOptions) error) *cobra.Command {
	o := &InfoOptions{IO: f.IO, Info: func(ctx context.Context) (system.Info, error) {
		client, err := f.Client(ctx)
		if err != nil {
			return system.Info{}, err
		}
		return client.Info(ctx)
	}}
	if runF == nil {
		runF = runInfo
	}
	cmd := &cobra.Command{
		Use:                   "info [OPTIONS]",
		Short:                 "Display system-wide information",
		Example:               "  nerd info\n  nerd info --format '{{.Containers}}'",
		Args:                  flagx.NoArgs,
		DisableFlagsInUseLine: true,
		Annotations:           map[string]string{"aliases": "nerd system info, nerd info"},
		ValidArgsFunction:     complete.None,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cfg, err := f.Config(); err == nil {
				o.Debug, o.Context = cfg.Debug, cfg.Context
			}
			return runF(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVarP(&o.Format, "format", "f", "", `Layout: "json" or a Go template`)
	return cmd
}

func runInfo(ctx context.Context, o *InfoOptions) error {
	facts := Facts{ClientInfo: ClientInfo{Debug: o.Debug, Context: o.Context, Plugins: []string{}}}
	info, err := o.Info(ctx)
	facts.Info = info
	if o.Format != "" {
		if err != nil {
			return err
		}
		return format.Value(o.IO.Out, o.Format, facts)
	}
	writeClientInfo(o.IO.Out, facts.ClientInfo)
	if err != nil {
		return err
	}
	writeInfo(o.IO.Out, facts.Info)
	for _, w := range info.Warnings {
		fmt.Fprintln(o.IO.Err, w)
	}
	return nil
}

func writeClientInfo(w io.Writer, c ClientInfo) {
	fmt.Fprintf(w, "Client:\n Version:    %s\n Context:    %s\n Debug Mode: %t\n\n", config.Version, c.Context, c.Debug)
}

func writeInfo(w io.Writer, i system.Info) {
	p := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	p("Server:")
	p(" Containers: %d", i.Containers)
	p("  Running: %d", i.ContainersRunning)
	p("  Paused: %d", i.ContainersPaused)
	p("  Stopped: %d", i.ContainersStopped)
	p(" Images: %d", i.Images)
	p(" Server Version: %s", i.ServerVersion)
	p(" Storage Driver: %s", i.Driver)
	for _, pair := range i.DriverStatus {
		p("  %s: %s", pair[0], pair[1])
	}
	p(" Logging Driver: %s", i.LoggingDriver)
	p(" Cgroup Driver: %s", i.CgroupDriver)
	p(" Cgroup Version: %s", i.CgroupVersion)
	p(" Plugins:")
	p("  Network: %s", strings.Join(i.Plugins.Network, " "))
	p("  Log: %s", strings.Join(i.Plugins.Log, " "))
	runtimes := make([]string, 0, len(i.Runtimes))
	for name := range i.Runtimes {
		runtimes = append(runtimes, name)
	}
	slices.Sort(runtimes)
	p(" Runtimes: %s", strings.Join(runtimes, " "))
	p(" Default Runtime: %s", i.DefaultRuntime)
	p(" containerd version: %s", i.ContainerdCommit.ID)
	p(" runc version: %s", i.RuncCommit.ID)
	writeSecurity(w, i.SecurityOptions)
	p(" Kernel Version: %s", i.KernelVersion)
	p(" Operating System: %s", i.OperatingSystem)
	p(" OSType: %s", i.OSType)
	p(" Architecture: %s", i.Architecture)
	p(" CPUs: %d", i.NCPU)
	p(" Total Memory: %s", units.BytesSize(float64(i.MemTotal)))
	p(" Name: %s", i.Name)
	p(" ID: %s", i.ID)
	p(" Docker Root Dir: %s", i.DockerRootDir)
	if i.Containerd != nil {
		p(" containerd Address: %s", i.Containerd.Address)
		p(" containerd Namespace: %s", i.Containerd.Namespaces.Containers)
	}
}

// writeSecurity writes options of the form name=seccomp,profile=builtin.
func writeSecurity(w io.Writer, options []string) {
	if len(options) == 0 {
		return
	}
	fmt.Fprintln(w, " Security Options:")
	for _, o := range options {
		for _, field := range strings.Split(o, ",") {
			key, value, _ := strings.Cut(field, "=")
			if key == "name" {
				fmt.Fprintf(w, "  %s\n", value)
				continue
			}
			fmt.Fprintf(w, "   %s: %s\n", strings.ToUpper(key[:1])+key[1:], value)
		}
	}
}
