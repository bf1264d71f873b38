package build

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/session/upload/uploadprovider"
	"github.com/tonistiigi/fsutil"

	"github.com/nerd-cli/nerd/pkg/build/spec"
)

// sniff is how much of standard input decides what it is: a block of a tar.
const sniff = 512

// addContext gives the builder the files and the Dockerfile.
func (j *job) addContext() error {
	o := j.opts
	switch {
	case o.Context == "-" && o.File == "-":
		return invalid("can't use stdin for both build context and dockerfile")
	case o.Context == "-":
		return j.fromStdin()
	case isRemote(o.Context):
		j.solve.FrontendAttrs["context"] = o.Context
		return j.remoteDockerfile()
	}
	info, err := os.Stat(o.Context)
	if errors.Is(err, os.ErrNotExist) || err == nil && !info.IsDir() {
		return invalid("unable to prepare context: path %q not found", o.Context)
	}
	if err != nil {
		return fmt.Errorf("unable to prepare context: %w", err)
	}
	if err := j.mount("context", o.Context); err != nil {
		return err
	}
	dir, err := filepath.Abs(o.Context)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(dir))
	j.solve.SharedKey = hex.EncodeToString(sum[:8])
	return j.localDockerfile()
}

// localDockerfile finds the Dockerfile of a context that is a folder. A path
// counts from the current folder.
func (j *job) localDockerfile() error {
	o := j.opts
	if o.File == "-" {
		return j.writeDockerfile(o.Stdin)
	}
	if isRemote(o.File) {
		return invalid("the Dockerfile %s is remote: fetch it, and give it with `-f -`", o.File)
	}
	file := o.File
	if file == "" {
		file = filepath.Join(o.Context, "Dockerfile")
		if _, err := os.Lstat(file); err != nil { // as Docker, if only that one is there
			if lower := filepath.Join(o.Context, "dockerfile"); exists(lower) {
				file = lower
			}
		}
	}
	j.solve.FrontendAttrs["filename"] = filepath.Base(file)
	dir := filepath.Dir(file)
	if !exists(dir) {
		return errorf(os.ErrNotExist, "failed to read dockerfile: open %s: no such file or directory", file)
	}
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return invalid("failed to read dockerfile: %s is a folder", file)
	}
	return j.mount("dockerfile", dir)
}

// remoteDockerfile finds the Dockerfile of a context that the builder fetches:
// in it, unless the path is absolute.
func (j *job) remoteDockerfile() error {
	file := j.opts.File
	switch {
	case file == "-":
		j.solve.FrontendAttrs["dockerfilekey"] = "dockerfile"
		return j.writeDockerfile(j.opts.Stdin)
	case filepath.IsAbs(file):
		j.solve.FrontendAttrs["dockerfilekey"] = "dockerfile"
		j.solve.FrontendAttrs["filename"] = filepath.Base(file)
		return j.mount("dockerfile", filepath.Dir(file))
	case file != "":
		j.solve.FrontendAttrs["filename"] = file
	}
	return nil
}

// fromStdin takes an archive as the context, and anything else as a Dockerfile.
func (j *job) fromStdin() error {
	o := j.opts
	in := bufio.NewReaderSize(o.Stdin, sniff)
	head, err := in.Peek(sniff)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("failed to peek context header from STDIN: %w", err)
	}
	if len(head) == 0 {
		return invalid("unable to prepare context: standard input is empty")
	}
	if isArchive(head) {
		up := uploadprovider.New()
		j.solve.FrontendAttrs["context"] = up.Add(io.NopCloser(in))
		j.solve.Session = append(j.solve.Session, up)
		if o.File != "" {
			j.solve.FrontendAttrs["filename"] = o.File
		}
		return nil
	}
	if o.File != "" {
		return invalid("ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles")
	}
	if err := j.writeDockerfile(in); err != nil {
		return err
	}
	j.solve.LocalMounts["context"] = oneFile{}
	return nil
}

// writeDockerfile keeps a Dockerfile that comes through a pipe.
func (j *job) writeDockerfile(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("reading the Dockerfile from standard input: %w", err)
	}
	j.solve.FrontendAttrs["filename"] = "Dockerfile"
	j.solve.LocalMounts["dockerfile"] = oneFile{"Dockerfile", data}
	return nil
}

// mount offers a folder to the builder, which reads of it what it needs.
func (j *job) mount(name, dir string) error {
	fs, err := fsutil.NewFS(dir)
	if err != nil {
		return err
	}
	j.solve.LocalMounts[name] = fs
	return nil
}

// addNamedContexts gives the contexts that the Dockerfile asks for by name.
func (j *job) addNamedContexts() error {
	for _, name := range spec.Names(j.opts.Contexts) {
		value := j.opts.Contexts[name]
		key := "context:" + name
		if path, ok := strings.CutPrefix(value, "oci-layout://"); ok {
			ref, err := j.addLayout(name, path)
			if err != nil {
				return err
			}
			j.solve.FrontendAttrs[key] = ref
			continue
		}
		if strings.HasPrefix(value, "docker-image://") || isRemote(value) {
			j.solve.FrontendAttrs[key] = value
			continue
		}
		info, err := os.Stat(value)
		if err != nil {
			return fmt.Errorf("failed to get build context %s: %w", name, err)
		}
		if !info.IsDir() {
			return invalid("failed to get build context %s: %s is not a folder", name, value)
		}
		local := strings.NewReplacer("/", "_", ":", "_").Replace(name)
		if local == "context" || local == "dockerfile" {
			local = "_" + local
		}
		if err := j.mount(local, value); err != nil {
			return err
		}
		j.solve.FrontendAttrs[key] = "local:" + local
	}
	return nil
}

// isRemote tells what the builder fetches from what is a path. A folder of that
// name counts first.
func isRemote(text string) bool {
	for _, p := range []string{"http://", "https://", "git://", "ssh://", "git@", "github.com/"} {
		if strings.HasPrefix(text, p) {
			return !exists(text)
		}
	}
	return false
}

// isArchive tells a tar, compressed or not, by its first block.
func isArchive(head []byte) bool {
	for _, magic := range []string{"\x1f\x8b", "BZh", "\xfd7zXZ\x00", "\x28\xb5\x2f\xfd"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	return len(head) == sniff && (bytes.Equal(head[257:262], []byte("ustar")) || oldTar(head))
}

// oldTar tells a tar that is older than the magic by its checksum.
func oldTar(head []byte) bool {
	var sum int64
	for i, c := range head {
		if i >= 148 && i < 156 {
			c = ' '
		}
		sum += int64(c)
	}
	field := strings.Trim(string(head[148:156]), " \x00")
	var want int64
	if _, err := fmt.Sscanf(field, "%o", &want); err != nil {
		return false
	}
	return want == sum && slices.ContainsFunc(head, func(c byte) bool { return c != 0 })
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
