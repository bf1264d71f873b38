package factory

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Signals decides what SIGINT and SIGTERM do: as a rule they cancel the
// command's context, and a second one ends the program. A command that passes
// signals on to a container takes them over with Forward.
type Signals struct {
	mu        sync.Mutex
	forwarded int
	received  os.Signal
}

// Watch returns a context that the first SIGINT, SIGTERM or SIGHUP cancels.
func (s *Signals) Watch(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	ch := make(chan os.Signal, 4)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		for {
			select {
			case sig := <-ch:
				if s.take(sig) {
					signal.Stop(ch) // the next one has its default action
					cancel()
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(ch)
		cancel()
	}
}

func (s *Signals) take(sig os.Signal) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forwarded > 0 {
		return false
	}
	s.received = sig
	return true
}

// Received is the signal that cancelled the context, if one did.
func (s *Signals) Received() (syscall.Signal, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sig, ok := s.received.(syscall.Signal)
	return sig, ok
}

// Forward calls handle for every signal that a program can pass on, instead of
// what the signal would do, until the returned function is called. Signals that
// the kernel or the Go runtime sends for its own reasons (SIGCHLD, SIGPIPE,
// SIGURG) and SIGWINCH, which is a matter of the terminal, are left out.
func (s *Signals) Forward(handle func(syscall.Signal)) (restore func()) {
	s.mu.Lock()
	s.forwarded++
	s.mu.Unlock()
	ch := make(chan os.Signal, 64)
	done := make(chan struct{})
	signal.Notify(ch, forwardable()...)
	go func() {
		for {
			select {
			case sig := <-ch:
				if sys, ok := sig.(syscall.Signal); ok {
					handle(sys)
				}
			case <-done:
				return
			}
		}
	}()
	return sync.OnceFunc(func() {
		signal.Stop(ch)
		close(done)
		s.mu.Lock()
		s.forwarded--
		s.mu.Unlock()
	})
}

func forwardable() []os.Signal {
	return []os.Signal{
		syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2,
		syscall.SIGALRM, syscall.SIGCONT, syscall.SIGTSTP, syscall.SIGVTALRM, syscall.SIGPROF, syscall.SIGIO,
		syscall.SIGPWR, syscall.SIGXCPU, syscall.SIGXFSZ,
	}
}
