package send

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// lingering is how long messages that are still queued are sent after the feed's
// end.
const lingering = 10 * time.Second

// Serve takes a feed from a monitor, hands it to s and acknowledges it, until the
// feed ends or ctx is done: what has not been acknowledged then, the monitor will
// send again. say is told, in a line, what an administrator should know.
func Serve(ctx context.Context, feed io.ReadWriter, s Sender, say func(string)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	frames := make(chan frame, 4)
	d := newDelivery(ctx, s, say)
	defer d.report()
	var failed error
	go func() {
		failed = readFrames(ctx, feed, frames)
		if d.queue == nil {
			cancel() // nobody waits for what is still to be sent
		}
		close(frames)
	}()
	var split splitter
	var done [2]uint64
	if err := acknowledge(feed, done); err != nil {
		return err
	}
	for f := range frames {
		if !d.deliver(ctx, split.split(f)) {
			continue
		}
		done[f.Stream] = f.Offset + uint64(f.Length)
		if err := acknowledge(feed, done); err != nil && d.queue == nil {
			return err
		}
	}
	if d.queue != nil {
		d.queue.drain(lingering)
	}
	return failed
}

type frame struct {
	wire.FeedFrame
	text []byte
}

// readFrames reads until the end of the feed.
func readFrames(ctx context.Context, feed io.Reader, to chan<- frame) error {
	var head [wire.FeedSize]byte
	for {
		if _, err := io.ReadFull(feed, head[:]); err != nil {
			return endOf(err)
		}
		h, ok := wire.ParseFeed(head[:])
		if !ok {
			return fmt.Errorf("this is not a monitor's feed: % x", head)
		}
		f := frame{h, make([]byte, h.Length)}
		if _, err := io.ReadFull(feed, f.text); err != nil {
			return endOf(err)
		}
		select {
		case to <- f:
		case <-ctx.Done():
			return nil
		}
	}
}

// endOf is nil for the ways in which a feed ends: the monitor has closed it, or has
// been killed.
func endOf(err error) error {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, unix.EPIPE, unix.ECONNRESET} {
		if errors.Is(err, end) {
			return nil
		}
	}
	return err
}

func acknowledge(w io.Writer, done [2]uint64) error {
	_, err := w.Write(wire.Append64(wire.Append64(nil, done[0]), done[1]))
	return endOf(err)
}

// delivery hands messages to a sender and tries again as its policy says.
type delivery struct {
	s      Sender
	policy Policy
	say    func(string)
	queue  *queue // nil: the caller waits
	lost   uint64
	down   time.Time // until then nothing is tried
}

func newDelivery(ctx context.Context, s Sender, say func(string)) *delivery {
	d := &delivery{s: s, policy: s.Policy(), say: say}
	if d.policy.Queue > 0 {
		inner := &delivery{s: s, policy: d.policy, say: say}
		d.queue = newQueue(ctx, d.policy.Queue, inner.send)
	}
	return d
}

// deliver returns true when nobody needs the messages any more: they have been
// sent, queued, or given up.
func (d *delivery) deliver(ctx context.Context, messages []Message) bool {
	if d.queue == nil {
		return d.send(ctx, messages)
	}
	if !d.queue.put(messages) {
		d.lose(len(messages), errFull)
	}
	return true
}

// send tries until the messages are sent or given up. False: ctx is done.
func (d *delivery) send(ctx context.Context, messages []Message) bool {
	if time.Now().Before(d.down) {
		d.lose(len(messages), nil)
		return true
	}
	for attempt := 0; len(messages) > 0; {
		n, err := d.s.Send(ctx, messages)
		messages = messages[n:]
		if n > 0 || err == nil {
			attempt = 0
		}
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return false
		}
		if attempt++; attempt > d.policy.Attempts {
			d.lose(len(messages), err)
			d.down = time.Now().Add(d.policy.Pause)
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(d.policy.wait(attempt)):
		}
	}
	d.report()
	return true
}

var errFull = errors.New("the buffer is full")

// lose counts messages that are given up, and says so at the first of them.
func (d *delivery) lose(n int, err error) {
	if d.lost == 0 && err != nil {
		d.say("messages are lost: " + err.Error())
	}
	d.lost += uint64(n)
}

// report says how many messages were lost, once it is over.
func (d *delivery) report() {
	if d.lost > 0 {
		d.say(fmt.Sprintf("%d messages were lost", d.lost))
		d.lost = 0
	}
}
