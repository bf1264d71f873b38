// Package doctor is the command that looks for what is wrong with a machine.
package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/doctor"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// Options are the inputs of `doctor`.
type Options struct {
	IO      *iostreams.IOStreams
	Examine func(context.Context, *Options) []doctor.Finding
	JSON    bool
	Quiet   bool
	Offline bool
}

// NewCmdDoctor makes `doctor`.
func NewCmdDoctor(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{IO: f.IO, Examine: examiner(f)}
	if runF == nil {
		runF = runDoctor
	}
	cmd := &cobra.Command{
		Use:   "doctor [OPTIONS]",
		Short: "Look for what keeps containers from working, and say what mends it",
		Long: "Look for what keeps containers from working, and say what mends it: containerd and its\n" +
			"versions, the kernel, control groups, firewall and networks, names and registries, disk,\n" +
			"clock, and what killed commands left behind. Nothing is changed, started or mended.\n\n" +
			"The exit status is 1 if there is a problem, else 0; warnings do not count.",
		Example:               "  nerd doctor\n  nerd doctor --json | jq '.[] | select(.level != \"ok\")'",
		Args:                  flagx.NoArgs,
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     cobra.NoFileCompletions,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) },
	}
	cmd.Flags().BoolVar(&o.JSON, "json", false, "Print a list of findings as JSON")
	cmd.Flags().BoolVarP(&o.Quiet, "quiet", "q", false, "Leave out what is as it should be")
	cmd.Flags().BoolVar(&o.Offline, "offline", false, "Ask nothing of resolvers and registries")
	return cmd
}

func runDoctor(ctx context.Context, o *Options) error {
	all := o.Examine(ctx, o)
	shown := make([]doctor.Finding, 0, len(all))
	for _, f := range all {
		if !o.Quiet || f.Level != doctor.OK {
			shown = append(shown, f)
		}
	}
	var err error
	if o.JSON {
		enc := json.NewEncoder(o.IO.Out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "    ")
		err = enc.Encode(shown)
	} else {
		err = write(o.IO.Out, shown, o.IO.Color())
	}
	if err == nil && doctor.Worst(all) == doctor.Problem {
		return &errs.Exit{Code: 1}
	}
	return err
}

// colors are the levels' on a terminal.
var colors = map[doctor.Level]string{doctor.OK: "\x1b[32m", doctor.Warning: "\x1b[33m", doctor.Problem: "\x1b[31m"}

const (
	levelWidth = 8
	checkWidth = 11
)

func write(w io.Writer, list []doctor.Finding, color bool) error {
	for _, f := range list {
		level := fmt.Sprintf("%-*s", levelWidth, f.Level)
		if color {
			level = colors[f.Level] + level + "\x1b[0m"
		}
		if _, err := fmt.Fprintf(w, "%s %-*s %s\n", level, checkWidth, f.Check, f.Text); err != nil {
			return err
		}
		if f.Fix == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s-> %s\n", strings.Repeat(" ", levelWidth+checkWidth+2), f.Fix); err != nil {
			return err
		}
	}
	return nil
}
