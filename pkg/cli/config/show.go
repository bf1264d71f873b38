// Package config is the commands on the program's own configuration.
package config

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/config"
)

// ShowOptions are the inputs of `config show`.
type ShowOptions struct {
	IO     *iostreams.IOStreams
	Config func() (*config.Config, error)
	Origin bool
	Format string
}

// NewCmdConfig makes the group.
func NewCmdConfig(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:                   "config COMMAND",
		Short:                 "Show nerd's own configuration",
		Args:                  flagx.NoArgs,
		DisableFlagsInUseLine: true,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(NewCmdShow(f, nil))
	return cmd
}

// NewCmdShow makes `config show`.
func NewCmdShow(f *factory.Factory, runF func(context.Context, *ShowOptions) error) *cobra.Command {
	o := &ShowOptions{IO: f.IO, Config: f.Config}
	if runF == nil {
		runF = runShow
	}
	cmd := &cobra.Command{
		Use:                   "show [OPTIONS]",
		Short:                 "Show the settings in force, as nerd.toml would have them",
		Example:               "  nerd config show --origin\n  nerd config show --format json",
		Args:                  flagx.NoArgs,
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Format != "toml" && o.Format != "json" {
				return flagx.FlagError(cmd, fmt.Errorf("format %q: use toml or json", o.Format))
			}
			return runF(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVar(&o.Origin, "origin", false, "Also show where each value comes from")
	cmd.Flags().StringVarP(&o.Format, "format", "f", "toml", `Layout: "toml" or "json"`)
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]cobra.Completion{"toml", "json"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func runShow(_ context.Context, o *ShowOptions) error {
	cfg, err := o.Config()
	if err != nil {
		return err
	}
	for _, v := range cfg.Ignored() {
		fmt.Fprintf(o.IO.Err, "Warning: %s in %s has no counterpart and is ignored\n", v.Key, strings.TrimPrefix(v.Origin, "file "))
	}
	if o.Format == "json" {
		return writeJSON(o, cfg.Values())
	}
	for _, v := range cfg.Values() {
		text, err := literal(v.Value)
		if err != nil {
			return err
		}
		line := v.Key + " = " + text
		if v.Key == "context" || v.Key == "remote" { // no settings of the file
			line = "# " + line
		}
		if o.Origin {
			line = fmt.Sprintf("%-39s # %s", line, v.Origin)
		}
		fmt.Fprintln(o.IO.Out, line)
	}
	return nil
}

// literal is a value as TOML writes it.
func literal(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	// Arrays and numbers look the same in TOML and JSON.
	text, err := json.Marshal(v)
	return string(text), err
}

func writeJSON(o *ShowOptions, values []config.Value) error {
	var out any
	if o.Origin {
		type entry struct {
			Value  any    `json:"value"`
			Origin string `json:"origin"`
		}
		all := make(map[string]entry, len(values))
		for _, v := range values {
			all[v.Key] = entry{v.Value, v.Origin}
		}
		out = all
	} else {
		all := make(map[string]any, len(values))
		for _, v := range values {
			all[v.Key] = v.Value
		}
		out = all
	}
	enc := json.NewEncoder(o.IO.Out)
	enc.SetIndent("", "    ")
	return enc.Encode(out)
}
