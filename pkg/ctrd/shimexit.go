package ctrd

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	tasktypes "github.com/containerd/containerd/api/types/task"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/pkg/protobuf"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/ttrpc"
	"golang.org/x/sync/errgroup"
)

// shimTime bounds a request to a shim.
const shimTime = 2 * time.Second

// Ended is a container whose first process has ended, by its shim's account.
type Ended struct {
	Namespace, ID string
	Exit          Exit
}

// EndedShims asks all shims that belong to the containerd at address which of
// their processes have ended. It needs no containerd: one that is started clears
// away the shims of what has ended while there was none, and the exit statuses
// with them. A shim that does not answer is left out.
func EndedShims(ctx context.Context, address string) ([]Ended, error) {
	list, err := shims("")
	if err != nil {
		return nil, err
	}
	found := make([]*Ended, len(list))
	var g errgroup.Group
	g.SetLimit(shimRequests)
	for i, s := range list {
		if s.Address != address {
			continue
		}
		g.Go(func() error {
			if exit, err := s.exit(ctx); err == nil {
				found[i] = &Ended{Namespace: s.namespace(), ID: s.ID, Exit: exit}
			}
			return nil
		})
	}
	_ = g.Wait() // no function fails
	var out []Ended
	for _, e := range found {
		if e != nil {
			out = append(out, *e)
		}
	}
	return out, nil
}

// shimRequests is how many shims are asked at once.
const shimRequests = 16

func (s Shim) namespace() string { return argument(s.args, "-namespace") }

// exit is how the first process has ended. NotFound: it has not.
func (s Shim) exit(ctx context.Context) (Exit, error) {
	address, err := s.socket()
	if err != nil {
		return Exit{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, shimTime)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", address)
	if err != nil {
		return Exit{}, fmt.Errorf("shim of container %s: %w", s.ID, err)
	}
	client := ttrpc.NewClient(conn)
	defer func() { _ = client.Close() }()
	resp, err := taskapi.NewTTRPCTaskClient(client).State(namespaces.WithNamespace(ctx, s.namespace()), &taskapi.StateRequest{ID: s.ID})
	if err != nil {
		return Exit{}, fmt.Errorf("shim of container %s: %w", s.ID, errgrpc.ToNative(err))
	}
	if resp.Status != tasktypes.Status_STOPPED {
		return Exit{}, fmt.Errorf("end of container %s: %w", s.ID, errdefs.ErrNotFound)
	}
	return Exit{Code: resp.ExitStatus, At: protobuf.FromTimestamp(resp.ExitedAt)}, nil
}

// socket is where the shim listens, as it told containerd when it was started.
func (s Shim) socket() (string, error) {
	data, err := os.ReadFile(filepath.Join(s.Bundle, "bootstrap.json"))
	if err != nil {
		return "", err
	}
	var told struct{ Version, Address, Protocol any }
	if err := json.Unmarshal(data, &told); err != nil {
		return "", fmt.Errorf("shim of container %s: %w", s.ID, err)
	}
	address, _ := told.Address.(string)
	path, ok := strings.CutPrefix(address, "unix://")
	if !ok || told.Protocol != "ttrpc" || told.Version != 3.0 {
		return "", fmt.Errorf("shim of container %s talks neither version 3 nor over a socket: %w", s.ID, errdefs.ErrNotImplemented)
	}
	return path, nil
}
