package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// answering answers every packet with its upper case, from IPv4.
func answering(t *testing.T) *net.UDPConn {
	t.Helper()
	far, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close() })
	go func() {
		buf := make([]byte, 1<<16)
		for {
			n, from, err := far.ReadFromUDP(buf)
			if err != nil {
				return
			}
			if _, err := far.WriteToUDP([]byte(strings.ToUpper(string(buf[:n]))), from); err != nil {
				return
			}
		}
	}()
	return far
}

// relayTo prepares a relay, and returns a client of its port.
func relayTo(t *testing.T, far *net.UDPConn) (r *relay, client func() net.Conn) {
	t.Helper()
	near, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6zero})
	if err != nil {
		t.Skip("this machine has no IPv6:", err)
	}
	port := near.LocalAddr().(*net.UDPAddr).Port
	f, err := near.File()
	if err = errors.Join(err, near.Close()); err != nil { // f is another descriptor
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	table := filepath.Join(t.TempDir(), "forward.udp")
	if err := os.WriteFile(table, fmt.Appendf(nil, "%d 127.0.0.1 %d\n", port, far.LocalAddr().(*net.UDPAddr).Port), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err = newRelay(table, int(f.Fd())); err != nil {
		t.Fatal(err)
	}
	return r, func() net.Conn {
		c, err := net.Dial("udp6", fmt.Sprintf("[::1]:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		return c
	}
}

// Every client gets its own answers, from the address that it asked.
func TestRelay(t *testing.T) {
	r, client := relayTo(t, answering(t))
	go r.run() // until the test's process ends
	clients := []net.Conn{client(), client(), client()}
	buf := make([]byte, 1<<16)
	for round, size := range []int{1, 1400, 60000, 0} {
		for i, c := range clients {
			if _, err := c.Write([]byte(strings.Repeat(string(rune('a'+i)), size))); err != nil {
				t.Fatal(err)
			}
		}
		for i, c := range clients {
			n, err := c.Read(buf)
			if want := strings.Repeat(string(rune('A'+i)), size); err != nil || string(buf[:n]) != want {
				t.Fatalf("round %d, client %d: %d bytes, %v", round, i, n, err)
			}
		}
	}
}

// A relay ends when nobody says anything any more.
func TestRelayEnds(t *testing.T) {
	r, client := relayTo(t, answering(t))
	c := client()
	if _, err := c.Write([]byte("x")); err != nil { // it waits at the port
		t.Fatal(err)
	}
	r.idle = 50 * millisecond
	r.run()
	if len(r.clients) != 0 {
		t.Errorf("clients %v", r.clients)
	}
}

// The client that is silent for longest makes room for others.
func TestRelayRoom(t *testing.T) {
	r := &relay{clients: map[relayClient]*relaySession{}, fds: map[int]*relaySession{}}
	for i := range 3 {
		s := &relaySession{client: relayClient{port: i}, fd: -1 - i, last: int64(10 - i)}
		r.clients[s.client], r.fds[s.fd] = s, s
	}
	r.endOldest()
	if len(r.clients) != 2 || len(r.fds) != 2 || r.clients[relayClient{port: 2}] != nil {
		t.Errorf("left: %v", r.clients)
	}
}

func TestAskedAddress(t *testing.T) {
	one := [16]byte{15: 1}
	if got := askedAddress(fromAddress(one)); got != one {
		t.Errorf("got %v", got)
	}
	for _, bad := range [][]byte{nil, {1, 2, 3}, fromAddress([16]byte{0: 0xff, 15: 1})} {
		if got := askedAddress(bad); got != [16]byte{} {
			t.Errorf("%v: %v", bad, got)
		}
	}
}
