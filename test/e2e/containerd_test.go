package e2e

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	containers "github.com/containerd/containerd/api/services/containers/v1"
	content "github.com/containerd/containerd/api/services/content/v1"
	images "github.com/containerd/containerd/api/services/images/v1"
	leases "github.com/containerd/containerd/api/services/leases/v1"
	namespaces "github.com/containerd/containerd/api/services/namespaces/v1"
	snapshots "github.com/containerd/containerd/api/services/snapshots/v1"
	tasks "github.com/containerd/containerd/api/services/tasks/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// containerdSocket is where nerd finds containerd when nothing else is said.
func containerdSocket() string {
	if v := os.Getenv("CONTAINERD_ADDRESS"); v != "" {
		return strings.TrimPrefix(v, "unix://")
	}
	const system = "/run/containerd/containerd.sock"
	if _, err := os.Stat(system); err == nil {
		return system
	}
	return root("NERD_RUN_ROOT", "/run/nerd") + "/engine/containerd.sock"
}

// addContainerd adds what containerd holds in the namespaces of this run. A
// namespace that holds nothing is removed.
func (e *environment) addContainerd(m machine) error {
	socket := containerdSocket()
	if _, err := os.Stat(socket); err != nil {
		return nil // no engine was started yet
	}
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client := namespaces.NewNamespacesClient(conn)
	all, err := client.List(ctx, &namespaces.ListNamespacesRequest{})
	if err != nil {
		return err
	}
	for _, ns := range all.Namespaces {
		if !strings.HasPrefix(ns.Name, "e2e-"+e.id) {
			continue
		}
		ctx := metadata.AppendToOutgoingContext(ctx, "containerd-namespace", ns.Name)
		before := len(m)
		if err := addNamespace(ctx, conn, m, ns.Name+"/"); err != nil {
			return err
		}
		if len(m) == before {
			if _, err := client.Delete(ctx, &namespaces.DeleteNamespaceRequest{Name: ns.Name}); err != nil {
				return err
			}
		}
	}
	return nil
}

// addNamespace adds what containerd holds in the namespace of ctx.
func addNamespace(ctx context.Context, conn grpc.ClientConnInterface, m machine, prefix string) error {
	c, err := containers.NewContainersClient(conn).List(ctx, &containers.ListContainersRequest{})
	if err != nil {
		return err
	}
	for _, item := range c.Containers {
		m.add("containerd container", prefix+item.ID)
	}
	t, err := tasks.NewTasksClient(conn).List(ctx, &tasks.ListTasksRequest{})
	if err != nil {
		return err
	}
	for _, item := range t.Tasks {
		m.add("containerd task", prefix+item.ID)
	}
	i, err := images.NewImagesClient(conn).List(ctx, &images.ListImagesRequest{})
	if err != nil {
		return err
	}
	for _, item := range i.Images {
		m.add("containerd image", prefix+item.Name)
	}
	l, err := leases.NewLeasesClient(conn).List(ctx, &leases.ListRequest{})
	if err != nil {
		return err
	}
	for _, item := range l.Leases {
		m.add("containerd lease", prefix+item.ID)
	}
	return errors.Join(addSnapshots(ctx, conn, m, prefix), addContent(ctx, conn, m, prefix))
}

func addSnapshots(ctx context.Context, conn grpc.ClientConnInterface, m machine, prefix string) error {
	stream, err := snapshots.NewSnapshotsClient(conn).List(ctx, &snapshots.ListSnapshotsRequest{Snapshotter: "overlayfs"})
	if err != nil {
		return err
	}
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, item := range resp.Info {
			m.add("containerd snapshot", prefix+item.Name)
		}
	}
}

func addContent(ctx context.Context, conn grpc.ClientConnInterface, m machine, prefix string) error {
	stream, err := content.NewContentClient(conn).List(ctx, &content.ListContentRequest{})
	if err != nil {
		return err
	}
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, item := range resp.Info {
			m.add("containerd content", prefix+item.Digest)
		}
	}
}
