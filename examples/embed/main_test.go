package main

import (
	"context"
	"reflect"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		name string
		args []string
		want options
		fail bool
	}{
		{"image and command", []string{"busybox", "echo", "-n"}, options{namespace: "embed", image: "busybox", command: []string{"echo", "-n"}}, false},
		{"flags", []string{"-archive", "a.tar", "-namespace", "x", "i", "c"}, options{"x", "a.tar", "i", []string{"c"}}, false},
		{"no command", []string{"busybox"}, options{}, true},
		{"unknown flag", []string{"-x", "i", "c"}, options{}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := parse(tc.args)
			if tc.fail {
				if err == nil {
					t.Fatalf("parse(%q) = %+v, want an error", tc.args, got)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, tc.want) {
				t.Fatalf("parse(%q) = %+v, %v, want %+v", tc.args, got, err, tc.want)
			}
		})
	}
}

// TestNotCalledBack: the user's words are never taken for the monitor's.
func TestNotCalledBack(t *testing.T) {
	for _, args := range [][]string{
		nil,
		{"busybox", "echo"},
		{"-namespace=x", "busybox", "echo"},
		{"-namespace", "x", "internal", "exited"},
	} {
		if _, ok := callBack(context.Background(), args); ok {
			t.Errorf("callBack(%q) took it for a call of nerd-monitor", args)
		}
	}
}

// TestHelperComesBack: what a monitor is told to run leads to the same configuration.
func TestHelperComesBack(t *testing.T) {
	cfg, err := config("some-where")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := cfg.Helper[1], namespaceArg+"some-where"; len(cfg.Helper) != 2 || got != want {
		t.Fatalf("helper %q, want the program and %s", cfg.Helper, want)
	}
}
