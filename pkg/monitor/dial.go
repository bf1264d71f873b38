package monitor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// refusedWait is how long a socket that nobody serves is tried: a killed
// monitor's keeper needs a few milliseconds to take over.
const refusedWait = 150 * time.Millisecond

// Dial connects to the monitor of the container whose run-time folder is dir.
// The error is ErrNotRunning if there is none.
func Dial(ctx context.Context, dir string) (*Client, error) {
	conn, err := dial(ctx, dir)
	if err != nil {
		return nil, err
	}
	return newClient(ctx, dir, conn), nil
}

func dial(ctx context.Context, dir string) (*net.UnixConn, error) {
	deadline := time.Now().Add(refusedWait)
	for {
		conn, err := connect(ctx, dir)
		switch {
		case err == nil:
			return conn, nil
		case errors.Is(err, unix.ENOENT):
			return nil, fmt.Errorf("%w (%s)", ErrNotRunning, dir)
		case !errors.Is(err, unix.ECONNREFUSED):
			return nil, fmt.Errorf("connect to the monitor in %s: %w", dir, err)
		case time.Now().After(deadline):
			return nil, fmt.Errorf("%w (%s)", ErrNotRunning, dir)
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// connect connects by way of a descriptor of the folder, because the address of
// a socket has room for 108 bytes only.
func connect(ctx context.Context, dir string) (*net.UnixConn, error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/%s", fd, SocketName))
	if err != nil {
		return nil, err
	}
	return conn.(*net.UnixConn), nil
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
