package logs

import (
	"encoding/json"
	"maps"
	"testing"
	"time"
)

func TestDecode(t *testing.T) {
	for _, test := range []struct{ line, log, stream string }{
		{`{"log":"a\u0009b\u003c\"\\\n","stream":"stdout","time":"2026-11-21T04:15:31.783032299Z"}`, "a\tb<\"\\\n", "stdout"},
		{`{"log":"\ufffd\u2028\r\n","stream":"stderr","time":"2026-11-21T04:15:31Z"}`, "\ufffd\u2028\r\n", "stderr"},
		{`{"log":"\ud83d\ude00","stream":"stdout","time":"2026-11-21T04:15:31.1Z"}`, "\U0001f600", "stdout"},
		{`{"log":"x","stream":"stdout","attrs":{"a":"b"},"time":"2026-11-21T04:15:31Z"}`, "x", "stdout"},
		{`{"time":"2026-11-21T04:15:31+01:00","stream":"stderr","log":"y"}`, "y", "stderr"},
	} {
		var d decoder
		e, err := d.decode([]byte(test.line + "\n"))
		if err != nil || string(e.Log) != test.log || e.Stream != test.stream {
			t.Errorf("%s: got %q, %s, %v", test.line, e.Log, e.Stream, err)
		}
	}
	for _, bad := range []string{"", "{}", "null", `{"log":"x`, `{"log":1}`, "[]"} {
		var d decoder
		if e, err := d.decode([]byte(bad)); err == nil {
			t.Errorf("%q: got %v, want an error", bad, e)
		}
	}
}

func TestFastPathIsTaken(t *testing.T) {
	var d decoder
	if _, ok := d.fast([]byte(`{"log":"a\u0001ü\n","stream":"stdout","time":"2024-02-29T04:15:31.783032299Z"}`)); !ok {
		t.Error("the usual line went the slow way")
	}
}

// FuzzDecode compares the fast path with encoding/json.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"log":"a\u0009\n","stream":"stdout","time":"2026-11-21T04:15:31.783032299Z"}`))
	f.Add([]byte(`{"log":"\ufffd","stream":"stderr","attrs":{"a":"b"},"time":"2026-02-29T04:15:31Z"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var d decoder
		fast, ok := d.fast(line)
		if !ok {
			return
		}
		var slow struct {
			Log, Stream string
			Time        time.Time
			Attrs       map[string]string
		}
		if err := json.Unmarshal(line, &slow); err != nil {
			t.Fatalf("%q: only the fast path takes it: %v", line, err)
		}
		if string(fast.Log) != slow.Log || fast.Stream != slow.Stream || !fast.Time.Equal(slow.Time) || !maps.Equal(fast.Attrs, slow.Attrs) {
			t.Fatalf("%q: got %+v, want %+v", line, fast, slow)
		}
	})
}
