package nerd

import (
	"github.com/nerd-cli/nerd/pkg/ctrd"
	"github.com/nerd-cli/nerd/pkg/event"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/state"
)

// ImagesIn are the images of another namespace of the same containerd. Nothing is
// pulled by them. Close ends the connection.
func (c *Client) ImagesIn(namespace string) (images *image.Service, closer func() error, err error) {
	layout, err := state.NewLayout(c.Layout.Data, c.Layout.Run, namespace)
	if err != nil {
		return nil, nil, err
	}
	conn, err := ctrd.Dial(ctrd.Config{Address: c.Address(), Namespace: layout.Namespace, Snapshotter: c.Snapshotter()})
	if err != nil {
		return nil, nil, err
	}
	images = image.New(conn, layout, nil)
	images.SetEvents(event.NewLog(layout.Events()))
	return images, conn.Close, nil
}
