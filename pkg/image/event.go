package image

import (
	"io"
	"sync"

	"github.com/containerd/containerd/v2/core/images"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Phase is how far a layer has come.
type Phase int

// The phases of a layer, in order: of a pull, and after Waiting or Exists of a
// push; the last two of a conversion. Exists, Complete, Uploaded, Mounted and
// Converted are ends.
const (
	Waiting Phase = iota
	Exists
	Downloading
	Downloaded
	Extracting
	Complete
	Uploading
	Uploaded
	Mounted // taken over from another repository of the registry
	Converting
	Converted
)

// Event tells how far one layer has come. Events of different layers interleave;
// those of one layer come in order.
type Event struct {
	Layer   digest.Digest
	Phase   Phase
	Current int64  // bytes, while downloading or uploading
	Total   int64  // bytes; 0 if not known
	From    string // the repository that a mounted layer comes from
}

// reporter receives events; nil discards them. It is called from several
// goroutines.
type reporter func(Event)

func (r reporter) layer(desc ocispec.Descriptor, p Phase, current int64) {
	if r != nil && images.IsLayerType(desc.MediaType) {
		r(Event{Layer: desc.Digest, Phase: p, Current: current, Total: desc.Size})
	}
}

func (r reporter) mounted(desc ocispec.Descriptor, from string) {
	if r != nil {
		r(Event{Layer: desc.Digest, Phase: Mounted, Current: desc.Size, Total: desc.Size, From: from})
	}
}

// counted reports what is read of a layer. It seeks if the reader below does, so
// that a download can go on where it stopped.
type counted struct {
	io.ReadCloser
	desc   ocispec.Descriptor
	report reporter
	offset int64
	shown  int64
}

// reportStep is how many bytes pass between two events of a layer: fine enough
// to see it move, coarse enough to cost nothing.
const reportStep = 256 << 10

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.offset += int64(n)
	if c.offset-c.shown >= reportStep {
		c.shown = c.offset
		c.report.layer(c.desc, Downloading, c.offset)
	}
	return n, err
}

type countedSeeker struct {
	*counted
	seeker io.Seeker
}

func (c countedSeeker) Seek(offset int64, whence int) (int64, error) {
	at, err := c.seeker.Seek(offset, whence)
	if err == nil {
		c.offset, c.shown = at, at
	}
	return at, err
}

func count(rc io.ReadCloser, desc ocispec.Descriptor, report reporter) io.ReadCloser {
	if report == nil {
		return rc
	}
	c := &counted{ReadCloser: rc, desc: desc, report: report}
	if seeker, ok := rc.(io.Seeker); ok {
		return countedSeeker{c, seeker}
	}
	return c
}

// layers remembers how far each layer has come. A layer that was fetched though
// its snapshot was there already is never unpacked, and would stay half done.
type layers struct {
	report reporter
	mu     sync.Mutex
	phases map[digest.Digest]Event
}

func (l *layers) note(e Event) {
	l.mu.Lock()
	l.phases[e.Layer] = e
	l.mu.Unlock()
	l.report(e)
}

func (l *layers) complete() {
	for _, e := range l.phases {
		if e.Phase != Complete && e.Phase != Exists {
			e.Phase = Complete
			l.report(e)
		}
	}
}
