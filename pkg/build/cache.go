package build

import (
	"context"
	"time"

	"github.com/moby/buildkit/client"
)

// Record is one entry of the build cache.
type Record = client.UsageInfo

// PruneOptions say which entries of the build cache go.
type PruneOptions struct {
	All     bool          // those of the builder itself, too
	Filters []string      // KEY=VALUE, all of which have to match
	Keep    int64         // bytes that may stay; 0: none
	MaxUsed int64         // bytes above which entries go although Keep would have them stay
	MinFree int64         // bytes of the disk that are to be free
	Unused  time.Duration // how long an entry has to have been unused
}

// Prune removes entries that no build uses, and lists them.
func (b *Builder) Prune(ctx context.Context, opts PruneOptions) ([]Record, error) {
	ch := make(chan client.UsageInfo)
	var gone []Record
	done := make(chan struct{})
	go func() {
		defer close(done)
		for r := range ch {
			gone = append(gone, r)
		}
	}()
	args := []client.PruneOption{client.WithKeepOpt(opts.Unused, opts.Keep, opts.MaxUsed, opts.MinFree)}
	if opts.All {
		args = append(args, client.PruneAll)
	}
	if len(opts.Filters) > 0 {
		args = append(args, client.WithFilter(opts.Filters))
	}
	err := b.conn.Prune(ctx, ch, args...)
	close(ch)
	<-done
	return gone, err
}

// Usage lists the entries of the build cache that no build has used for so long.
func (b *Builder) Usage(ctx context.Context, filters []string, unused time.Duration) ([]*Record, error) {
	return b.conn.DiskUsage(ctx, client.WithFilter(filters), client.WithAgeLimit(unused))
}
