package container

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"

	"github.com/nerd-cli/nerd/pkg/event"
)

// PruneOptions says which of the containers that do not run Prune removes.
type PruneOptions struct {
	Until     time.Time // only those that were created before; zero: all
	Labels    []string  // KEY or KEY=VALUE; only those that have all of them
	NotLabels []string  // not those that have all of these
}

// pruneParallel is how many containers are removed at once.
const pruneParallel = 8

// Prune removes the containers that do not run, as `docker container prune` does,
// newest first. SpaceReclaimed is in bytes. What cannot be removed does not keep
// the others: the errors come together.
func (s *Service) Prune(ctx context.Context, opts PruneOptions) (container.PruneReport, error) {
	var report container.PruneReport
	stopped, err := s.prunable(ctx, opts)
	if err != nil {
		return report, err
	}
	var (
		g     sync.WaitGroup
		sizes = make([]int64, len(stopped))
		errs  = make([]error, len(stopped))
		slots = make(chan struct{}, pruneParallel)
	)
	for i, c := range stopped {
		g.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if errs[i] = ctx.Err(); errs[i] == nil {
				sizes[i], _ = s.size(ctx, c)
				errs[i] = s.removeByID(ctx, c.ID, RemoveOptions{})
			}
		})
	}
	g.Wait()
	for i, c := range stopped {
		switch {
		case errs[i] == nil:
			report.ContainersDeleted = append(report.ContainersDeleted, c.ID)
			report.SpaceReclaimed += uint64(max(sizes[i], 0))
		case errdefs.IsNotFound(errs[i]) || errdefs.IsFailedPrecondition(errs[i]): // gone, or started, meanwhile
			errs[i] = nil
		}
	}
	if err := ctx.Err(); err != nil {
		return report, err
	}
	event.Send(ctx, s.cfg.Events, event.New(events.ContainerEventType, events.ActionPrune, "", map[string]string{
		"reclaimed": strconv.FormatUint(report.SpaceReclaimed, 10),
	}))
	return report, errors.Join(errs...)
}

// prunable lists what Prune removes.
func (s *Service) prunable(ctx context.Context, opts PruneOptions) ([]*Container, error) {
	list, err := s.store.List(ctx)
	if err != nil {
		return nil, unreachable(err)
	}
	var out []*Container
	for _, raw := range list {
		c, err := decode(raw)
		if err != nil {
			return nil, err
		}
		if !c.Foreign && c.prunable(opts) {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b *Container) int { return b.Created.Compare(a.Created) })
	return out, nil
}

func (c *Container) prunable(opts PruneOptions) bool {
	if c.Running() || c.Status.State == container.StateRestarting || !opts.Until.IsZero() && c.Created.After(opts.Until) {
		return false
	}
	has := func(want string) bool { return hasLabel(c.Config.Labels, want) }
	lacks := func(want string) bool { return !has(want) }
	if slices.ContainsFunc(opts.Labels, lacks) {
		return false
	}
	return len(opts.NotLabels) == 0 || slices.ContainsFunc(opts.NotLabels, lacks)
}
