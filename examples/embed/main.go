// Command embed runs one container through nerd's library: no nerd binary, no
// argv of nerd's, no output but the container's.
//
//	embed [-archive FILE] [-namespace NAME] IMAGE COMMAND [ARG...]
//
// It ends with the exit status of the command, or with Docker's 125, 126 or 127
// if that could not be run. It needs root.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	apicontainer "github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/nerd"
)

// notRun is the exit status when the failure is not the container's.
const notRun = 125

// options are the command line.
type options struct {
	namespace string
	archive   string // of the image; empty: it is there, or a registry has it
	image     string
	command   []string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if code, ok := callBack(ctx, os.Args[1:]); ok {
		os.Exit(code)
	}
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	code := notRun
	if err == nil {
		code, err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "embed:", err)
		code = errs.Code(err, notRun)
	}
	os.Exit(code)
}

// config is the one place where the library is configured. A container may
// outlive this program; what has to be done at its end is then done by a new
// process of it, which knows nothing but its arguments. So the configuration is
// made of constants and of what the helper's arguments carry.
func config(namespace string) (nerd.Config, error) {
	self, err := os.Executable()
	if err != nil {
		return nerd.Config{}, err
	}
	return nerd.Config{Namespace: namespace, Helper: []string{self, namespaceArg + namespace}}, nil
}

// namespaceArg comes before the words of the library in a call back.
const namespaceArg = "-namespace="

// callBack answers nerd-monitor, which runs the helper of config with "internal
// VERB ID" appended. It tells whether args were such a call.
func callBack(ctx context.Context, args []string) (code int, ok bool) {
	if len(args) == 0 {
		return 0, false
	}
	namespace, ok := strings.CutPrefix(args[0], namespaceArg)
	if !ok || !nerd.IsInternal(args[1:]) {
		return 0, false
	}
	cfg, err := config(namespace)
	if err != nil {
		fmt.Fprintln(os.Stderr, "embed:", err)
		return 1, true
	}
	return nerd.Internal(ctx, cfg, args[1:], os.Stdout, os.Stderr), true
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("embed", flag.ContinueOnError)
	flags.StringVar(&o.archive, "archive", "", "`file` with the image, as docker save writes it")
	flags.StringVar(&o.namespace, "namespace", "embed", "containerd `namespace` to work in")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() < 2 {
		return o, errors.New("an image and a command are needed: embed [-archive FILE] IMAGE COMMAND [ARG...]")
	}
	o.image, o.command = flags.Arg(0), flags.Args()[1:]
	return o, nil
}

// run runs the container and returns its exit status.
func run(ctx context.Context, o options) (int, error) {
	cfg, err := config(o.namespace)
	if err != nil {
		return 0, err
	}
	client, err := nerd.Open(ctx, cfg)
	if err != nil {
		return 0, err
	}
	defer func() { _ = client.Close() }() // the container has ended by then
	if err := provide(ctx, client, o); err != nil {
		return 0, err
	}
	create := container.CreateOptions{
		Config:     &apicontainer.Config{Image: o.image, Cmd: o.command},
		HostConfig: &apicontainer.HostConfig{AutoRemove: true, NetworkMode: "none"},
	}
	_, out, err := client.Containers.Run(ctx, create, container.StartOptions{
		Attach: &container.Streams{Stdout: os.Stdout, Stderr: os.Stderr},
	})
	return out.ExitCode, err
}

// provide gets the image: from the archive, from containerd, or from its
// registry, whichever comes first.
func provide(ctx context.Context, client *nerd.Client, o options) (err error) {
	if o.archive != "" {
		f, err := os.Open(o.archive)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // it was only read
		_, err = client.Images.Load(ctx, f, image.LoadOptions{})
		return err
	}
	if _, err := client.Images.Resolve(ctx, o.image); err == nil {
		return nil
	}
	_, err = client.Images.Pull(ctx, o.image, image.PullOptions{})
	return err
}
