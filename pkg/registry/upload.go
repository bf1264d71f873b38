package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// smallBlob is the size up to which a blob is kept in memory and sent with the
// request that completes it, which saves one: most blobs are configurations.
const smallBlob = 256 << 10

// upload is a blob on its way to a registry. A connection that breaks is made
// again: the registry says how much it has, and whoever writes is asked, with
// content.ErrReset, to go on from Status().Offset. A registry that has forgotten
// the upload, as those do that keep no half requests, is sent all of it again.
//
// It is for one writer at a time.
type upload struct {
	*pusher
	ctx   context.Context // of the push: a Write has none
	desc  ocispec.Descriptor
	ref   string
	began time.Time

	to       docker.RegistryHost // where the registry wants the data
	location *url.URL
	offset   int64  // that the next Write is for
	sure     int64  // bytes that the registry has said it has
	small    []byte // the data of a small blob
	sending  *sending
	cuts     int
	whole    bool // the registry has it all, and has named it
}

// open asks for a place to send to. With the name of another repository it asks
// that the blob be mounted from there, and gives the name back if it was.
func (u *upload) open(from string) (mounted string, err error) {
	start := u.at("blobs", "uploads")
	start.Path += "/"
	if from != "" {
		mount := *start
		query := mount.Query()
		query.Set("mount", u.desc.Digest.String())
		query.Set("from", from)
		mount.RawQuery = query.Encode()
		resp, err := ask(docker.ContextWithAppendPullRepositoryScope(u.ctx, from), u.host, http.MethodPost, &mount)
		switch {
		case errors.Is(err, docker.ErrInvalidAuthorization): // not there: the other repository may be closed
		case err != nil:
			return "", fmt.Errorf("mounting it from %s: %w", from, err)
		case resp.StatusCode == http.StatusCreated:
			drop(resp)
			return from, nil
		case resp.StatusCode == http.StatusAccepted:
			return "", u.moved(resp)
		default:
			drop(resp)
		}
	}
	resp, err := ask(u.ctx, u.host, http.MethodPost, start)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusAccepted {
		return "", refusal(resp)
	}
	return "", u.moved(resp)
}

// moved notes where an answer wants what comes next, and closes it.
func (u *upload) moved(resp *http.Response) error {
	drop(resp)
	text := resp.Header.Get("Location")
	if text == "" {
		return errorf(errdefs.ErrUnavailable, "registry %s does not say where to send blobs", u.host.Host)
	}
	asked := resp.Request.URL // its scheme is the one that works
	next, err := asked.Parse(text)
	if err != nil {
		return fmt.Errorf("registry %s wants blobs sent to a place that is none: %w", u.host.Host, err)
	}
	u.to = u.host
	switch next.Host {
	case u.host.Host, asked.Host:
		next.Scheme = asked.Scheme // a registry behind a proxy does not know its own
	default: // neither credentials nor headers are for another host
		u.to.Authorizer, u.to.Header = nil, nil
	}
	u.location = next
	return nil
}

// Write sends more of the blob.
func (u *upload) Write(p []byte) (int, error) {
	if u.whole {
		return 0, io.ErrClosedPipe
	}
	if u.desc.Size <= smallBlob {
		if u.offset == 0 {
			u.small = u.small[:0]
		}
		u.small = append(u.small, p...)
		u.offset += int64(len(p))
		return len(p), nil
	}
	if u.sending == nil {
		u.begin()
	}
	n, err := u.sending.pipe.Write(p)
	u.offset += int64(n)
	if err == nil {
		return n, nil
	}
	resp, err := u.sending.end(nil)
	if err == nil { // it answered before it had everything
		err = u.refused(resp)
	}
	return n, u.again(err)
}

// sending is a request on its way.
type sending struct {
	pipe *io.PipeWriter
	done chan struct{}
	resp *http.Response
	err  error
}

// begin sends the rest of the blob, as it is written, in one request.
func (u *upload) begin() {
	r, w := io.Pipe()
	s := &sending{pipe: w, done: make(chan struct{})}
	u.sending = s
	offset, to, location := u.offset, u.to, u.location.String()
	go func() {
		defer close(s.done)
		req, err := http.NewRequestWithContext(u.ctx, http.MethodPatch, location, r)
		if err == nil {
			req.ContentLength = u.desc.Size - offset
			req.Header.Set("Content-Type", "application/octet-stream")
			if offset > 0 {
				req.Header.Set("Content-Range", fmt.Sprintf("%d-%d", offset, u.desc.Size-1))
			}
			s.resp, s.err = sendOne(u.ctx, to, req)
		} else {
			s.err = err
		}
		_ = r.Close() // nobody reads any more, whoever writes has to know
	}()
}

