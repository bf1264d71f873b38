// Package send sends a container's output to log servers: syslog, journald,
// fluentd and GELF. It is what nerd-logger is made of.
package send

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/nerd-cli/nerd/pkg/logs/driver"
)

// Message is a line of output, or a piece of a long one.
type Message struct {
	Stream byte // 0: stdout, 1: stderr
	Time   time.Time
	Line   []byte // without its newline; valid until Send returns
	Piece  *Piece // nil: a whole line
}

// Piece tells where a message belongs in the line that it is a piece of.
type Piece struct {
	ID      string
	Ordinal int // from 1 on
	Last    bool
}

// Sender is a connection to a log server, made when it is first needed.
type Sender interface {
	// Connect makes the connection, if there is none.
	Connect(ctx context.Context) error
	// Send delivers messages in order. With an error it tells how many it has
	// delivered; the next call connects anew.
	Send(ctx context.Context, messages []Message) (int, error)
	// Policy tells how hard to try.
	Policy() Policy
	Close() error
}

// Policy is how a sender that fails is tried again.
type Policy struct {
	Attempts int           // after the first; then messages are given up
	Wait     time.Duration // before the second attempt
	Factor   float64       // by which each further wait is longer
	Longest  time.Duration // wait
	Pause    time.Duration // once messages have been given up, until the server is tried again
	// Unreachable: a container may start though the server cannot be reached.
	Unreachable bool
	// Queue, if it is not 0, is how many messages are held so that nobody waits;
	// what finds no room is lost.
	Queue int
}

// patience is for drivers whose options say nothing about it: a server that is
// restarted is waited for, one that is gone does not hold the container up for long.
var patience = Policy{Attempts: 6, Wait: 100 * time.Millisecond, Factor: 2, Longest: 2 * time.Second, Pause: time.Second}

func (p Policy) wait(attempt int) time.Duration {
	w := float64(p.Wait) * math.Pow(p.Factor, float64(attempt-1))
	return time.Duration(min(w, float64(p.Longest)))
}

// New makes the sender that a container's configuration asks for. It does not
// connect yet.
func New(cfg *driver.Remote) (Sender, error) {
	var s Sender
	var err error
	switch cfg.Driver {
	case driver.Syslog:
		s, err = newSyslog(&cfg.Info)
	case driver.Journald:
		s, err = newJournald(journalSocket, &cfg.Info)
	case driver.Fluentd:
		s, err = newFluentd(&cfg.Info)
	case driver.GELF:
		s, err = newGELF(&cfg.Info)
	default:
		return nil, fmt.Errorf("log driver %q sends nothing", cfg.Driver)
	}
	return s, err
}

// Check tells whether a container with this configuration may start: whether the
// server can be reached, where that is asked for.
func Check(ctx context.Context, cfg *driver.Remote) error {
	s, err := New(cfg)
	if err != nil {
		return err
	}
	if s.Policy().Unreachable {
		return nil
	}
	if err := s.Connect(ctx); err != nil {
		return err
	}
	return s.Close()
}

const dialTimeout = 3 * time.Second
