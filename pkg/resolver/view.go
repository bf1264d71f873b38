package resolver

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// document is what a container's network record tells the resolver. The record is
// pkg/netutil's; the other fields of it are of no account here.
type document struct {
	ID       string       `json:"id"`
	Name     string       `json:"name"`
	Hostname string       `json:"hostname"`
	DNS      []netip.Addr `json:"dns"`
	Ended    bool         `json:"ended"`
	Joined   []struct {
		Endpoint struct {
			Aliases    []string `json:"aliases"`
			Links      []string `json:"links"`
			GwPriority int      `json:"gwPriority"`
		} `json:"endpoint"`
		Network struct {
			Name     string
			Internal bool
			Names    bool
		} `json:"network"`
		Result struct {
			IPs []struct {
				Address netip.Prefix `json:"address"`
			} `json:"ips"`
		} `json:"result"`
	} `json:"joined"`
}

// container is one container as the resolver knows it.
type container struct {
	id      string
	names   []string     // in every network, lower case
	name    string       // the one for reverse look-ups
	servers []netip.Addr // that answer what the resolver does not know
	outside bool         // a network of it has a way out
	members []member     // in the order in which their names are tried
	present []string     // all its networks, also those without names
}

// member is a container's part in a network with names.
type member struct {
	network string
	aliases []string
	links   map[string]string // name of its own -> container's name
	addrs   []netip.Addr
	subnets []netip.Prefix
	weight  int
}

// view is all containers, read from the folder of their records. It keeps itself
// up to date by asking the kernel, before each use, what has changed: an event is
// there as soon as the rename that made the change has returned. So nothing that
// happened before a question is missing in its answer.
type view struct {
	dir   string
	watch int // inotify
	all   map[string]*container
	// Made anew from all when something changed.
	byAddr map[netip.Addr]*container
	byName map[string]map[string][]*container // by network and name
	buf    [4096]byte
}

const recordSuffix = ".json"

func newView(dir string) (*view, error) {
	watch, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	v := &view{dir: dir, watch: watch, all: map[string]*container{}}
	if _, err := unix.InotifyAddWatch(watch, dir, unix.IN_MOVED_TO|unix.IN_DELETE|unix.IN_MOVED_FROM|unix.IN_ONLYDIR); err != nil {
		return nil, errors.Join(&fs.PathError{Op: "watch", Path: dir, Err: err}, unix.Close(watch))
	}
	v.readAll()
	return v, nil
}

// refresh takes in what has changed. It costs one system call if nothing has.
func (v *view) refresh() {
	changed := false
	for {
		n, err := unix.Read(v.watch, v.buf[:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n < unix.SizeofInotifyEvent {
			break
		}
		changed = true
		if !v.take(v.buf[:n]) {
			v.readAll()
		}
	}
	if changed {
		v.index()
	}
}

// take reads the records that events name. It is false if events were lost.
func (v *view) take(events []byte) bool {
	for len(events) >= unix.SizeofInotifyEvent {
		mask := nativeUint32(events[4:])
		size := int(nativeUint32(events[12:]))
		name := events[unix.SizeofInotifyEvent : unix.SizeofInotifyEvent+size]
		events = events[unix.SizeofInotifyEvent+size:]
		if mask&unix.IN_Q_OVERFLOW != 0 {
			return false
		}
		v.read(strings.TrimRight(string(name), "\x00"))
	}
	return true
}

func (v *view) readAll() {
	v.all = map[string]*container{}
	entries, err := os.ReadDir(v.dir)
	if err != nil {
		return // no folder, no containers
	}
	for _, e := range entries {
		v.read(e.Name())
	}
	v.index()
}

// read takes in one record. A file that is gone or cannot be read is no container.
func (v *view) read(file string) {
	id, ok := strings.CutSuffix(file, recordSuffix)
	if !ok || strings.HasPrefix(file, ".") {
		return
	}
	delete(v.all, id)
	data, err := os.ReadFile(filepath.Join(v.dir, file))
	if err != nil {
		return
	}
	var doc document
	if json.Unmarshal(data, &doc) == nil {
		v.all[id] = newContainer(id, doc)
	}
}

func newContainer(id string, doc document) *container {
	c := &container{id: id, name: strings.TrimPrefix(doc.Name, "/"), servers: doc.DNS}
	for _, name := range []string{c.name, doc.Hostname, id[:min(len(id), 12)]} {
		if name = strings.ToLower(name); name != "" && !slices.Contains(c.names, name) {
			c.names = append(c.names, name)
		}
	}
	for _, j := range doc.Joined {
		c.present = append(c.present, j.Network.Name)
		c.outside = c.outside || !j.Network.Internal
		if !j.Network.Names || doc.Ended {
			continue
		}
		m := member{network: j.Network.Name, links: map[string]string{}, weight: j.Endpoint.GwPriority}
		for _, a := range j.Endpoint.Aliases {
			m.aliases = append(m.aliases, strings.ToLower(a))
		}
		for _, l := range j.Endpoint.Links {
			to, alias, ok := strings.Cut(l, ":")
			if !ok {
				alias = to
			}
			m.links[strings.ToLower(alias)] = strings.ToLower(strings.TrimPrefix(to, "/"))
		}
		for _, ip := range j.Result.IPs {
			m.addrs, m.subnets = append(m.addrs, ip.Address.Addr().Unmap()), append(m.subnets, ip.Address.Masked())
		}
		c.members = append(c.members, m)
	}
	slices.SortStableFunc(c.members, func(a, b member) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.network, b.network))
	})
	return c
}

