package registry

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/pkg/labels"
	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// depot is a registry that takes blobs, as the distribution specification has it.
// Its faults happen to the first requests that they fit.
type depot struct {
	mu      sync.Mutex
	have    map[string][]byte // repository/digest
	parts   map[string][]byte // by upload
	got     int               // bytes of blobs, in all requests
	asked   []string          // METHOD path?query Authorization
	forgets bool              // has nothing to say of uploads under way
	faults  []fault
}

// fault is what a request of a method meets instead of an answer.
type fault struct {
	method string
	do     func(d *depot, w http.ResponseWriter, r *http.Request)
}

func newDepot(t *testing.T, faults ...fault) (*depot, string) {
	t.Helper()
	d := &depot{have: map[string][]byte{}, parts: map[string][]byte{}, faults: faults}
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	return d, host(server)
}

func (d *depot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	d.asked = append(d.asked, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Authorization"))
	at := slices.IndexFunc(d.faults, func(f fault) bool { return f.method == r.Method })
	var f fault
	if at >= 0 {
		f = d.faults[at]
		d.faults = slices.Delete(d.faults, at, at+1)
	}
	d.mu.Unlock()
	if f.do != nil {
		f.do(d, w, r)
		return
	}
	d.serve(w, r)
}

func (d *depot) serve(w http.ResponseWriter, r *http.Request) {
	repo, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/blobs/")
	id, isUpload := strings.CutPrefix(rest, "uploads/")
	switch {
	case r.Method == http.MethodHead:
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.have[repo+"/"+rest] == nil {
			w.WriteHeader(http.StatusNotFound)
		}
	case r.Method == http.MethodPost:
		d.start(w, r, repo)
	case !isUpload:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodGet && !d.forgets:
		w.WriteHeader(d.status(w, repo, id, http.StatusNoContent))
	case r.Method == http.MethodPatch:
		d.take(w, r, repo, id, 0)
	case r.Method == http.MethodPut:
		d.finish(w, r, repo, id)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (d *depot) start(w http.ResponseWriter, r *http.Request, repo string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	sum := r.URL.Query().Get("mount")
	if blob := d.have[r.URL.Query().Get("from")+"/"+sum]; blob != nil {
		d.have[repo+"/"+sum] = blob
		w.WriteHeader(http.StatusCreated)
		return
	}
	id := fmt.Sprint(len(d.parts))
	d.parts[id] = []byte{}
	w.Header().Set("Location", "/v2/"+repo+"/blobs/uploads/"+id+"?state=a%2Fb")
	w.WriteHeader(http.StatusAccepted)
}

// status sets what an upload's answers have in common, and gives their status.
func (d *depot) status(w http.ResponseWriter, repo, id string, ok int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.parts[id] == nil {
		return http.StatusNotFound
	}
	w.Header().Set("Location", fmt.Sprintf("/v2/%s/blobs/uploads/%s?state=%d", repo, id, len(d.parts[id])))
	w.Header().Set("Range", fmt.Sprintf("0-%d", max(len(d.parts[id])-1, 0)))
	return ok
}

// take reads a part of a blob; of a limit, it breaks off there.
func (d *depot) take(w http.ResponseWriter, r *http.Request, repo, id string, limit int64) {
	d.mu.Lock()
	have := len(d.parts[id])
	d.mu.Unlock()
	if begin := r.Header.Get("Content-Range"); begin != "" && !strings.HasPrefix(begin, fmt.Sprintf("%d-", have)) || begin == "" && have > 0 {
		w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		return
	}
	body := io.Reader(r.Body)
	if limit > 0 {
		body = io.LimitReader(body, limit)
	}
	data, _ := io.ReadAll(body) // a cut is what is tested
	d.mu.Lock()
	d.parts[id] = append(d.parts[id], data...)
	d.got += len(data)
	d.mu.Unlock()
	if limit > 0 {
		hangUp(w)
		return
	}
	w.WriteHeader(d.status(w, repo, id, http.StatusAccepted))
}

func (d *depot) finish(w http.ResponseWriter, r *http.Request, repo, id string) {
	data, _ := io.ReadAll(r.Body)
	d.mu.Lock()
	defer d.mu.Unlock()
	whole := append(d.parts[id], data...)
	d.got += len(data)
	if sum := r.URL.Query().Get("digest"); digest.FromBytes(whole).String() == sum && r.URL.Query().Get("state") != "" {
		d.have[repo+"/"+sum] = whole
		delete(d.parts, id)
		w.WriteHeader(http.StatusCreated)
		return
	}
	w.WriteHeader(http.StatusBadRequest)
}

func hangUp(w http.ResponseWriter) {
	if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
		_ = conn.Close() // the fault
	}
}

func cutAfter(n int64) fault {
	return fault{http.MethodPatch, func(d *depot, w http.ResponseWriter, r *http.Request) {
		repo, id, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/blobs/uploads/")
		d.take(w, r, repo, id, n)
	}}
}

func answer(method string, status int) fault {
	return fault{method, func(_ *depot, w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(status)
	}}
}

func hangUpOn(method string) fault {
	return fault{method, func(_ *depot, w http.ResponseWriter, _ *http.Request) { hangUp(w) }}
}

// lostAnswer completes an upload, and nobody hears of it.
func lostAnswer(d *depot, w http.ResponseWriter, r *http.Request) {
	d.serve(httptest.NewRecorder(), r)
	hangUp(w)
}

func blobOf(n int, annotations map[string]string) ([]byte, ocispec.Descriptor) {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(rand.IntN(256)) //nolint:gosec // any bytes will do
	}
	return data, ocispec.Descriptor{
		MediaType: ocispec.MediaTypeImageLayer, Digest: digest.FromBytes(data), Size: int64(n), Annotations: annotations,
	}
}

// sendTo sends a blob to app the way that pushes do.
func sendTo(t *testing.T, r *Resolver, addr string, data []byte, desc ocispec.Descriptor) error {
	t.Helper()
	p, _, err := r.Pusher(t.Context(), addr+"/app:1")
	if err != nil {
		t.Fatal(err)
	}
	p.(*pusher).pause = func(context.Context, time.Duration) error { return nil }
	return sendBlob(t, p, data, desc)
}

func sendBlob(t *testing.T, p remotes.Pusher, data []byte, desc ocispec.Descriptor) error {
	t.Helper()
	w, err := p.Push(t.Context(), desc)
	if errdefs.IsAlreadyExists(err) {
		return nil
	}
	if err != nil {
		return err
	}
	err = content.Copy(t.Context(), w, io.NewSectionReader(bytes.NewReader(data), 0, desc.Size), desc.Size, desc.Digest)
	return errors.Join(err, w.Close())
}

const bigBlob = 4 << 20

func TestUploadResumes(t *testing.T) {
	for name, c := range map[string]struct {
		size    int
		forgets bool
		faults  []fault
		once    bool // each byte is sent once
	}{
		"large":                            {bigBlob, false, nil, true},
		"small":                            {100, false, nil, true},
		"empty":                            {0, false, nil, true},
		"cut in the middle":                {bigBlob, false, []fault{cutAfter(bigBlob / 2)}, true},
		"cut often":                        {bigBlob, false, slices.Repeat([]fault{cutAfter(bigBlob / 10)}, 8), true},
		"cut, and nothing is kept":         {bigBlob, true, []fault{cutAfter(bigBlob / 2)}, false},
		"cut where its state is asked for": {bigBlob, false, []fault{cutAfter(bigBlob / 2), hangUpOn(http.MethodGet)}, true},
		"cut when it is complete":          {bigBlob, false, []fault{{http.MethodPut, lostAnswer}}, true},
		"small, cut when it is complete":   {100, false, []fault{{http.MethodPut, lostAnswer}}, true},
		"small, cut":                       {100, false, []fault{hangUpOn(http.MethodPut)}, true},
		"cut before it is complete":        {bigBlob, false, []fault{hangUpOn(http.MethodPut)}, true},
		"too many requests":                {bigBlob, false, []fault{answer(http.MethodPatch, 429)}, true},
		"unavailable":                      {bigBlob, false, []fault{answer(http.MethodPatch, 503), answer(http.MethodPut, 503)}, true},
		"broken for a moment":              {bigBlob, false, []fault{answer(http.MethodPatch, 502), answer(http.MethodPut, 500)}, true},
		"forgotten":                        {bigBlob, true, []fault{answer(http.MethodPatch, 404)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			d, addr := newDepot(t, c.faults...)
			d.forgets = c.forgets
			data, desc := blobOf(c.size, nil)
			if err := sendTo(t, New(Config{}), addr, data, desc); err != nil {
				t.Fatal(err)
			}
			if got := d.have["app/"+desc.Digest.String()]; !bytes.Equal(got, data) {
				t.Errorf("%d bytes arrived", len(got))
			}
			if c.once && d.got != c.size {
				t.Errorf("%d bytes were sent, the blob has %d", d.got, c.size)
			}
			if len(d.faults) > 0 {
				t.Errorf("%d faults did not happen", len(d.faults))
			}
		})
	}
}

func TestUploadFails(t *testing.T) {
	for name, c := range map[string]struct {
		faults []fault
		kind   func(error) bool
	}{
		"refused":         {[]fault{answer(http.MethodPatch, 403)}, nil},
		"refused at last": {[]fault{answer(http.MethodPut, 400)}, nil},
		"never":           {slices.Repeat([]fault{hangUpOn(http.MethodPatch)}, 30), func(err error) bool { return !Transient(err) }},
		"always broken":   {slices.Repeat([]fault{answer(http.MethodPatch, 500)}, 30), nil},
		"no place": {[]fault{{http.MethodPost, func(_ *depot, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
		}}}, errdefs.IsUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			_, addr := newDepot(t, c.faults...)
			data, desc := blobOf(bigBlob, nil)
			err := sendTo(t, New(Config{}), addr, data, desc)
			if err == nil || c.kind != nil && !c.kind(err) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestUploadMounts takes a blob over from the nearest repository of the registry,
// and sends it where that one does not have it.
func TestUploadMounts(t *testing.T) {
	data, desc := blobOf(bigBlob, map[string]string{labels.LabelDistributionSource + ".127.0.0.1": "far/away,app,app/near"})
	d, addr := newDepot(t)
	d.have["app/near/"+desc.Digest.String()] = data
	if err := sendTo(t, New(Config{}), addr, data, desc); err != nil {
		t.Fatal(err)
	}
	if d.got != 0 || d.have["app/"+desc.Digest.String()] == nil {
		t.Errorf("%d bytes were sent", d.got)
	}
	d, addr = newDepot(t)
	if err := sendTo(t, New(Config{}), addr, data, desc); err != nil || d.got != bigBlob {
		t.Errorf("%d bytes were sent, %v", d.got, err)
	}
	d, addr = newDepot(t, answer(http.MethodPost, 403)) // the other one is closed
	if err := sendTo(t, New(Config{}), addr, data, desc); err != nil || d.got != bigBlob {
		t.Errorf("%d bytes were sent, %v", d.got, err)
	}
}

// TestUploadElsewhere has the registry want the data on another host, which must
// not see the password.
func TestUploadElsewhere(t *testing.T) {
	store, elsewhere := newDepot(t)
	store.parts["far"] = []byte{}
	challenge := func(status int) fault {
		return fault{http.MethodPost, func(_ *depot, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.Header().Set("Location", "http://"+elsewhere+"/v2/app/blobs/uploads/far?state=x")
			w.WriteHeader(status)
		}}
	}
	d, addr := newDepot(t, challenge(http.StatusUnauthorized), challenge(http.StatusAccepted))
	data, desc := blobOf(bigBlob, nil)
	if err := sendTo(t, New(Config{DockerConfigDir: dockerConfig(t, addr)}), addr, data, desc); err != nil {
		t.Fatal(err)
	}
	if sent := "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+secret)); !strings.HasSuffix(d.asked[len(d.asked)-1], sent) {
		t.Errorf("the registry saw %q", d.asked)
	}
	for _, line := range store.asked {
		if strings.Contains(line, "Basic") {
			t.Errorf("the other host saw %q", line)
		}
	}
	if store.got != bigBlob {
		t.Errorf("the other host got %d bytes", store.got)
	}
}

func TestUploadPutsBackTheToken(t *testing.T) {
	expired := fault{http.MethodPatch, func(_ *depot, w http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, 1<<20)
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		w.WriteHeader(http.StatusUnauthorized)
	}}
	d, addr := newDepot(t, expired)
	data, desc := blobOf(bigBlob, nil)
	if err := sendTo(t, New(Config{DockerConfigDir: dockerConfig(t, addr)}), addr, data, desc); err != nil || len(d.have) != 1 {
		t.Errorf("got %v, %d blobs", err, len(d.have))
	}
}

func FuzzReceived(f *testing.F) {
	for _, s := range []string{"0-99", "bytes=0-1", "0-0", "-1", "0--1", "1-2", "0-9223372036854775807", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, ok := received(text); n < 0 && ok || !ok && n != 0 {
			t.Errorf("%q: %d, %v", text, n, ok)
		}
	})
}
