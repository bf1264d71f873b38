package build

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/buildkit/client"

	"github.com/nerd-cli/nerd/pkg/build/spec"
)

// danglingPrefix names an image that has no name, as the image store does.
const danglingPrefix = "moby-dangling"

// addOutputs says where the result goes: into the image store if nothing else is
// asked for.
func (j *job) addOutputs(f Foreign) error {
	outputs := j.opts.Outputs
	if len(outputs) == 0 {
		outputs = []spec.Output{{Type: "image"}}
	}
	for _, o := range outputs {
		entry := client.ExportEntry{Type: o.Type, Attrs: map[string]string{}}
		maps.Copy(entry.Attrs, o.Attrs)
		if o.Type == "image" || o.Type == "oci" || o.Type == "docker" {
			maps.Copy(entry.Attrs, j.opts.Annotations)
		}
		switch o.Type {
		case "cacheonly":
			continue
		case "image":
			if j.image {
				return invalid("the image store can be the output only once")
			}
			j.image = true
			j.toStore(&entry)
			if f != nil {
				j.toStream(&entry, f)
			}
		case "local":
			if err := j.toFolder(&entry, o.Dest); err != nil {
				return err
			}
		default:
			if o.Type != "tar" && entry.Attrs["name"] == "" {
				entry.Attrs["name"] = strings.Join(j.opts.Tags, ",")
			}
			if err := j.toFile(&entry, o.Dest); err != nil {
				return err
			}
		}
		j.solve.Exports = append(j.solve.Exports, entry)
	}
	return nil
}

// toStore has the builder keep the image under the stand-in for a name. The names
// follow once it is there, so that the image that loses one of them stays.
func (j *job) toStore(entry *client.ExportEntry) {
	entry.Attrs["dangling-name-prefix"] = danglingPrefix
	entry.Attrs["store"] = "true"
	// A layer that is not compressed is not written a second time, see the engine's
	// buildkitd; a push compresses it. What is to be pushed at once, and what is an
	// index, which a push leaves as it is, is compressed for every registry's clients.
	if entry.Attrs["compression"] == "" && !j.opts.Push && len(j.opts.Attest) == 0 && len(j.opts.Platforms) < 2 {
		entry.Attrs["compression"] = "uncompressed"
	}
	if _, ok := entry.Attrs["unpack"]; !ok && entry.Attrs["rewrite-timestamp"] == "" {
		entry.Attrs["unpack"] = "true"
	}
}

func (j *job) toFolder(entry *client.ExportEntry, dest string) error {
	if dest == "-" {
		return invalid("dest cannot be stdout for local exporter")
	}
	if info, err := os.Stat(dest); err == nil && !info.IsDir() {
		return invalid("destination directory %s is a file", dest)
	}
	if err := os.MkdirAll(dest, 0o755); err != nil {
		return outputError(dest, err)
	}
	entry.OutputDir = dest
	return nil
}

// toFile opens the file before anything is built, under another name: what is
// there stays if the build fails.
func (j *job) toFile(entry *client.ExportEntry, dest string) error {
	if dest == "-" {
		entry.Output = func(map[string]string) (io.WriteCloser, error) { return keepOpen{j.opts.Stdout}, nil }
		return nil
	}
	info, err := os.Stat(dest)
	switch {
	case err == nil && info.IsDir():
		return invalid("destination file %s is a directory", dest)
	case err == nil && !info.Mode().IsRegular():
		entry.Output = func(map[string]string) (io.WriteCloser, error) { return os.OpenFile(dest, os.O_WRONLY, 0) }
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(dest), ".nerd-build-")
	if err != nil {
		return outputError(dest, err)
	}
	out := &outFile{File: f, dest: dest}
	j.cleanup = append(j.cleanup, out.discard)
	entry.Output = func(map[string]string) (io.WriteCloser, error) { return out, nil }
	return nil
}

func outputError(dest string, err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("cannot write the output to %s: %w", dest, err)
}

// outFile takes its name once it has been written.
type outFile struct {
	*os.File
	dest string
	done bool
}

func (f *outFile) Close() error {
	err := errors.Join(f.Chmod(0o644), f.File.Close())
	if err == nil {
		err = os.Rename(f.Name(), f.dest)
	}
	f.done = err == nil
	return err
}

func (f *outFile) discard() error {
	if f.done {
		return nil
	}
	_ = f.File.Close() // it may be closed already
	return os.Remove(f.Name())
}

type keepOpen struct{ io.Writer }

func (keepOpen) Close() error { return nil }
