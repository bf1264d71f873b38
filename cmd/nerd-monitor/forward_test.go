package main

import (
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
