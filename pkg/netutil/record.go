package netutil

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nerd-cli/nerd/pkg/state"
)

const recordVersion = 1

// record is everything one container holds, or was about to take, of the
// network. It is enough to give all of it back without asking anyone.
type record struct {
	Version  int             `json:"version"`
	ID       string          `json:"id"`
	Name     string          `json:"name,omitempty"`
	Hostname string          `json:"hostname,omitempty"`
	DNS      []netip.Addr    `json:"dns,omitempty"` // servers that answer what the resolver does not know
	Owner    state.Process   `json:"owner"`         // who is wiring it; decides whether an unfinished one is abandoned
	Created  time.Time       `json:"created"`
	Ended    bool            `json:"ended,omitempty"` // its container has ended, or waits for its policy to restart it
	Ports    []PublishedPort `json:"ports,omitempty"`
	Joined   []joined        `json:"joined,omitempty"`
}

// joined is one CNI ADD: written before it runs, completed with its result.
type joined struct {
	Endpoint Endpoint        `json:"endpoint"`
	Network  Network         `json:"network"`
	IfName   string          `json:"ifName"`
	List     json.RawMessage `json:"list"` // the conflist as it was run
	Caps     json.RawMessage `json:"caps,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"` // empty: ADD has not come to its end
}

// complete tells whether every ADD of the record has come to its end.
func (r *record) complete() bool {
	for _, j := range r.Joined {
		if len(j.Result) == 0 {
			return false
		}
	}
	return len(r.Joined) > 0
}

// newRecord is a record owned by the calling process.
func newRecord(id string) (*record, error) {
	self, err := state.Self()
	if err != nil {
		return nil, err
	}
	return &record{Version: recordVersion, ID: id, Owner: self, Created: time.Now().UTC()}, nil
}

// load is the record of id, nil if there is none. A file that does not parse is
// what a crash of the whole machine leaves and tells nothing: it is none too.
func (s *Service) load(id string) (*record, error) {
	var r record
	err := state.ReadJSON(s.cfg.Layout.NetRecord(id), &r)
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.As(err, &syntax):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading the network record of container %s: %w", id, err)
	case r.Version > recordVersion:
		return nil, fmt.Errorf("the network record of container %s was written by a newer version of nerd: use that one", id)
	}
	r.ID = id
	return &r, nil
}

func (s *Service) loadOrNew(id string) (*record, error) {
	r, err := s.load(id)
	if err != nil || r != nil {
		return r, err
	}
	return newRecord(id)
}

// save replaces the record. It does not sync to disk: all that a record speaks of
// ends with the running kernel, so it only has to outlive its writer.
func (s *Service) save(r *record) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return writeVolatile(s.cfg.Layout.NetRecord(r.ID), data)
}

func writeVolatile(path string, data []byte) error {
	tmp := fmt.Sprintf("%s.%d.tmp", path, os.Getpid())
	err := os.WriteFile(tmp, data, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		err = os.WriteFile(tmp, data, 0o600)
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return errors.Join(err, removeIfThere(tmp))
	}
	return nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// recordIDs are the containers that have a record.
func (s *Service) recordIDs() ([]string, error) {
	return namesIn(filepath.Dir(s.cfg.Layout.NetRecord("x")), ".json")
}

// namesIn lists the files of dir that end in suffix, without it. A missing
// folder is empty.
func namesIn(dir, suffix string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), suffix); ok && !strings.HasPrefix(name, ".") {
			names = append(names, name)
		}
	}
	return names, err
}
