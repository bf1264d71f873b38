package container

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/docker/cli/opts"
	apicontainer "github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/container"
)

// UpdateOptions are the inputs of `update`.
type UpdateOptions struct {
	Base
	Names  []string
	Change container.UpdateOptions
}

// NewCmdUpdate makes `update`.
func NewCmdUpdate(f *factory.Factory, runF func(context.Context, *UpdateOptions) error) *cobra.Command {
	o := &UpdateOptions{Base: newBase(f)}
	if runF == nil {
		runF = runUpdate
	}
	var restart string
	var pids int64
	cmd := verb("update [OPTIONS] CONTAINER [CONTAINER...]", "Update configuration of one or more containers", flagx.MinArgs(1))
	cmd.Example = "  nerd update --memory 512m --memory-swap 1g web\n  nerd update --restart unless-stopped web db"
	cmd.ValidArgsFunction = complete.Containers(f, nil)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		fs := cmd.Flags()
		o.Names = args
		warnDeprecated(o.IO, fs)
		if !limitGiven(fs) {
			return errors.New("you must provide one or more flags when using this command")
		}
		if fs.Changed("pids-limit") {
			o.Change.Resources.PidsLimit = &pids
		}
		if restart != "" {
			var err error
			if o.Change.RestartPolicy, err = flagx.ParseRestart(restart); err != nil {
				return err
			}
		}
		return runF(cmd.Context(), o)
	}
	fs := cmd.Flags()
	registerLimits(fs, &o.Change.Resources)
	fs.Int64Var(&pids, "pids-limit", 0, "Number of processes allowed; -1: no limit")
	fs.StringVar(&restart, "restart", "", "When to restart it: no, on-failure[:N], always, unless-stopped")
	_ = cmd.RegisterFlagCompletionFunc("restart", complete.Words("no", "on-failure", "always", "unless-stopped"))
	return cmd
}

// registerLimits are the limits that can be changed.
func registerLimits(fs *pflag.FlagSet, r *apicontainer.Resources) {
	fs.Uint16Var(&r.BlkioWeight, "blkio-weight", 0, "Weight among other containers for block devices, 10 to 1000")
	fs.Var((*opts.NanoCPUs)(&r.NanoCPUs), "cpus", "Number of CPUs, such as 1.5")
	fs.Int64VarP(&r.CPUShares, "cpu-shares", "c", 0, "Weight among other containers for CPU time")
	fs.Int64Var(&r.CPUPeriod, "cpu-period", 0, "Period of the CPU quota in microseconds")
	fs.Int64Var(&r.CPUQuota, "cpu-quota", 0, "CPU time per period in microseconds")
	fs.Int64Var(&r.CPURealtimePeriod, "cpu-rt-period", 0, "Period of the real-time CPU quota in microseconds")
	fs.Int64Var(&r.CPURealtimeRuntime, "cpu-rt-runtime", 0, "Real-time CPU time per period in microseconds")
	fs.StringVar(&r.CpusetCpus, "cpuset-cpus", "", "CPUs to run on, such as 0-3 or 0,1")
	fs.StringVar(&r.CpusetMems, "cpuset-mems", "", "Memory nodes to use, such as 0-3 or 0,1")
	fs.VarP((*opts.MemBytes)(&r.Memory), "memory", "m", "Memory limit")
	fs.Var((*opts.MemBytes)(&r.MemoryReservation), "memory-reservation", "Memory that is not taken away under pressure")
	fs.Var((*opts.MemSwapBytes)(&r.MemorySwap), "memory-swap", "Limit of memory and swap together; -1: none")
	var kernel opts.MemBytes
	fs.Var(&kernel, "kernel-memory", "Kernel memory limit")
	_ = fs.MarkHidden("kernel-memory")
}

// warnDeprecated says that a flag has no effect any more, as Docker does. (Cobra's
// own way would print to stdout, among the results.)
func warnDeprecated(streams *iostreams.IOStreams, fs *pflag.FlagSet) {
	if fs.Changed("kernel-memory") {
		fmt.Fprintln(streams.Err, "Flag --kernel-memory has been deprecated, and no longer supported by the kernel")
	}
}

// limitGiven tells whether a flag of update was given: global ones do not count.
func limitGiven(fs *pflag.FlagSet) bool {
	given := false
	fs.Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "pids-limit", "restart", "blkio-weight", "memory", "memory-swap", "memory-reservation", "kernel-memory":
			given = true
		default:
			given = given || strings.HasPrefix(f.Name, "cpu")
		}
	})
	return given
}

func runUpdate(ctx context.Context, o *UpdateOptions) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var warnings []string
	err = each(ctx, o.IO, o.Names, func(ctx context.Context, name string) error {
		w, err := s.Update(ctx, name, o.Change)
		mu.Lock()
		defer mu.Unlock()
		warnings = append(warnings, w...)
		return err
	})
	if len(warnings) > 0 {
		if _, werr := fmt.Fprintln(o.IO.Out, strings.Join(warnings, "\n")); werr != nil {
			return werr
		}
	}
	return err
}
