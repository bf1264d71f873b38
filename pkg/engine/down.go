package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/nerd-cli/nerd/pkg/state"
)

// DownResult is what Down did.
type DownResult struct {
	Daemons    []string // names of those that were running
	Containers int      // containers that go on running without the engine
}

// Down stops the daemons. Containers go on running, as they do when containerd
// is restarted: each has its shim, and the next Up finds them again.
func Down(ctx context.Context, l state.Layout) (DownResult, error) {
	var done DownResult
	lock, err := state.AcquireLock(ctx, lockFile(l))
	if err != nil {
		return done, diskError(err, l.EngineRun())
	}
	defer func() { _ = lock.Release() }() // nothing was written through it
	all, err := daemons(l)
	if err != nil {
		return done, err
	}
	for _, d := range all {
		if p, ok := d.find(); ok {
			if err := stop(ctx, p); err != nil {
				return done, fmt.Errorf("stopping %s: %w", d.name, err)
			}
			done.Daemons = append(done.Daemons, d.name)
		}
		if err := removeRemains(d); err != nil {
			return done, err
		}
	}
	leaveCgroups()
	bundles, err := filepath.Glob(filepath.Join(l.EngineRun(), "containerd", "io.containerd.runtime.v2.task", "*", "*"))
	done.Containers = len(bundles)
	return done, errors.Join(err)
}
