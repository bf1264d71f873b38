package flagx_test

import (
	"testing"
	"time"

	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

func TestParseTime(t *testing.T) {
	zone := time.FixedZone("here", 2*60*60)
	now := time.Date(2024, 6, 1, 12, 0, 0, 0, zone)
	for in, want := range map[string]time.Time{
		"":                               {},
		"10m":                            now.Add(-10 * time.Minute),
		"1h30m":                          now.Add(-90 * time.Minute),
		"2024-05-31":                     time.Date(2024, 5, 31, 0, 0, 0, 0, zone),
		"2024-05-31T10":                  time.Date(2024, 5, 31, 10, 0, 0, 0, zone),
		"2024-05-31T10:20":               time.Date(2024, 5, 31, 10, 20, 0, 0, zone),
		"2024-05-31T10:20:30":            time.Date(2024, 5, 31, 10, 20, 30, 0, zone),
		"2024-05-31T10:20:30.5":          time.Date(2024, 5, 31, 10, 20, 30, 5e8, zone),
		"2024-05-31T10:20:30Z":           time.Date(2024, 5, 31, 10, 20, 30, 0, time.UTC),
		"2024-05-31T10:20:30.123456789Z": time.Date(2024, 5, 31, 10, 20, 30, 123456789, time.UTC),
		"2024-05-31T10:20+01:00":         time.Date(2024, 5, 31, 9, 20, 0, 0, time.UTC),
		"2024-05-31Z":                    time.Date(2024, 5, 31, 0, 0, 0, 0, time.UTC),
		"1717150000":                     time.Unix(1717150000, 0),
		"1717150000.25":                  time.Unix(1717150000, 25e7),
		"0":                              time.Unix(0, 0),
	} {
		if got, err := flagx.ParseTime(in, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: got %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"x", "2024-13-01", "10", "1.x", "1.1234567890", "yesterday", "2024-05-31T25:00"} {
		if got, err := flagx.ParseTime(in, now); err == nil && in != "10" {
			t.Errorf("%q: got %v", in, got)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	f.Add("10m")
	f.Add("2024-05-31T10:20:30Z")
	f.Add("1.5")
	now := time.Unix(1717150000, 0)
	f.Fuzz(func(_ *testing.T, s string) {
		_, _ = flagx.ParseTime(s, now) // must not panic
	})
}
