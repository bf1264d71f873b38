package compose

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	apicontainer "github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/compose"
	"github.com/nerd-cli/nerd/pkg/container"
)

// await waits until the services are up: healthy where that is checked, running
// otherwise. One that has ended well, and is not to run again, is up.
func (o *UpOptions) await(ctx context.Context, s *session, p *types.Project) error {
	limited, cancel := context.WithCancel(ctx)
	if o.WaitTimeout > 0 {
		cancel()
		limited, cancel = context.WithTimeout(ctx, time.Duration(o.WaitTimeout)*time.Second)
	}
	defer cancel()
	observed, err := compose.Observe(limited, s.backend, p.Name, nil)
	if err != nil {
		return err
	}
	show, end := s.show()
	defer end()
	if show == nil {
		show = func(compose.Event) {}
	}
	failed := make([]error, len(observed.Containers))
	var wait sync.WaitGroup
	for i, c := range observed.Containers {
		if _, ours := p.Services[c.Service]; !ours || c.OneOff {
			continue
		}
		wait.Go(func() {
			id := "Container " + c.Name
			show(compose.Event{ID: id, Status: "Waiting"})
			word := "Healthy"
			if word, failed[i] = awaitContainer(limited, s, c); failed[i] != nil {
				word = "Error"
				cancel() // one is enough
			}
			show(compose.Event{ID: id, Status: word, Done: true, Failed: failed[i] != nil})
		})
	}
	wait.Wait()
	if errors.Is(context.Cause(limited), context.DeadlineExceeded) && ctx.Err() == nil {
		return fmt.Errorf("application not healthy after %s", time.Duration(o.WaitTimeout)*time.Second)
	}
	return firstCause(failed)
}

// firstCause is the first error that is not the consequence of another one.
func firstCause(all []error) error {
	for _, err := range all {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return errors.Join(all...)
}

// awaitContainer waits for one container, and says what it is then.
func awaitContainer(ctx context.Context, s *session, c compose.Container) (string, error) {
	checked, err := s.client.Containers.HasHealthcheck(ctx, c.ID)
	if err != nil {
		return "", err
	}
	cond := container.WaitRunning
	if checked {
		cond = container.WaitHealthy
	}
	err = s.client.Containers.WaitFor(ctx, c.ID, cond)
	if err == nil || ctx.Err() != nil {
		return "Healthy", err
	}
	info, ierr := s.client.Containers.Inspect(ctx, c.ID, container.InspectOptions{})
	if ierr != nil || info.State.Status != apicontainer.StateExited {
		return "", err
	}
	if info.State.ExitCode == 0 && info.HostConfig.RestartPolicy.IsNone() {
		return "Exited", nil
	}
	return "", fmt.Errorf("container %s exited (%d)", c.Name, info.State.ExitCode)
}
