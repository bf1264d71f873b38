package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/image"
)

// ImportOptions are the inputs of "nerd import".
type ImportOptions struct {
	Factory *factory.Factory

	Source   string // file, URL or "-"
	Name     string
	Changes  []string
	Message  string
	Platform string
}

// NewCmdImport makes "nerd import".
func NewCmdImport(f *factory.Factory, runF func(context.Context, *ImportOptions) error) *cobra.Command {
	o := &ImportOptions{Factory: f}
	cmd := &cobra.Command{
		Use:                   "import [OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
		Short:                 "Import the contents from a tarball to create a filesystem image",
		Args:                  flagx.RangeArgs(1, 2),
		Annotations:           map[string]string{aliases: "nerd image import, nerd import"},
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Source = args[0]
			if len(args) > 1 {
				o.Name = args[1]
			}
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runImport(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&o.Changes, "change", "c", nil, "Apply Dockerfile instruction to the created image")
	flags.StringVarP(&o.Message, "message", "m", "", "Set commit message for imported image")
	flags.StringVar(&o.Platform, "platform", os.Getenv("DOCKER_DEFAULT_PLATFORM"), "Set platform if server is multi-platform capable")
	return cmd
}

func runImport(ctx context.Context, o *ImportOptions) error {
	platform, err := parsePlatform(o.Platform)
	if err != nil {
		return err
	}
	client, err := o.Factory.Client(ctx)
	if err != nil {
		return err
	}
	source, message, err := openSource(ctx, o)
	if err != nil {
		return err
	}
	defer source.Close()
	if o.Message != "" {
		message = o.Message
	}
	id, err := client.Images.Import(ctx, source, image.ImportOptions{Name: o.Name, Changes: o.Changes, Message: message, Platform: platform})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(o.Factory.IO.Out, id)
	return err
}

// openSource opens what is to be imported, and words where it came from.
func openSource(ctx context.Context, o *ImportOptions) (source io.ReadCloser, message string, err error) {
	switch {
	case o.Source == "-":
		if o.Factory.IO.InIsTerminal() {
			return nil, "", errors.New("cowardly refusing to read a tar from a terminal: redirect, or name a file")
		}
		return io.NopCloser(o.Factory.IO.In), "", nil
	case strings.HasPrefix(o.Source, "https://"), strings.HasPrefix(o.Source, "http://"):
		source, err = download(ctx, o.Source)
		return source, "Imported from " + o.Source, err
	}
	source, err = os.Open(o.Source)
	return source, "", err
}

func download(ctx context.Context, url string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("%s: the server answered %s", url, resp.Status), resp.Body.Close())
	}
	return resp.Body, nil
}
