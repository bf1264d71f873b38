package image

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/nerd"
)

// kubernetes is the namespace in which a kubelet looks for images.
const kubernetes = "k8s.io"

// addKubernetes adds the flag that makes an image one for the kubelet. It looks an
// image up by its full name, docker.io/library/app:1 for app:1, which is the name
// that nerd keeps it under.
func addKubernetes(flags *pflag.FlagSet, value *bool) {
	flags.BoolVar(value, "for-kubernetes", false, "Put the image where the kubelet looks for it (namespace k8s.io)")
}

// kubernetesClient is the client, for the kubelet's namespace if that is wanted.
// Nothing must have asked for a client before.
func kubernetesClient(ctx context.Context, f *factory.Factory, wanted bool) (*nerd.Client, error) {
	if wanted {
		cfg, err := f.Config()
		if err != nil {
			return nil, err
		}
		cfg.Namespace = kubernetes
	}
	return f.Client(ctx)
}
