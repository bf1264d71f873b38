package cgroup

import (
	"maps"
	"slices"
	"testing"
)

func TestParseList(t *testing.T) {
	for text, want := range map[string][]int{
		"": nil, "0": {0}, "0-3": {0, 1, 2, 3}, "0,2": {0, 2}, "1-2,7": {1, 2, 7}, "3,3": {3}, "8191": {8191},
	} {
		got, err := ParseList(text)
		if err != nil || !slices.Equal(slices.Sorted(maps.Keys(got)), want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"x", "1-", "-1", "2-1", "0,", ",", "0--1", "0-1-2", "8192", "65536", "99999999999999999999", " 0", "0 ", "+1", "0x1"} {
		if got, err := ParseList(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		asked, have string
		want, bad   bool
	}{
		{"", "0-1", true, false},
		{"0,1", "0-1", true, false},
		{"0-2", "0-1", false, false},
		{"7", "", true, false}, // not known what there is
		{"x", "0-1", false, true},
	} {
		if ok, err := Within(c.asked, c.have); ok != c.want || (err != nil) != c.bad {
			t.Errorf("%q of %q: %t, %v", c.asked, c.have, ok, err)
		}
	}
}

func FuzzParseList(f *testing.F) {
	for _, s := range []string{"", "0-3,7", "1-", "0-8191", "0,0,0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseList(s)
		if err != nil {
			return
		}
		for n := range got {
			if n < 0 || n > maxCPU {
				t.Fatalf("%q: %d", s, n)
			}
		}
	})
}
