package compose

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/events"

	"github.com/nerd-cli/nerd/pkg/compose"
	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/event"
)

// lasting shows the output of a project's containers, also of those that are made
// while it does so.
type lasting struct {
	*FollowOptions
	s     *session
	p     *types.Project
	v     *view
	asked []string

	wait     sync.WaitGroup
	mu       sync.Mutex
	followed map[string]bool // by container id
}

// run goes on until the user interrupts; then it stops the containers.
func (l *lasting) run(ctx context.Context, shown []compose.Container, since time.Time, timeout *int) error {
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	l.followed = map[string]bool{}
	filter, err := event.NewFilter(map[string][]string{
		"type": {"container"}, "event": {string(events.ActionStart)}, "label": {compose.LabelProject + "=" + l.p.Name},
	})
	if err != nil {
		return err
	}
	listening, deaf := context.WithCancel(following)
	heard := make(chan error, 1)
	go func() {
		heard <- l.s.client.Events.Read(listening, event.Query{Since: since, Filter: filter}, func(m events.Message) error {
			return l.started(following, m.Actor.ID, time.Unix(0, m.TimeNano))
		})
	}()
	for _, c := range shown {
		l.follow(following, c, since)
	}
	select {
	case <-ctx.Done():
	case err = <-heard:
		heard <- nil
	}
	deaf()
	if herr := <-heard; err == nil && !errors.Is(herr, context.Canceled) {
		err = herr
	}
	fmt.Fprintln(l.s.IO.Err, "Gracefully stopping... (press Ctrl+C again to force)")
	observed, oerr := compose.Observe(following, l.s.backend, l.p.Name, nil)
	if oerr == nil {
		oerr = l.s.stopAll(following, l.p, observed.Containers, timeout)
	}
	l.wait.Wait()
	return errors.Join(ctx.Err(), err, oerr)
}

// started follows a container that has been started and is not followed.
func (l *lasting) started(ctx context.Context, id string, at time.Time) error {
	found, err := l.s.containers(ctx, l.p.Name, nil)
	if err != nil {
		return err
	}
	for _, c := range found {
		if _, ours := l.p.Services[c.Service]; c.ID == id && ours && !c.OneOff {
			l.follow(ctx, c, at)
		}
	}
	return nil
}

// follow shows the output of a container until it has ended and is not started again.
func (l *lasting) follow(ctx context.Context, c compose.Container, since time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.followed[c.ID] {
		return
	}
	l.followed[c.ID] = true
	l.wait.Go(func() {
		ends := make(chan ended, 1)
		for again := true; again; {
			from := time.Now()
			l.v.follow(ctx, l.s, l.p.Name, c, since, l.wants(l.p, l.asked, c.Service), l.Timestamps, ends)
			<-ends
			l.mu.Lock()
			delete(l.followed, c.ID)
			l.mu.Unlock()
			// It may have been started before it was forgotten: nobody else saw that.
			info, err := l.s.client.Containers.Inspect(ctx, c.ID, container.InspectOptions{})
			if again = err == nil && info.State.Running; again {
				l.mu.Lock()
				again = !l.followed[c.ID]
				l.followed[c.ID] = true
				l.mu.Unlock()
				since = finished(info, from)
			}
		}
	})
}
