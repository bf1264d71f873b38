package send

import (
	"context"
	"net"
	"time"
)

// writeTimeout is how long a server may take nothing before the connection counts
// as broken.
const writeTimeout = 10 * time.Second

// conn is a connection that is made when it is needed and thrown away when it
// fails.
type conn struct {
	dial func(context.Context) (net.Conn, error)
	c    net.Conn
}

// Connect makes the connection, if there is none.
func (c *conn) Connect(ctx context.Context) error {
	if c.c != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	made, err := c.dial(ctx)
	if err != nil {
		return err
	}
	c.c = made
	return nil
}

// write writes all of b, or breaks the connection.
func (c *conn) write(ctx context.Context, b []byte) error {
	if err := c.Connect(ctx); err != nil {
		return err
	}
	err := c.c.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err == nil {
		_, err = c.c.Write(b)
	}
	if err != nil {
		c.drop()
	}
	return err
}

// writeDatagram writes a datagram. That the last one was refused shows only now,
// and is no reason to lose this one.
func (c *conn) writeDatagram(ctx context.Context, b []byte) error {
	if err := c.write(ctx, b); err == nil || ctx.Err() != nil {
		return err
	}
	return c.write(ctx, b)
}

// alive tells a stream that its server has closed from one that is idle: a write
// to it would still succeed, and be lost.
func (c *conn) alive() bool {
	if c.c == nil {
		return false
	}
	var b [1]byte
	if err := c.c.SetReadDeadline(time.Now().Add(50 * time.Microsecond)); err != nil {
		return false
	}
	_, err := c.c.Read(b[:])
	if err == nil {
		return true
	}
	ne, ok := err.(net.Error) //nolint:errorlint // net.Conn returns it as it is
	return ok && ne.Timeout()
}

// drop throws a broken connection away.
func (c *conn) drop() {
	if c.c != nil {
		_ = c.c.Close() // it is broken
		c.c = nil
	}
}

// Close ends the connection.
func (c *conn) Close() error {
	if c.c == nil {
		return nil
	}
	err := c.c.Close()
	c.c = nil
	return err
}
