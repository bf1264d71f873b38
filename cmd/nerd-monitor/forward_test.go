package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
)

func TestFindTarget(t *testing.T) {
	table := []byte("8080 172.17.0.2 80\n9090 172.17.0.3 90")
	for port, want := range map[int]syscall.SockaddrInet4{
		8080: {Port: 80, Addr: [4]byte{172, 17, 0, 2}},
		9090: {Port: 90, Addr: [4]byte{172, 17, 0, 3}},
	} {
		if got, ok := findTarget(table, port); !ok || got.Port != want.Port || got.Addr != want.Addr {
			t.Errorf("port %d leads to %v, %v", port, got, ok)
		}
	}
	for _, bad := range []string{"", "8080", "8080 172.17.0.2\n", "\n\n", "8080 1.2.3.4 80 9"} {
		if got, ok := findTarget([]byte(bad), 8080); ok {
			t.Errorf("%q leads to %v", bad, got)
		}
	}
}

// What arrives on one connection leaves by the other, with its end, and the other
// way round; one direction that has ended does not end the other.
func TestPump(t *testing.T) {
	client, near := connection(t)
	far, server := connection(t)
	go pump(int(near.Fd()), int(far.Fd()))
	go pump(int(far.Fd()), int(near.Fd()))
	sent := bytes.Repeat([]byte("0123456789abcde\n"), 1<<18) // more than pipe and sockets hold
	written := make(chan struct{})
	defer func() { <-written }() // the connections are closed after that
	go func() {
		defer close(written)
		_, err := client.Write(sent)
		if err = errors.Join(err, syscall.Shutdown(int(client.Fd()), syscall.SHUT_WR)); err != nil {
			t.Error(err)
		}
	}()
	got, err := io.ReadAll(server)
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("%d bytes of %d arrived, %v", len(got), len(sent), err)
	}
	if _, err := server.WriteString("answer"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Shutdown(int(server.Fd()), syscall.SHUT_WR); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(client); err != nil || string(got) != "answer" {
		t.Fatalf("the answer is %q, %v", got, err)
	}
}

// connection is both ends of one, blocking as those of the process that pumps.
func connection(t *testing.T) (a, b *os.File) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	a, b = os.NewFile(uintptr(fds[0]), "a"), os.NewFile(uintptr(fds[1]), "b")
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a, b
}
