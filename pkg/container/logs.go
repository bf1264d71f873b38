package container

import (
	"context"
	"errors"
	"io/fs"
	"strconv"

	"github.com/containerd/errdefs"
	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/logs"
	"github.com/nerd-cli/nerd/pkg/monitor"
)

// Log drivers that nerd has.
const (
	driverJSON = "json-file"
	driverNone = "none"
)

// logged tells whether a container's output is kept in a file.
func logged(c *Container) bool { return c.HostConfig.LogConfig.Type != driverNone }

// logOptions tells a monitor where to log and when to rotate. As in Docker the
// size is decimal, 1k being 1000 bytes. checkLogConfig has accepted the
// configuration before.
func logOptions(lc container.LogConfig, path string, cfg *monitor.Config) {
	if lc.Type == driverNone {
		return
	}
	cfg.LogPath = path
	if n, err := units.FromHumanSize(lc.Config["max-size"]); err == nil {
		cfg.MaxSize = n
	}
	if n, err := strconv.Atoi(lc.Config["max-file"]); err == nil {
		cfg.MaxFile = n
	}
}

// checkLogConfig refuses drivers and options that nerd does not have.
func checkLogConfig(lc container.LogConfig) error {
	switch lc.Type {
	case "", driverJSON:
	case driverNone:
		return nil
	default:
		return errorf(errdefs.ErrInvalidArgument, "log driver %q is not supported: use json-file or none", lc.Type)
	}
	for key, value := range lc.Config {
		switch key {
		case "max-size":
			if n, err := units.FromHumanSize(value); err != nil || n <= 0 {
				return errorf(errdefs.ErrInvalidArgument, "invalid value for max-size: %q", value)
			}
		case "max-file":
			if n, err := strconv.Atoi(value); err != nil || n < 1 {
				return errorf(errdefs.ErrInvalidArgument, "max-file cannot be less than 1: %q", value)
			}
		default:
			return errorf(errdefs.ErrInvalidArgument, "unknown log opt '%s' for json-file log driver", key)
		}
	}
	return nil
}

// Logs writes what a container has written, and with Follow what it goes on to
// write until it ends.
func (s *Service) Logs(ctx context.Context, ref string, opts LogsOptions) error {
	c, err := s.own(ctx, ref)
	if err != nil {
		return err
	}
	if !logged(c) {
		return errorf(errdefs.ErrFailedPrecondition, "configured logging driver does not support reading")
	}
	if c.Running() && s.orphaned(ctx, c) {
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
	err = logs.Read(ctx, s.cfg.Layout.LogFile(c.ID), logs.Options{
		Tail: opts.Tail, Since: opts.Since, Until: opts.Until, Follow: opts.Follow, Emit: printer.Print,
	}, ended)
	if errors.Is(err, fs.ErrNotExist) { // it has never run
		return nil
	}
	return err
}

// awaitEnd returns when a container has ended for good: drained, and not about
// to be restarted.
func (s *Service) awaitEnd(ctx context.Context, c *Container) {
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
