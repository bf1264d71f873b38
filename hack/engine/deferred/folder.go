package deferred

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Name is the folder of recipes beside the blobs of a content store.
const Name = "deferred"

// Folder holds the recipes of a content store, each under the hex digits of its
// layer's SHA-256.
type Folder string

// In is the folder in the content store at root.
func In(root string) Folder { return Folder(filepath.Join(root, Name)) }

// Layer is what a recipe says of its layer.
type Layer struct {
	Size int64 `json:"size"`
	// Dirs are the folders that have its files, any of which will do.
	Dirs []string  `json:"dirs"`
	Made time.Time `json:"-"`
}

// isName tells the names of recipes from what is on its way to become one.
func isName(name string) bool {
	_, err := hex.DecodeString(name)
	return err == nil && len(name) == 2*sha256.Size
}

func (f Folder) path(name string) string { return filepath.Join(string(f), name) }

// Put stores a recipe. One that is there already gets the folder as well.
func (f Folder) Put(name string, size int64, dir string, recipe []byte) error {
	if !isName(name) {
		return fmt.Errorf("%q is no SHA-256: %w", name, fs.ErrInvalid)
	}
	l := Layer{Size: size, Dirs: []string{dir}}
	if old, err := f.Get(name); err == nil {
		for _, d := range old.Dirs {
			if !slices.Contains(l.Dirs, d) {
				l.Dirs = append(l.Dirs, d)
			}
		}
	}
	head, err := json.Marshal(l)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(string(f), ".new-")
	if err != nil {
		return err
	}
	_, err = tmp.Write(append(append(head, '\n'), recipe...))
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), f.path(name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}

func (f Folder) open(name string) (*os.File, *bufio.Reader, Layer, error) {
	var l Layer
	if !isName(name) {
		return nil, nil, l, fmt.Errorf("%q is no SHA-256: %w", name, fs.ErrNotExist)
	}
	file, err := os.Open(f.path(name))
	if err != nil {
		return nil, nil, l, err
	}
	r := bufio.NewReader(file)
	head, err := r.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(head, &l)
	}
	info, serr := file.Stat()
	if err := errors.Join(err, serr); err != nil {
		return nil, nil, l, errors.Join(fmt.Errorf("recipe %s: %w", name, err), file.Close())
	}
	l.Made = info.ModTime()
	return file, r, l, nil
}

// Get tells what is known of a layer; fs.ErrNotExist if there is no recipe.
func (f Folder) Get(name string) (Layer, error) {
	file, _, l, err := f.open(name)
	if err != nil {
		return l, err
	}
	return l, file.Close()
}

// Remove forgets a recipe.
func (f Folder) Remove(name string) error {
	if !isName(name) {
		return fmt.Errorf("%q is no SHA-256: %w", name, fs.ErrNotExist)
	}
	return os.Remove(f.path(name))
}

// Names lists the recipes.
func (f Folder) Names() ([]string, error) {
	entries, err := os.ReadDir(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if isName(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// Restore writes the layer to a file, from the first folder that has all of it.
// What is written has the digest, or an error is returned.
func (f Folder) Restore(name string, to *os.File) error {
	file, _, l, err := f.open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	err = fmt.Errorf("the recipe of layer %s names no folder", name)
	for _, dir := range l.Dirs {
		if err = f.restore(name, dir, to); err == nil {
			return nil
		}
	}
	return fmt.Errorf("layer sha256:%s: %w", name, err)
}

func (f Folder) restore(name, dir string, to *os.File) error {
	if _, err := to.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := to.Truncate(0); err != nil {
		return err
	}
	file, recipe, _, err := f.open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	sum := sha256.New()
	buffered := bufio.NewWriterSize(io.MultiWriter(to, sum), 1<<20)
	if err := errors.Join(Restore(buffered, recipe, root), buffered.Flush()); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != name {
		return fmt.Errorf("the files in %s have changed: they make a layer of digest %s", dir, got)
	}
	return nil
}
