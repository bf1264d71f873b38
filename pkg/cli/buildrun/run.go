// Package buildrun runs the commands of pkg/cli/build, with the builder's library.
package buildrun

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/distribution/reference"

	"github.com/nerd-cli/nerd/pkg/build"
	"github.com/nerd-cli/nerd/pkg/build/spec"
	clibuild "github.com/nerd-cli/nerd/pkg/cli/build"
	"github.com/nerd-cli/nerd/pkg/cli/image"
	"github.com/nerd-cli/nerd/pkg/cli/outfile"
	"github.com/nerd-cli/nerd/pkg/nerd"
)

// Runner is the builder behind the commands.
type Runner struct{}

// Build runs "nerd build".
func (Runner) Build(ctx context.Context, o *clibuild.Options) error {
	opts, err := parse(o)
	if err != nil {
		return err
	}
	b, client, err := open(ctx, o.Factory, o.Host)
	if err != nil {
		return err
	}
	defer b.Close()
	result, err := shown(ctx, o, opts, b)
	if err != nil {
		return err
	}
	if opts.Call != "" {
		return printCall(o, opts.Call, result)
	}
	if err := writeFiles(o, result); err != nil {
		return err
	}
	if opts.Push {
		if err := pushAll(ctx, o, client, opts); err != nil {
			return err
		}
	}
	if o.Quiet && result.Digest != "" {
		_, err = fmt.Fprintln(o.Factory.IO.Out, result.Digest)
	}
	return err
}

// writeFiles leaves behind what scripts want to know.
func writeFiles(o *clibuild.Options, result *build.Result) error {
	if o.IIDFile != "" {
		if err := writeFile(o.IIDFile, []byte(result.Digest)); err != nil {
			return fmt.Errorf("writing image ID file: %w", err)
		}
	}
	if o.MetadataFile == "" {
		return nil
	}
	data, err := json.MarshalIndent(result.Metadata, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(o.MetadataFile, data); err != nil {
		return fmt.Errorf("writing metadata file: %w", err)
	}
	return nil
}

func writeFile(path string, data []byte) error {
	return outfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// pushAll sends each tag to its registry, as nerd push does.
func pushAll(ctx context.Context, o *clibuild.Options, client *nerd.Client, opts *spec.Options) error {
	for _, tag := range opts.Tags {
		named, err := reference.ParseNormalizedNamed(tag)
		if err != nil {
			return err
		}
		if err := image.PushWithProgress(ctx, o.Factory, client, named, o.Quiet); err != nil {
			return err
		}
	}
	return nil
}

// printCall writes the frontend's answer, and turns its verdict into an error.
func printCall(o *clibuild.Options, call string, result *build.Result) error {
	if text := callText(call, result); text != "" {
		if _, err := fmt.Fprintln(o.Factory.IO.Out, text); err != nil {
			return err
		}
	}
	return verdict(result)
}

// callText is what the frontend answers.
func callText(call string, result *build.Result) string {
	text := strings.TrimSpace(string(result.Call["result.txt"]))
	if text == "" && call == "lint" {
		return "Check complete, no warnings found."
	}
	return text
}

func env(name string) (string, bool) { return os.LookupEnv(name) }
