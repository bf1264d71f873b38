package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/distribution/reference"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/registry"
)

// ExplainOptions are the inputs of `registry explain`.
type ExplainOptions struct {
	IO      *iostreams.IOStreams
	Service func() (Service, error)
	Ref     reference.Named
	Format  string
}

// NewCmdExplain makes `registry explain`.
func NewCmdExplain(f *factory.Factory, runF func(context.Context, *ExplainOptions) error) *cobra.Command {
	o := &ExplainOptions{IO: f.IO, Service: service(f)}
	if runF == nil {
		runF = runExplain
	}
	cmd := &cobra.Command{
		Use:                   "explain [OPTIONS] IMAGE",
		Short:                 "Show which hosts, certificates and credentials are used for an image, without secrets",
		Args:                  flagx.ExactArgs(1),
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.Ref, err = image.ParseName(args[0]); err != nil {
				return err
			}
			if o.Format != "" && o.Format != "json" {
				return flagx.FlagError(cmd, fmt.Errorf("invalid --format %q: json is expected", o.Format))
			}
			return runF(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.Format, "format", "", `"json" for all that is known`)
	return cmd
}

func runExplain(ctx context.Context, o *ExplainOptions) error {
	s, err := o.Service()
	if err != nil {
		return err
	}
	plan, err := s.Plan(ctx, o.Ref)
	if err != nil {
		return err
	}
	if o.Format == "json" {
		enc := json.NewEncoder(o.IO.Out)
		enc.SetIndent("", "    ")
		return enc.Encode(plan)
	}
	return writePlan(o.IO.Out, plan)
}

func writePlan(w io.Writer, plan *registry.Plan) error {
	folder := plan.Folder
	if folder == "" {
		folder = "none"
	}
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "Image:\t%s\nConfiguration:\t%s\n", plan.Image, folder)
	for i, h := range plan.Hosts {
		role := "registry"
		if h.Mirror {
			role = "mirror"
		}
		fmt.Fprintf(out, "Host %d:\t%s (%s, to %s)\n", i+1, h.URL, role, strings.Join(h.Capabilities, ", "))
		fmt.Fprintf(out, "  TLS:\t%s\n  Credentials:\t%s\n", transport(h), login(h))
	}
	return out.Flush()
}

func transport(h registry.Host) string {
	if strings.HasPrefix(h.URL, "http://") {
		return "none: plain HTTP"
	}
	words := []string{"certificate verified"}
	if !h.Verified {
		words[0] = "certificate not verified"
	}
	if h.PrivateCA {
		words = append(words, "with private authorities")
	}
	if h.ClientCert != "" {
		words = append(words, "showing the certificate of "+h.ClientCert)
	}
	if h.PlainHTTP {
		words = append(words, "else plain HTTP")
	}
	return strings.Join(words, ", ")
}

func login(h registry.Host) string {
	if h.User == "" {
		return "none"
	}
	return fmt.Sprintf("%s, from %s", h.User, h.Source)
}