func (v *view) index() {
	v.byAddr, v.byName = map[netip.Addr]*container{}, map[string]map[string][]*container{}
	ids := make([]string, 0, len(v.all))
	for id := range v.all {
		ids = append(ids, id)
	}
	slices.Sort(ids) // the same order of answers for everyone
	for _, id := range ids {
		c := v.all[id]
		for i := range c.members {
			m := &c.members[i]
			for _, a := range m.addrs {
				v.byAddr[a] = c
			}
			names := v.byName[m.network]
			if names == nil {
				names = map[string][]*container{}
				v.byName[m.network] = names
			}
			for _, name := range slices.Concat(c.names, m.aliases) {
				if !slices.Contains(names[name], c) {
					names[name] = append(names[name], c)
				}
			}
		}
	}
}

// used tells whether a container is on the network, or about to be.
func (v *view) used(network string) bool {
	for _, c := range v.all {
		if slices.Contains(c.present, network) {
			return true
		}
	}
	return false
}

// lookup finds the addresses of a name that a container asks for: in its networks
// in turn, first among its links. Found without an address means that the name is
// there, but not in this family.
func (v *view) lookup(asker *container, name string, six bool) (addrs []netip.Addr, found bool) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	for i := range asker.members {
		m := &asker.members[i]
		for _, c := range v.named(m, name) {
			found = true
			for _, a := range c.addrsIn(m.network) {
				if a.Is6() == six {
					addrs = append(addrs, a)
				}
			}
		}
		if found {
			return addrs, true
		}
	}
	return nil, false
}

// named are the containers of a network with the name, which may be followed by
// the network's own.
func (v *view) named(m *member, name string) []*container {
	if to, ok := m.links[name]; ok {
		name = to
	}
	names := v.byName[m.network]
	if list := names[name]; len(list) > 0 {
		return list
	}
	if short, ok := strings.CutSuffix(name, "."+strings.ToLower(m.network)); ok {
		return names[short]
	}
	return nil
}

func (c *container) addrsIn(network string) []netip.Addr {
	for i := range c.members {
		if c.members[i].network == network {
			return c.members[i].addrs
		}
	}
	return nil
}

// reverse finds the name of an address that is in one of the asker's networks.
// Known without a name means that the address is of such a network and nobody's.
func (v *view) reverse(asker *container, addr netip.Addr) (name string, known bool) {
	for i := range asker.members {
		m := &asker.members[i]
		if c := v.byAddr[addr]; c != nil && slices.Contains(c.addrsIn(m.network), addr) {
			return c.name + "." + m.network, true
		}
		known = known || slices.ContainsFunc(m.subnets, func(p netip.Prefix) bool { return p.Contains(addr) })
	}
	return "", known
}
