package container

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/nerd-cli/nerd/pkg/cli/format"
	"github.com/nerd-cli/nerd/pkg/container"
)

// drawStats writes over what the last frame has left on the screen, in one write,
// so that nothing flickers.
func drawStats(o *StatsOptions, list []container.Measured) error {
	var text, frame bytes.Buffer
	if err := format.Stats(&text, o.Format, o.NoTrunc, list); err != nil {
		return err
	}
	frame.WriteString("\x1b[H")
	for line := range bytes.Lines(text.Bytes()) {
		frame.Write(bytes.TrimSuffix(line, []byte{'\n'}))
		frame.WriteString("\x1b[K\n")
	}
	frame.WriteString("\x1b[J")
	_, err := io.Copy(o.IO.Out, &frame)
	return err
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
