package ctrd

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	tasktypes "github.com/containerd/containerd/api/types/task"
	"github.com/containerd/containerd/v2/pkg/protobuf"
	"github.com/containerd/errdefs"
	"github.com/containerd/ttrpc"
)

// fakeShim answers for one task.
type fakeShim struct {
	taskapi.TTRPCTaskService
	state *taskapi.StateResponse
}

func (f *fakeShim) State(_ context.Context, r *taskapi.StateRequest) (*taskapi.StateResponse, error) {
	if r.ID != "c1" {
		return nil, errdefs.ErrNotFound
	}
	return f.state, nil
}

// listen serves a shim and returns the bundle that says where.
func listen(t *testing.T, state *taskapi.StateResponse) string {
	t.Helper()
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server, err := ttrpc.NewServer()
	if err != nil {
		t.Fatal(err)
	}
	taskapi.RegisterTTRPCTaskService(server, &fakeShim{state: state})
	done := make(chan error, 1)
	go func() { done <- server.Serve(t.Context(), l) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	bootstrap(t, dir, `{"version":3,"address":"unix://`+socket+`","protocol":"ttrpc"}`)
	return dir
}

func bootstrap(t *testing.T, dir, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "bootstrap.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func shim(id, bundle string) Shim {
	return Shim{ID: id, Bundle: bundle, args: []string{"shim", "-namespace", "ns", "-id", id}}
}

func TestShimExit(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	ended := listen(t, &taskapi.StateResponse{Status: tasktypes.Status_STOPPED, ExitStatus: 7, ExitedAt: protobuf.ToTimestamp(at)})
	got, err := shim("c1", ended).exit(t.Context())
	if err != nil || got.Code != 7 || !got.At.Equal(at) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := shim("c2", ended).exit(t.Context()); err == nil {
		t.Error("another container's shim answers")
	}
	running := listen(t, &taskapi.StateResponse{Status: tasktypes.Status_RUNNING})
	if _, err := shim("c1", running).exit(t.Context()); !errdefs.IsNotFound(err) {
		t.Errorf("while it runs: %v", err)
	}
	if list, err := EndedShims(t.Context(), "/no/such/containerd.sock"); err != nil || len(list) > 0 {
		t.Errorf("of no containerd: %v, %v", list, err)
	}
}

func TestShimSocket(t *testing.T) {
	for text, want := range map[string]string{
		`{"version":3,"address":"unix:///run/s","protocol":"ttrpc"}`: "/run/s",
		`{"version":2,"address":"unix:///run/s","protocol":"ttrpc"}`: "",
		`{"version":3,"address":"unix:///run/s","protocol":"grpc"}`:  "",
		`{"version":3,"address":"vsock://2:1","protocol":"ttrpc"}`:   "",
		`{"version":"3","address":7,"protocol":null}`:                "",
		`{}`: "",
		`{`:  "",
		"":   "",
		`{"version":3,"address":"/run/s","protocol":"ttrpc","more":true}`: "",
	} {
		dir := t.TempDir()
		bootstrap(t, dir, text)
		if got, err := (Shim{ID: "c1", Bundle: dir}).socket(); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	if _, err := (Shim{Bundle: t.TempDir()}).socket(); err == nil {
		t.Error("no file")
	}
}
