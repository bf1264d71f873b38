package container

import (
	"context"
	"errors"
	"io/fs"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/logs"
	"github.com/nerd-cli/nerd/pkg/logs/driver"
)

// Logs writes what a container has written, and with Follow what it goes on to
// write until it ends. The logs of a kubelet's containers are read too.
func (s *Service) Logs(ctx context.Context, ref string, opts LogsOptions) error {
	c, err := s.find(ctx, ref)
	if err != nil {
		return err
	}
	path, format := "", driver.FormatLines
	if c.Foreign {
		path, err = s.podLog(ctx, c)
	} else {
		path, format = s.logFile(c)
	}
	if err != nil {
		return err
	}
	if path == "" {
		return errorf(errdefs.ErrFailedPrecondition, "configured logging driver does not support reading")
	}
	if !c.Foreign && c.Running() && s.orphaned(ctx, c) {
		if mon, err := s.dialMonitor(ctx, c); err == nil {
			_ = mon.Close()
		}
	}
	ended := make(chan struct{})
	if opts.Follow && (c.Running() || c.ended()) {
		go func() {
			defer close(ended)
			s.awaitEnd(ctx, c)
		}()
	} else {
		close(ended)
	}
	printer := logs.Printer{Stdout: opts.Stdout, Stderr: opts.Stderr, Timestamps: opts.Timestamps, Details: opts.Details}
	err = logs.Read(ctx, path, logs.Options{
		Lines: format == driver.FormatLines, Tail: opts.Tail, Since: opts.Since, Until: opts.Until, Follow: opts.Follow, Emit: printer.Print,
	}, ended)
	if errors.Is(err, fs.ErrNotExist) { // it has never run
		return nil
	}
	return err
}

// awaitEnd returns when a container has ended for good: drained, and not about
// to be restarted.
func (s *Service) awaitEnd(ctx context.Context, c *Container) {
	if c.Foreign {
		_, _ = waitProcess(ctx, c.Status.Process, 0)
		return
	}
	for ctx.Err() == nil {
		mon, err := s.dialMonitor(ctx, c)
		if err == nil {
			_ = mon.Watch(ctx)
			_ = mon.Close()
		} else if _, err := waitProcess(ctx, c.Status.Process, 0); err != nil {
			return
		}
		again := false
		_ = s.poll(ctx, func() (bool, error) {
			now, err := s.get(ctx, c.ID)
			if err != nil {
				return true, err
			}
			c, again = now, now.Running()
			return again || !now.ended() && now.Status.State != container.StateRestarting, nil
		})
		if !again {
			return
		}
	}
}
