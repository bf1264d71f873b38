package netutil

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/network"

	"github.com/nerd-cli/nerd/pkg/state"
)

// protocol is tcp where none is said.
func (p PublishedPort) protocol() network.IPProtocol {
	if p.Protocol == "" {
		return network.TCP
	}
	return p.Protocol
}

// String is the port as Docker writes it: 127.0.0.1:8080->80/tcp.
func (p PublishedPort) String() string {
	host := p.HostIP
	if !host.IsValid() {
		host = netip.IPv4Unspecified()
	}
	return fmt.Sprintf("%s->%d/%s", netip.AddrPortFrom(host, p.HostPort), p.ContainerPort, p.protocol())
}

// overlaps tells whether two ports cannot be published at once.
func (p PublishedPort) overlaps(q PublishedPort) bool {
	if p.protocol() != q.protocol() || p.HostPort != q.HostPort {
		return false
	}
	a, b := p.HostIP, q.HostIP
	switch {
	case !a.IsValid() || !b.IsValid():
		return true
	case a.Is4() != b.Is4():
		return false
	}
	return a == b || a.IsUnspecified() || b.IsUnspecified()
}

// PortInUseError says that a host port cannot be had and who has it.
type PortInUseError struct {
	Port   PublishedPort
	Holder string // "container web", "process nginx (pid 12)"; empty if it could not be found out
}

func (e *PortInUseError) Error() string {
	host := e.Port.HostIP
	if !host.IsValid() {
		host = netip.IPv4Unspecified()
	}
	msg := fmt.Sprintf("port %s/%s is already in use", netip.AddrPortFrom(host, e.Port.HostPort), e.Port.protocol())
	if e.Holder != "" {
		msg += " by " + e.Holder
	}
	return msg
}

// Unwrap makes it a conflict for errdefs.
func (e *PortInUseError) Unwrap() error { return errdefs.ErrConflict }

// Reservation is a set of host ports that nobody else can take while it, or a
// process that inherited its files, lives.
type Reservation struct {
	Ports []PublishedPort // in the order asked for, with the ports chosen
	files []*os.File
}

// Files are the descriptors that hold the ports, to be inherited by whoever is to
// hold them on. They stay owned by the reservation.
func (r *Reservation) Files() []*os.File { return r.files }

// Close gives the ports back, as far as this process holds them.
func (r *Reservation) Close() error {
	var failed []error
	for _, f := range r.files {
		failed = append(failed, f.Close())
	}
	r.files = nil
	return errors.Join(failed...)
}

// ReservePorts binds the host ports that container id is to publish and writes
// them into its record, so that others can tell who has them. A HostPort of 0
// gets a free port of the kernel's choice. If the container does not come to
// life, Detach takes them out of the record again.
func (s *Service) ReservePorts(ctx context.Context, name, id string, ports []PublishedPort) (res *Reservation, err error) {
	if len(ports) == 0 {
		return &Reservation{}, nil
	}
	l, err := s.lock(ctx, id)
	if err != nil {
		return nil, err
	}
	defer releaseLock(l, &err)
	res = &Reservation{}
	defer func() {
		if err != nil {
			err = errors.Join(err, res.Close())
			res = nil
		}
	}()
	for _, p := range ports {
		got, files, err := s.reserve(ctx, id, p)
		if err != nil {
			return res, err
		}
		res.Ports, res.files = append(res.Ports, got), append(res.files, files...)
	}
	rec, err := s.loadOrNew(id)
	if err != nil {
		return res, err
	}
	// The record of a container that is wired already keeps what it is wired
	// with: Attach compares it with what is asked for.
	if len(rec.Joined) == 0 {
		rec.Name, rec.Ports = name, res.Ports
	}
	return res, s.adopt(rec)
}

