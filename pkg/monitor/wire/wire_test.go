package wire

import "testing"

func TestFrames(t *testing.T) {
	h := HelloFrame{Flags: HelloStdin | HelloOwner, Stdout: FromNow, Stderr: 1 << 40, Key: 0x0123456789abcdef}
	b := h.Append(nil)
	kind, length := ParseHeader(b)
	if got, ok := ParseHello(b[HeaderSize:]); kind != Hello || length != HelloSize || len(b) != HeaderSize+length || !ok || got != h {
		t.Errorf("hello: got %d, %d, %+v, %v", kind, length, got, ok)
	}
	r := ReadyFrame{Stdout: 1, Stderr: 1 << 33, Stdin: 3, PID: 1 << 31, Flags: ReadyExited}
	b = r.Append(nil)
	kind, length = ParseHeader(b)
	if got, ok := ParseReady(b[HeaderSize:]); kind != Ready || length != ReadySize || len(b) != HeaderSize+length || !ok || got != r {
		t.Errorf("ready: got %d, %d, %+v, %v", kind, length, got, ok)
	}
}

func TestShortFrames(t *testing.T) {
	if _, ok := ParseHello(make([]byte, HelloSize-1)); ok {
		t.Error("a short hello was taken")
	}
	if _, ok := ParseReady(make([]byte, ReadySize+1)); ok {
		t.Error("a long ready was taken")
	}
}
