package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nerd-cli/nerd/pkg/state"
)

// StopBuilder stops the buildkitd of the layout's namespace in the containerd at
// address, and tells whether there was one. What it has cached stays.
func StopBuilder(ctx context.Context, l state.Layout, address string) (bool, error) {
	return stopBuilder(ctx, l, buildkitd(l, address))
}

// RemoveBuilder is StopBuilder, and removes what the daemon has of its own: its
// index of the cache, its configuration and its log. What the cache holds on to in
// containerd is the caller's to free.
func RemoveBuilder(ctx context.Context, l state.Layout, address string) error {
	d := buildkitd(l, address)
	if _, err := stopBuilder(ctx, l, d); err != nil {
		return err
	}
	return errors.Join(
		os.RemoveAll(filepath.Join(l.Engine(), d.name)), os.RemoveAll(d.config), os.RemoveAll(d.logFile), os.RemoveAll(d.logFile+".1"),
	)
}

func stopBuilder(ctx context.Context, l state.Layout, d daemon) (bool, error) {
	lock, err := state.AcquireLock(ctx, lockFile(l))
	if err != nil {
		return false, diskError(err, l.EngineRun())
	}
	defer func() { _ = lock.Release() }() // nothing was written through it
	p, ok := d.find()
	if ok {
		if err := stop(ctx, p); err != nil {
			return false, fmt.Errorf("stopping %s: %w", d.name, err)
		}
	}
	return ok, removeRemains(d)
}
