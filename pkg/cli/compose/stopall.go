package compose

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/nerd-cli/nerd/pkg/compose"
)

// stopAll stops containers, users before what they use; another interruption
// kills them.
func (s *session) stopAll(ctx context.Context, p *types.Project, all []compose.Container, timeout *int) error {
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(again)
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-again:
			for _, c := range all {
				_ = s.client.Containers.Kill(ctx, c.ID, "SIGKILL") // those that have ended cannot be
			}
		case <-over:
		}
	}()
	observed, err := compose.Observe(ctx, s.backend, p.Name, nil)
	if err != nil {
		return err
	}
	return s.carryOut(ctx, s.executor(p.Name, p, observed), compose.PlanStop(p, observed, names(all), timeout))
}

func names(all []compose.Container) []string {
	var out []string
	for _, c := range all {
		out = append(out, c.Service)
	}
	return out
}