// end waits for the answer to what has been written.
func (s *sending) end(cause error) (*http.Response, error) {
	_ = s.pipe.CloseWithError(cause) // the first cause counts, and it cannot fail
	<-s.done
	return s.resp, s.err
}

// Commit completes the blob.
func (u *upload) Commit(_ context.Context, size int64, expected digest.Digest, _ ...content.Opt) error {
	if u.whole {
		return nil
	}
	if size > 0 && size != u.offset || expected != "" && expected != u.desc.Digest {
		return fmt.Errorf("%d bytes of %s were to be sent, not %d of %s: %w", size, expected, u.offset, u.desc.Digest, errdefs.ErrFailedPrecondition)
	}
	if u.sending != nil {
		resp, err := u.sending.end(nil)
		u.sending = nil
		if err == nil {
			err = u.accepted(resp)
		}
		if err != nil {
			return u.again(err)
		}
	}
	resp, err := exchange(u.ctx, u.to, func() (*http.Request, error) {
		req, err := http.NewRequestWithContext(u.ctx, http.MethodPut, withDigest(u.location, u.desc.Digest), bytes.NewReader(u.small))
		if err == nil {
			req.Header.Set("Content-Type", "application/octet-stream")
		}
		return req, err
	})
	if err != nil {
		return u.again(err)
	}
	switch resp.StatusCode {
	case http.StatusCreated, http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		drop(resp)
		u.whole = true
		u.note(docker.PushStatus{}, true)
		return nil
	}
	return u.again(u.refused(resp))
}

// withDigest adds what completes an upload to its place, of which the query
// belongs to the registry and stays as it is.
func withDigest(location *url.URL, d digest.Digest) string {
	u := *location
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += "digest=" + url.QueryEscape(d.String())
	return u.String()
}

// accepted reads the answer to a request that has been sent whole.
func (u *upload) accepted(resp *http.Response) error {
	switch resp.StatusCode {
	case http.StatusAccepted, http.StatusNoContent, http.StatusCreated, http.StatusOK:
	default:
		return u.refused(resp)
	}
	if has, ok := received(resp.Header.Get("Range")); ok && has != u.offset {
		drop(resp)
		return fmt.Errorf("the registry has %d of %d bytes: %w", has, u.offset, io.ErrUnexpectedEOF)
	}
	if resp.Header.Get("Location") == "" {
		drop(resp) // the place has not changed
		return nil
	}
	return u.moved(resp)
}

// received reads how many bytes a registry has: "0-99" is a hundred. Some say
// "0-0" of an upload that has not begun.
func received(text string) (int64, bool) {
	first, last, ok := strings.Cut(strings.TrimPrefix(text, "bytes="), "-")
	n, err := strconv.ParseInt(last, 10, 64)
	if !ok || err != nil || first != "0" || n < 0 || n == math.MaxInt64 {
		return 0, false
	}
	if n == 0 {
		return 0, true
	}
	return n + 1, true
}

// Close gives up an upload that is not complete.
func (u *upload) Close() error {
	if u.sending != nil {
		if resp, err := u.sending.end(errors.New("the upload was given up")); err == nil {
			_ = resp.Body.Close() // its content does not matter any more
		}
		u.sending = nil
	}
	return nil
}

// Status tells from where on data is wanted.
func (u *upload) Status() (content.Status, error) {
	return content.Status{Ref: u.ref, Offset: u.offset, Total: u.desc.Size, Expected: u.desc.Digest, StartedAt: u.began, UpdatedAt: time.Now()}, nil
}

// Digest is that of the blob.
func (u *upload) Digest() digest.Digest { return u.desc.Digest }

// Truncate is for stores on disk.
func (u *upload) Truncate(int64) error {
	return fmt.Errorf("an upload cannot be cut: %w", errdefs.ErrNotImplemented)
}

// note tells the tracker how the blob stands.
func (u *upload) note(how docker.PushStatus, complete bool) {
	status := docker.Status{Committed: complete, PushStatus: how, Status: content.Status{
		Ref: u.ref, Total: u.desc.Size, Expected: u.desc.Digest, StartedAt: u.began, UpdatedAt: time.Now(),
	}}
	if complete {
		status.Offset = u.desc.Size
	}
	u.tracker.SetStatus(u.ref, status)
}
