package system

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"

	"github.com/moby/moby/api/types/system"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/format"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/config"
	"github.com/nerd-cli/nerd/pkg/nerd"
)

// VersionOptions are the inputs of `version`.
type VersionOptions struct {
	IO     *iostreams.IOStreams
	Server func(context.Context) (system.VersionResponse, error)
	// Context is the name of the context in force.
	Context string
	Format  string
}

// ClientVersion is this program, in the words of Docker's client.
type ClientVersion struct {
	Version           string
	APIVersion        string `json:"ApiVersion"`
	DefaultAPIVersion string
	GitCommit         string
	GoVersion         string
	Os                string
	Arch              string
	BuildTime         string `json:",omitempty"`
	Context           string
}

// Versions is what templates see.
type Versions struct {
	Client ClientVersion
	Server *system.VersionResponse
}

// NewCmdVersion makes `version`.
func NewCmdVersion(f *factory.Factory, runF func(context.Context, *VersionOptions) error) *cobra.Command {
	o := &VersionOptions{IO: f.IO, Server: func(ctx context.Context) (system.VersionResponse, error) {
		client, err := f.Client(ctx)
		if err != nil {
			return system.VersionResponse{}, err
		}
		return client.Version(ctx)
	}}
	if runF == nil {
		runF = runVersion
	}
	cmd := &cobra.Command{
		Use:                   "version [OPTIONS]",
		Short:                 "Show the version of nerd and of containerd",
		Example:               "  nerd version\n  nerd version --format '{{.Server.Version}}'",
		Args:                  flagx.NoArgs,
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     complete.None,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cfg, err := f.Config(); err == nil {
				o.Context = cfg.Context
			}
			return runF(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVarP(&o.Format, "format", "f", "", `Layout: "json" or a Go template`)
	return cmd
}

// runVersion shows the client's part even when there is no server to ask.
func runVersion(ctx context.Context, o *VersionOptions) error {
	v := Versions{Client: ClientVersion{
		Version: config.Version, APIVersion: nerd.APIVersion, DefaultAPIVersion: nerd.APIVersion,
		GitCommit: config.Commit(), GoVersion: runtime.Version(), Os: runtime.GOOS, Arch: runtime.GOARCH, Context: o.Context,
	}}
	server, err := o.Server(ctx)
	if err == nil {
		v.Server = &server
	}
	if o.Format != "" {
		if writeErr := format.Value(o.IO.Out, o.Format, v); writeErr != nil {
			if err != nil {
				return err // the template asked for a server that is not there
			}
			return writeErr
		}
		return err
	}
	if writeErr := writeVersions(o.IO.Out, v); writeErr != nil {
		return writeErr
	}
	return err
}

func writeVersions(out io.Writer, v Versions) error {
	w := tabwriter.NewWriter(out, 20, 1, 1, ' ', 0)
	c := v.Client
	fmt.Fprintf(w, "Client:\n Version:\t%s\n API version:\t%s\n Go version:\t%s\n Git commit:\t%s\n OS/Arch:\t%s/%s\n Context:\t%s\n",
		c.Version, c.APIVersion, c.GoVersion, c.GitCommit, c.Os, c.Arch, c.Context)
	if v.Server != nil {
		fmt.Fprint(w, "\nServer:\n")
		for _, component := range v.Server.Components {
			fmt.Fprintf(w, " %s:\n  Version:\t%s\n  GitCommit:\t%s\n", component.Name, component.Version, component.Details["GitCommit"])
		}
	}
	return w.Flush()
}
