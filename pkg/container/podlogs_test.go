package container

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/typeurl/v2"
	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/logs/driver"
)

// raw is an extension as the CRI plugin stores it.
type raw struct{ value string }

func (r raw) GetTypeUrl() string { return "github.com/containerd/cri/pkg/store/container/Metadata" }
func (r raw) GetValue() []byte   { return []byte(r.value) }

func TestPodLogs(t *testing.T) {
	w, ctx := newWorld(t)
	log := filepath.Join(t.TempDir(), "0.log")
	if err := os.WriteFile(log, []byte("2026-01-01T00:00:00Z stdout P in \n2026-01-01T00:00:00Z stdout F pieces\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for id, meta := range map[string]string{
		"cri":      `{"Version":"v1","Metadata":{"ID":"cri","Config":{"log_path":"0.log"},"LogPath":"` + log + `"}}`,
		"relative": `{"Version":"v1","Metadata":{"LogPath":"../etc/passwd"}}`,
		"none":     `{"Version":"v1","Metadata":{"LogPath":""}}`,
		"nonsense": `[`,
	} {
		_, err := w.cfg.Backend.Containers().Create(ctx, containers.Container{
			ID: id, Labels: map[string]string{"io.cri-containerd.kind": "container"}, Runtime: containers.RuntimeInfo{Name: "io.containerd.runc.v2"},
			Spec: raw{"{}"}, Extensions: map[string]typeurl.Any{extCRI: raw{meta}},
		})
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		err = w.Logs(ctx, id, LogsOptions{Tail: -1, Stdout: &out})
		switch {
		case id == "cri" && (err != nil || out.String() != "in pieces\n"):
			t.Errorf("%q, %v", out.String(), err)
		case id != "cri" && (err == nil || !strings.Contains(err.Error(), "are not known")):
			t.Errorf("%s: %q, %v", id, out.String(), err)
		}
	}
}

func TestLastAttempt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a[b]*")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := lastAttempt(dir); got != "" {
		t.Errorf("%q", got)
	}
	for _, name := range []string{"0.log", "9.log", "10.log", "11.log.20260101-000000", "x.log", "99x.log"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := lastAttempt(dir); got != filepath.Join(dir, "10.log") {
		t.Errorf("%q", got)
	}
	for name, want := range map[string]bool{"a_b_c": true, "": false, "..": false, "a/b": false} {
		if safeElement(name) != want {
			t.Errorf("%q", name)
		}
	}
}

// The configured driver and its options are taken as dockerd takes its own.
func TestLogDefaults(t *testing.T) {
	configured := container.LogConfig{Type: driver.Local, Config: map[string]string{"max-size": "1m", "max-file": "2"}}
	for _, c := range []struct {
		asked, configured, want container.LogConfig
	}{
		{container.LogConfig{}, container.LogConfig{}, container.LogConfig{Type: "json-file", Config: map[string]string{}}},
		{container.LogConfig{}, configured, configured},
		{container.LogConfig{Type: "local", Config: map[string]string{"max-size": "3m"}}, configured, container.LogConfig{Type: "local", Config: map[string]string{"max-size": "3m", "max-file": "2"}}},
		{container.LogConfig{Config: map[string]string{"max-size": "3m"}}, configured, container.LogConfig{Type: "local", Config: map[string]string{"max-size": "3m", "max-file": "2"}}},
		{container.LogConfig{Type: "json-file"}, configured, container.LogConfig{Type: "json-file", Config: map[string]string{}}},
	} {
		got := c.asked
		logDefaults(&got, c.configured)
		if got.Type != c.want.Type || len(got.Config) != len(c.want.Config) {
			t.Errorf("%+v: %+v", c.asked, got)
		}
		for k, v := range c.want.Config {
			if got.Config[k] != v {
				t.Errorf("%+v: %s is %q", c.asked, k, got.Config[k])
			}
		}
	}
}
