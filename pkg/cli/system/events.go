package system

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/format"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/event"
)

// EventsOptions are the inputs of `events`.
type EventsOptions struct {
	IO     *iostreams.IOStreams
	Read   func(context.Context, event.Query, func(events.Message) error) error
	Query  event.Query
	Format string
}

// NewCmdEvents makes `events`.
func NewCmdEvents(f *factory.Factory, runF func(context.Context, *EventsOptions) error) *cobra.Command {
	o := &EventsOptions{IO: f.IO, Read: func(ctx context.Context, q event.Query, fn func(events.Message) error) error {
		client, err := f.Client(ctx)
		if err != nil {
			return err
		}
		return client.Events.Read(ctx, q, fn)
	}}
	if runF == nil {
		runF = runEvents
	}
	var since, until string
	filters := flagx.NewFilters()
	cmd := &cobra.Command{
		Use:                   "events [OPTIONS]",
		Short:                 "Show what happens to containers, images, networks and volumes",
		Example:               "  nerd events --since 10m --until 0s\n  nerd events --filter event=die --format '{{.Actor.Attributes.name}}'",
		Args:                  flagx.NoArgs,
		Annotations:           map[string]string{"aliases": "nerd system events, nerd events"},
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     complete.None,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.Query.Filter, err = event.NewFilter(filters.Map()); err != nil {
				return err
			}
			if err := o.period(since, until, time.Now()); err != nil {
				return err
			}
			return runF(cmd.Context(), o)
		},
	}
	fs := cmd.Flags()
	fs.VarP(&filters, "filter", "f", "Show the events that fulfil a condition, KEY=VALUE")
	fs.StringVar(&o.Format, "format", "", `Layout: "json" or a Go template`)
	fs.StringVar(&since, "since", "", "Show what has happened since a time, or since a duration ago")
	fs.StringVar(&until, "until", "", "End at a time, or show what happened before a duration ago")
	_ = cmd.RegisterFlagCompletionFunc("filter", complete.Words("container=", "event=", "image=", "label=", "network=", "scope=", "type=", "volume="))
	return cmd
}

func (o *EventsOptions) period(since, until string, now time.Time) error {
	var err error
	if o.Query.Since, err = flagx.ParseTime(since, now); err != nil {
		return fmt.Errorf("--since: %w", err)
	}
	if o.Query.Until, err = flagx.ParseTime(until, now); err != nil {
		return fmt.Errorf("--until: %w", err)
	}
	if !o.Query.Until.IsZero() && o.Query.Until.Before(o.Query.Since) {
		return fmt.Errorf("--since %s is after --until %s", since, until)
	}
	return nil
}

// runEvents prints events until there are no more. An interrupt is the usual end
// of a command that never ends by itself.
func runEvents(ctx context.Context, o *EventsOptions) error {
	write, err := format.Events(o.IO.Out, o.Format)
	if err != nil {
		return err
	}
	err = o.Read(ctx, o.Query, write)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return ctx.Err()
	}
	return err
}
