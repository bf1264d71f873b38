package compose

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	apicontainer "github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/compose"
	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/errs"
)

func newCmdLogs(g *Project) *cobra.Command {
	var o container.LogsOptions
	var from, until, tail string
	var noColor, noPrefix bool
	var index int
	cmd := verb("logs [OPTIONS] [SERVICE...]", "Show the output of containers", anyArgs, func(ctx context.Context, args []string) error {
		var err error
		if o.Since, err = since(from, "since"); err != nil {
			return err
		}
		if o.Until, err = since(until, "until"); err != nil {
			return err
		}
		if o.Tail = -1; tail != "all" && tail != "" {
			if o.Tail, err = strconv.Atoi(tail); err != nil {
				return fmt.Errorf("invalid value %q for --tail: expected a number or \"all\"", tail)
			}
		}
		return runLogs(ctx, g, args, o, index, noColor, noPrefix)
	})
	fs := cmd.Flags()
	fs.BoolVarP(&o.Follow, "follow", "f", false, "Go on with new output")
	indexFlag(fs, &index)
	fs.BoolVar(&noColor, "no-color", false, "Do not colour the prefixes")
	fs.BoolVar(&noPrefix, "no-log-prefix", false, "Print lines without the name of their container")
	fs.StringVar(&from, "since", "", "From this time on, such as 2024-06-01T12:30:00Z or 10m (ago)")
	fs.StringVar(&until, "until", "", "Up to this time, such as 2024-06-01T12:30:00Z or 10m (ago)")
	fs.StringVarP(&tail, "tail", "n", "all", "Number of lines from the end of each container's output, or all")
	fs.BoolVarP(&o.Timestamps, "timestamps", "t", false, "Begin each line with its time")
	return cmd
}

func runLogs(ctx context.Context, g *Project, services []string, o container.LogsOptions, index int, noColor, noPrefix bool) error {
	project, s, found, err := g.project(ctx, services)
	if err != nil {
		return err
	}
	var shown []compose.Container
	var names []string
	for _, c := range found {
		if !c.OneOff && (index == 0 || c.Number == index) {
			shown, names = append(shown, c), append(names, shortName(project, c.Name))
		}
	}
	v := newView(g, names, noColor, noPrefix)
	failed := make([]error, len(shown))
	var wait sync.WaitGroup
	for i, c := range shown {
		if !o.Follow { // one after the other reads better
			failed[i] = v.logs(ctx, s, c, names[i], o)
			continue
		}
		wait.Go(func() { failed[i] = v.logs(ctx, s, c, names[i], o) })
	}
	wait.Wait()
	return errors.Join(failed...)
}

// runWait waits for the first end of a container of the services.
func runWait(ctx context.Context, g *Project, services []string, down bool) error {
	_, s, found, err := g.project(ctx, services)
	if err != nil {
		return err
	}
	type result struct {
		c    compose.Container
		code int64
		err  error
	}
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	ends := make(chan result, len(found))
	n := 0
	for _, c := range found {
		if c.OneOff {
			continue
		}
		n++
		go func() {
			code, err := s.client.Containers.Wait(waiting, c.ID, apicontainer.WaitConditionNotRunning)
			ends <- result{c, code, err}
		}()
	}
	if n == 0 {
		return fmt.Errorf("no containers for services %s", join(services))
	}
	first := <-ends
	if first.err != nil {
		return first.err
	}
	fmt.Fprintf(g.IO.Out, "container %q exited with status code %d\n", first.c.Name, first.code)
	if down {
		if err := runDown(ctx, &DownOptions{Project: g}); err != nil {
			return err
		}
	}
	if first.code != 0 {
		return &errs.Exit{Code: int(first.code)}
	}
	return nil
}
