package container

import (
	"context"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/format"
	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/event"
)

const (
	statsFirst    = 500 * time.Millisecond // between the first two readings, which make the first percentage
	statsInterval = time.Second
	statsLookout  = 10 * time.Second // for containers that come and go without an event
)

// meter measures containers.
type meter interface {
	Refresh(ctx context.Context) error
	Read() []container.Measured
}

// StatsOptions are the inputs of `stats`.
type StatsOptions struct {
	Base
	Names    []string
	All      bool
	NoStream bool
	NoTrunc  bool
	Format   string

	// Meter begins to measure. The channel tells of containers that may have come
	// or gone.
	Meter func(context.Context, *StatsOptions) (meter, <-chan struct{}, error)
	// Interval is the time between two readings.
	Interval time.Duration
}

// NewCmdStats makes `stats`.
func NewCmdStats(f *factory.Factory, runF func(context.Context, *StatsOptions) error) *cobra.Command {
	o := &StatsOptions{Base: newBase(f), Interval: statsInterval}
	o.Meter = func(ctx context.Context, o *StatsOptions) (meter, <-chan struct{}, error) {
		client, err := f.Client(ctx)
		if err != nil {
			return nil, nil, err
		}
		var changes <-chan struct{}
		if !o.NoStream { // from before the first look, so that nothing falls between
			changes = watchContainers(ctx, client.Events)
		}
		m, err := client.Containers.NewMeter(ctx, o.Names, o.All)
		return m, changes, err
	}
	if runF == nil {
		runF = runStats
	}
	cmd := verb("stats [OPTIONS] [CONTAINER...]", "Display a live stream of container(s) resource usage statistics", cobra.ArbitraryArgs)
	cmd.Example = "  nerd stats\n  nerd stats --no-stream --format '{{.Name}}: {{.CPUPerc}}' web db"
	cmd.ValidArgsFunction = complete.Containers(f, complete.Running)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Names = args
		return runF(cmd.Context(), o)
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.All, "all", "a", false, "Show the containers that do not run as well")
	fs.StringVar(&o.Format, "format", "", format.Usage)
	fs.BoolVar(&o.NoStream, "no-stream", false, "Print one result and end")
	fs.BoolVar(&o.NoTrunc, "no-trunc", false, "Do not shorten anything")
	return cmd
}

// watchContainers says when a container may have come or gone.
func watchContainers(ctx context.Context, log *event.Log) <-chan struct{} {
	changes := make(chan struct{}, 1)
	go func() {
		// Without the log, the regular look has to do.
		_ = log.Read(ctx, event.Query{}, func(e events.Message) error {
			if e.Type == events.ContainerEventType {
				select {
				case changes <- struct{}{}:
				default:
				}
			}
			return nil
		})
	}()
	return changes
}

func runStats(ctx context.Context, o *StatsOptions) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	m, changes, err := o.Meter(ctx, o)
	if err != nil {
		return err
	}
	if len(m.Read()) > 0 || !o.NoStream {
		if err := pause(ctx, min(statsFirst, o.Interval)); err != nil {
			return err
		}
	}
	if o.NoStream {
		list := m.Read()
		if len(list) == 0 {
			return nil
		}
		return format.Stats(o.IO.Out, o.Format, o.NoTrunc, list)
	}
	looked := time.Now()
	for {
		due := time.Since(looked) > statsLookout
		select {
		case <-changes:
			due = true
		default:
		}
		if due {
			if err := m.Refresh(ctx); err != nil {
				return err
			}
			looked = time.Now()
		}
		if err := drawStats(o, m.Read()); err != nil {
			return err
		}
		if err := pause(ctx, o.Interval); err != nil {
			return err
		}
	}
}
