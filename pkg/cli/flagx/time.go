package flagx

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// timeLayouts are the forms of a point in time besides seconds since 1970 and a
// duration before now. Those without a zone are local time.
var timeLayouts = []string{
	time.RFC3339Nano,
	"2006-01-02T15:04Z07:00",
	"2006-01-02Z07:00",
	"2006-01-02T15:04:05.999999999",
	"2006-01-02T15:04:05",
	"2006-01-02T15:04",
	"2006-01-02T15",
	"2006-01-02",
}

// ParseTime reads a value of --since or --until. Empty is the zero time.
func ParseTime(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && text != "0" {
		return now.Add(-d), nil
	}
	for _, layout := range timeLayouts {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	seconds, fraction, _ := strings.Cut(text, ".")
	if s, err := strconv.ParseInt(seconds, 10, 64); err == nil && len(fraction) <= 9 {
		nanos, err := strconv.ParseUint("0"+fraction+strings.Repeat("0", 9-len(fraction)), 10, 32)
		if err == nil {
			return time.Unix(s, int64(nanos)), nil
		}
	}
	return time.Time{}, fmt.Errorf("invalid time %q: expected a date and time such as 2024-06-01T12:30:00Z, seconds since 1970, or a duration such as 10m", text)
}
