// Command nerd-logger does for a container's log what needs more than nerd-monitor
// has: it sends output to syslog, journald, fluentd or GELF, and compresses rotated
// files. nerd-monitor starts it and feeds it; nobody calls it by hand.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/nerd-cli/nerd/pkg/logs/driver"
	"github.com/nerd-cli/nerd/pkg/logs/send"
	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

func main() {
	debug.SetGCPercent(20) // it stays beside its container: memory counts more than time
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 2 && args[0] == wire.LoggerSend:
		return serve(ctx, args[1])
	case len(args) == 1 && args[0] == wire.LoggerCheck:
		cfg, err := read(os.Stdin)
		if err != nil {
			return err
		}
		return send.Check(ctx, cfg)
	case len(args) == 2 && args[0] == wire.LoggerCompress:
		return send.Compress(args[1])
	}
	return fmt.Errorf("nerd-logger is started by nerd-monitor, not by hand: %q", args)
}

// serve sends what comes by the feed, until that ends.
func serve(ctx context.Context, dir string) error {
	f, err := os.Open(filepath.Join(dir, wire.LoggerConfig))
	if err != nil {
		return err
	}
	cfg, err := read(f)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	s, err := send.New(cfg)
	if err != nil {
		return err
	}
	feed := os.NewFile(wire.FeedFD, "feed")
	return send.Serve(ctx, feed, s, func(line string) {
		fmt.Fprintln(os.Stderr, time.Now().UTC().Format(time.RFC3339), cfg.Driver+":", line)
	})
}

func read(r io.Reader) (*driver.Remote, error) {
	cfg := &driver.Remote{}
	if err := json.NewDecoder(r).Decode(cfg); err != nil {
		return nil, fmt.Errorf("the configuration of nerd-logger: %w", err)
	}
	return cfg, nil
}
