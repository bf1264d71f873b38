package resolver

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

func nativeUint32(b []byte) uint32 { return binary.NativeEndian.Uint32(b) }

const (
	plainSize  = 512  // of an answer by UDP to who says nothing of EDNS
	ednsSize   = 1232 // that no path has to fragment
	maxSize    = 65535
	timeToLive = 0 // seconds: a container can be gone the next moment
)

// query is a question that has been read.
type query struct {
	id       uint16
	desired  bool // recursion
	question dnsmessage.Question
	edns     bool
	size     int // of the answer, at most
}

// parseQuery reads a message. A false ok with a reply is an error to be answered,
// without one the message is to be dropped.
func parseQuery(msg []byte, tcp bool) (q query, reply []byte, ok bool) {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil || h.Response {
		return q, nil, false
	}
	q.id, q.desired = h.ID, h.RecursionDesired
	if h.OpCode != 0 {
		return q, q.fail(dnsmessage.RCodeNotImplemented), false
	}
	questions, err := p.AllQuestions()
	if err != nil || len(questions) != 1 {
		return q, q.fail(dnsmessage.RCodeFormatError), false
	}
	q.question, q.size = questions[0], plainSize
	if p.SkipAllAnswers() != nil || p.SkipAllAuthorities() != nil {
		return q, q.fail(dnsmessage.RCodeFormatError), false
	}
	for {
		r, err := p.AdditionalHeader()
		if err != nil {
			break
		}
		if r.Type == dnsmessage.TypeOPT {
			q.edns, q.size = true, min(max(int(r.Class), plainSize), ednsSize)
		}
		if p.SkipAdditional() != nil {
			break
		}
	}
	if tcp {
		q.size = maxSize
	}
	return q, nil, true
}

// fail is an answer without records.
func (q query) fail(code dnsmessage.RCode) []byte { return q.answer(code, nil) }

// answer builds a reply of addresses or, as a string, of a name.
func (q query) answer(code dnsmessage.RCode, records []any) []byte {
	for n := len(records); ; n = 0 {
		msg, err := q.build(code, records[:n], n < len(records))
		if err == nil && len(msg) <= q.limit() {
			return msg
		}
		if n == 0 {
			return nil // cannot be: a question always fits
		}
	}
}

func (q query) limit() int {
	if q.size == 0 {
		return plainSize
	}
	return q.size
}

func (q query) build(code dnsmessage.RCode, records []any, truncated bool) ([]byte, error) {
	b := dnsmessage.NewBuilder(make([]byte, 0, plainSize), dnsmessage.Header{
		ID: q.id, Response: true, RecursionDesired: q.desired, RecursionAvailable: true, RCode: code, Truncated: truncated,
	})
	b.EnableCompression()
	if q.question.Type != 0 {
		if err := b.StartQuestions(); err != nil {
			return nil, err
		}
		if err := b.Question(q.question); err != nil {
			return nil, err
		}
	}
	if err := b.StartAnswers(); err != nil {
		return nil, err
	}
	head := dnsmessage.ResourceHeader{Name: q.question.Name, Class: dnsmessage.ClassINET, TTL: timeToLive}
	for _, r := range records {
		if err := addRecord(&b, head, r); err != nil {
			return nil, err
		}
	}
	if q.edns {
		if err := b.StartAdditionals(); err != nil {
			return nil, err
		}
		var opt dnsmessage.ResourceHeader
		if err := opt.SetEDNS0(ednsSize, code, false); err != nil {
			return nil, err
		}
		if err := b.OPTResource(opt, dnsmessage.OPTResource{}); err != nil {
			return nil, err
		}
	}
	return b.Finish()
}

func addRecord(b *dnsmessage.Builder, head dnsmessage.ResourceHeader, record any) error {
	switch r := record.(type) {
	case netip.Addr:
		if r.Is4() {
			return b.AResource(head, dnsmessage.AResource{A: r.As4()})
		}
		return b.AAAAResource(head, dnsmessage.AAAAResource{AAAA: r.As16()})
	case string:
		name, err := dnsmessage.NewName(r + ".")
		if err != nil {
			return err
		}
		return b.PTRResource(head, dnsmessage.PTRResource{PTR: name})
	}
	return nil
}

// shuffled puts the addresses into an order of chance: of several containers with
// one name each is the first in turn.
func shuffled(addrs []netip.Addr) []any {
	out := make([]any, 0, len(addrs))
	for _, i := range rand.Perm(len(addrs)) {
		out = append(out, addrs[i])
	}
	return out
}

// reverseName reads the address from the name of a reverse look-up.
func reverseName(name string) (netip.Addr, bool) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if rest, ok := strings.CutSuffix(name, ".in-addr.arpa"); ok {
		return reversed(strings.Split(rest, "."), 4, 10)
	}
	if rest, ok := strings.CutSuffix(name, ".ip6.arpa"); ok {
		return reversed(strings.Split(rest, "."), 32, 16)
	}
	return netip.Addr{}, false
}

// reversed puts an address together from its parts, the last first: four bytes
// in decimal or 32 half bytes in hexadecimal digits.
func reversed(parts []string, want, base int) (netip.Addr, bool) {
	if len(parts) != want {
		return netip.Addr{}, false
	}
	raw := make([]byte, 0, 16)
	var half uint64
	for i := want - 1; i >= 0; i-- {
		n, err := strconv.ParseUint(parts[i], base, 8)
		if err != nil || base == 16 && len(parts[i]) != 1 {
			return netip.Addr{}, false
		}
		switch {
		case base == 10:
			raw = append(raw, byte(n))
		case i%2 == 1:
			half = n
		default:
			raw = append(raw, byte(half<<4|n))
		}
	}
	return netip.AddrFromSlice(raw)
}
