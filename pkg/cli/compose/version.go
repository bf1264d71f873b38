package compose

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/config"
)

func newCmdVersion(g *Project) *cobra.Command {
	var format string
	var short bool
	cmd := verb("version [OPTIONS]", "Print the version", flagx.NoArgs, func(context.Context, []string) error { return printVersion(g, short, format) })
	cmd.Flags().StringVarP(&format, "format", "f", "", `Format of the output: "pretty" or "json"`)
	cmd.Flags().BoolVar(&short, "short", false, "Print the number alone")
	return cmd
}

func printVersion(g *Project, short bool, format string) error {
	var err error
	switch {
	case short:
		_, err = fmt.Fprintln(g.IO.Out, config.Version)
	case format == "json":
		err = json.NewEncoder(g.IO.Out).Encode(map[string]string{"version": config.Version})
	case format != "" && format != "pretty":
		err = fmt.Errorf("unsupported format %q, use \"pretty\" or \"json\"", format)
	default:
		_, err = fmt.Fprintf(g.IO.Out, "nerd compose version %s\n", config.Version)
	}
	return err
}
