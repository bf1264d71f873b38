package engine

import (
	"context"
	"errors"
	"net"
	"time"

	version "github.com/containerd/containerd/api/services/version/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/emptypb"
)

// errGone says that a daemon ended while it was waited for.
var errGone = errors.New("ended")

// probeTime is how long a daemon that accepts a connection may take to answer.
const probeTime = 2 * time.Second

// listening tells whether somebody accepts connections on the socket.
func listening(ctx context.Context, socket string) error {
	d := net.Dialer{Timeout: probeTime}
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return err
	}
	return conn.Close()
}

// answers tells whether the daemon serves requests.
func answers(ctx context.Context, d daemon) bool {
	if listening(ctx, d.socket) != nil {
		return false // gRPC would take its time to find out
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	return healthy(ctx, d.socket) == nil
}

// healthy asks the daemon's health service.
func healthy(ctx context.Context, socket string) error {
	conn, err := dial(socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	res, err := health.NewHealthClient(conn).Check(ctx, &health.HealthCheckRequest{})
	if err != nil {
		return err
	}
	if res.GetStatus() != health.HealthCheckResponse_SERVING {
		return errors.New("not serving")
	}
	return nil
}

// containerdVersion asks containerd for its version.
func containerdVersion(ctx context.Context, socket string) (string, error) {
	conn, err := dial(socket)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	res, err := version.NewVersionClient(conn).Version(ctx, &emptypb.Empty{})
	return res.GetVersion(), err
}

func dial(socket string) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+socket,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithAuthority("localhost"),
		grpc.WithContextDialer(func(ctx context.Context, path string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		}))
}

// waitAnswer returns nil once the daemon serves, errGone when gone is closed
// first, and the context's error when that ends.
func waitAnswer(ctx context.Context, d daemon, gone <-chan struct{}) error {
	for {
		if answers(ctx, d) {
			return nil
		}
		select {
		case <-gone:
			return errGone
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
}