// reserve takes one port. The lock makes two reservations of the same port take
// turns: while both are on their way each could make the other fail.
func (s *Service) reserve(ctx context.Context, id string, p PublishedPort) (got PublishedPort, files []*os.File, err error) {
	p.Protocol, p.HostIP = p.protocol(), p.HostIP.Unmap()
	if p.HostPort == 0 {
		return s.reserveAny(ctx, p)
	}
	if p.HostPortEnd > p.HostPort {
		return s.reserveRange(ctx, id, p)
	}
	l, err := state.AcquireLock(ctx, s.portLock(p))
	if err != nil {
		return p, nil, err
	}
	defer func() { err = errors.Join(err, l.Remove()) }()
	files, err = bindPort(s.cfg.Layout.Ports(), p)
	if errors.Is(err, errBusy) {
		return p, nil, &PortInUseError{Port: p, Holder: s.holder(id, p)}
	}
	if err != nil {
		return p, nil, fmt.Errorf("reserving port %s: %w", p, err)
	}
	// Nobody listens, but the rules of a container may still lead the port away:
	// one whose companion was killed, or remains of one.
	if err := s.clearClaims(ctx, id, p); err != nil {
		return p, nil, errors.Join(err, closeAll(files))
	}
	return p, files, nil
}

// maxTries bounds the search for a port that is free for both address families
// and claimed by nobody.
const maxTries = 64

func (s *Service) reserveAny(ctx context.Context, p PublishedPort) (PublishedPort, []*os.File, error) {
	var last error
	for range maxTries {
		port, err := freePort(p)
		if err != nil {
			return p, nil, fmt.Errorf("choosing a host port for %d/%s: %w", p.ContainerPort, p.Protocol, err)
		}
		try := p
		try.HostPort = port
		got, files, err := s.reserve(ctx, "", try)
		var busy *PortInUseError
		if !errors.As(err, &busy) {
			return got, files, err
		}
		last = err
	}
	return p, nil, fmt.Errorf("choosing a host port for %d/%s: %w", p.ContainerPort, p.Protocol, last)
}

// reserveRange takes the first free port of a range, as Docker does for one
// container port on a range of host ports.
func (s *Service) reserveRange(ctx context.Context, id string, p PublishedPort) (PublishedPort, []*os.File, error) {
	one := p
	one.HostPortEnd = 0
	for {
		got, files, err := s.reserve(ctx, id, one)
		var busy *PortInUseError
		if !errors.As(err, &busy) || one.HostPort == p.HostPortEnd {
			return got, files, err
		}
		one.HostPort++
	}
}

func (s *Service) portLock(p PublishedPort) string {
	return filepath.Join(s.cfg.Layout.Ports(), string(p.Protocol)+"-"+strconv.Itoa(int(p.HostPort))+".lock")
}

// clearClaims refuses a port that a living container publishes and detaches
// claimants that are no more, whose rules would lead the port into nowhere.
func (s *Service) clearClaims(ctx context.Context, id string, p PublishedPort) error {
	claims, err := s.claims(id, p)
	if err != nil {
		return err
	}
	for _, rec := range claims {
		if !s.portAbandoned(ctx, rec) {
			return &PortInUseError{Port: p, Holder: containerHolder(rec)}
		}
		if err := s.Detach(ctx, rec.ID); err != nil {
			return fmt.Errorf("port %s is still held by the remains of container %s: %w", p, rec.ID, err)
		}
	}
	return nil
}

// portAbandoned is abandoned, decided without Live where there is none: a
// container with published ports that runs or is to be restarted has a companion
// that keeps them bound, or a process in its namespace.
func (s *Service) portAbandoned(ctx context.Context, rec *record) bool {
	if s.cfg.Live != nil {
		return s.abandoned(ctx, rec)
	}
	return !rec.Owner.Alive() && !s.host.occupied(s.cfg.Layout.Netns(rec.ID))
}

// claims are the records of other containers with a port that overlaps p.
func (s *Service) claims(id string, p PublishedPort) ([]*record, error) {
	ids, err := s.recordIDs()
	if err != nil {
		return nil, err
	}
	var claims []*record
	for _, other := range ids {
		if other == id {
			continue
		}
		rec, err := s.load(other)
		if err != nil || rec == nil {
			continue // its owner's trouble, not that of who wants a port
		}
		for _, q := range rec.Ports {
			if p.overlaps(q) {
				claims = append(claims, rec)
				break
			}
		}
	}
	return claims, nil
}

func closeAll(files []*os.File) error {
	r := Reservation{files: files}
	return r.Close()
}
