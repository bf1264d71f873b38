package container

import (
	"context"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/container"
)

// Run is `run` of a container that is described already, whose image is there:
// in the foreground with the caller's terminal, or with its id printed.
func Run(ctx context.Context, f *factory.Factory, create container.CreateOptions, detach bool) error {
	o := &RunOptions{CreateOptions: newCreateOptions(f), Detach: detach, SigProxy: true}
	o.Create, o.Pull = create, pullNever
	return ownFailure(runRun(ctx, o))
}
