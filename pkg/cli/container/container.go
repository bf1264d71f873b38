// Package container is the commands on containers, one file per verb.
package container

import (
	"context"
	"fmt"
	"io"

	apicontainer "github.com/moby/moby/api/types/container"
	digest "github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/container"
)

// Service is what the verbs need of the domain.
type Service interface {
	Create(context.Context, container.CreateOptions) (container.CreateResult, error)
	Start(context.Context, string, container.StartOptions) (container.Outcome, error)
	Run(context.Context, container.CreateOptions, container.StartOptions) (string, container.Outcome, error)
	Attach(context.Context, string, container.AttachOptions) (container.Outcome, error)
	Wait(context.Context, string, container.WaitCondition) (int64, error)
	WaitFor(context.Context, string, container.WaitCondition) error
	HasHealthcheck(context.Context, string) (bool, error)
	Healthcheck(context.Context, string) (apicontainer.HealthcheckResult, apicontainer.HealthStatus, error)
	Stop(context.Context, string, container.StopOptions) error
	Kill(context.Context, string, string) error
	Restart(context.Context, string, container.StopOptions) error
	Remove(context.Context, string, container.RemoveOptions) error
	Rename(context.Context, string, string) error
	Unlink(context.Context, string) error
	Update(context.Context, string, container.UpdateOptions) ([]string, error)
	Top(context.Context, string, []string) (apicontainer.TopResponse, error)
	Pause(context.Context, string) error
	Unpause(context.Context, string) error
	List(context.Context, container.ListOptions) ([]apicontainer.Summary, error)
	Prune(context.Context, container.PruneOptions) (apicontainer.PruneReport, error)
	Inspect(context.Context, string, container.InspectOptions) (apicontainer.InspectResponse, error)
	Logs(context.Context, string, container.LogsOptions) error
	Exec(context.Context, string, container.ExecOptions) (container.Outcome, error)
	Files
}

// Files is what the verbs need that are about the files of a container.
type Files interface {
	CopyFrom(ctx context.Context, ref string, opts container.CopyOptions, hostPath string) error
	CopyTar(ctx context.Context, ref string, opts container.CopyOptions, w io.Writer) error
	CopyTo(ctx context.Context, ref string, opts container.CopyOptions, hostPath string) error
	Unpack(ctx context.Context, ref string, opts container.CopyOptions, r io.Reader) error
	Export(ctx context.Context, ref string, w io.Writer) error
	Changes(ctx context.Context, ref string) ([]apicontainer.FilesystemChange, error)
	Commit(ctx context.Context, ref string, opts container.CommitOptions) (digest.Digest, error)
}

// Base is what the options of every verb begin with.
type Base struct {
	IO      *iostreams.IOStreams
	Signals *factory.Signals
	Service func(context.Context) (Service, error)
}

func newBase(f *factory.Factory) Base {
	return Base{IO: f.IO, Signals: f.Signals, Service: func(ctx context.Context) (Service, error) {
		client, err := f.Client(ctx)
		if err != nil {
			return nil, err
		}
		return client.Containers, nil
	}}
}

// verb makes a command of the words that Docker uses for it. path is its name
// below "nerd container"; where it also stands at the top, top says so.
func verb(use, short string, args cobra.PositionalArgs) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: args, DisableFlagsInUseLine: true}
}

// also notes the full paths of a command for its help.
func also(cmd *cobra.Command, paths string) *cobra.Command {
	cmd.Annotations = map[string]string{"aliases": paths}
	return cmd
}

// commands makes the verbs that stand both at the top and below "container".
func commands(f *factory.Factory) []*cobra.Command {
	return []*cobra.Command{
		NewCmdAttach(f, nil), NewCmdCommit(f, nil), NewCmdCopy(f, nil), NewCmdCreate(f, nil), NewCmdDiff(f, nil), NewCmdExec(f, nil), NewCmdExport(f, nil), NewCmdKill(f, nil), NewCmdLogs(f, nil),
		NewCmdPause(f, nil), NewCmdPort(f, nil), NewCmdRename(f, nil), NewCmdRestart(f, nil), NewCmdRm(f, nil),
		NewCmdRun(f, nil), NewCmdStart(f, nil), NewCmdStats(f, nil), NewCmdStop(f, nil), NewCmdTop(f, nil), NewCmdUnpause(f, nil), NewCmdUpdate(f, nil), NewCmdWait(f, nil),
	}
}

// Shortcuts are the verbs that Docker has at the top as well.
func Shortcuts(f *factory.Factory) []*cobra.Command {
	cmds := commands(f)
	for _, cmd := range cmds {
		cmd.Aliases = nil // `nerd remove` would be a surprise
		also(cmd, fmt.Sprintf("nerd container %[1]s, nerd %[1]s", cmd.Name()))
	}
	ps := NewCmdList(f, nil)
	ps.Use, ps.Aliases = "ps [OPTIONS]", nil
	return append(cmds, ps)
}

// NewCmdContainer makes the group.
func NewCmdContainer(f *factory.Factory) *cobra.Command {
	group := &cobra.Command{
		Use:   "container COMMAND",
		Short: "Manage containers",
		Args:  flagx.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		DisableFlagsInUseLine: true,
	}
	for _, cmd := range commands(f) {
		if len(cmd.Annotations) == 0 {
			also(cmd, fmt.Sprintf("nerd container %[1]s, nerd %[1]s", cmd.Name()))
		}
		group.AddCommand(cmd)
	}
	group.AddCommand(NewCmdList(f, nil), NewCmdInspect(f, nil), NewCmdPrune(f, nil), NewCmdHealthcheck(f, nil))
	return group
}
