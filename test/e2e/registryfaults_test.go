package e2e

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// faults stands before a registry. What it does to a request is what the script
// has put into its folder: a file "cut-downloads" or "cut-uploads" holds how many
// large blobs are cut in the middle, "busy" how many requests are refused for now,
// and while there is a "hold", no large blob is served to its end. It writes a line
// for each blob that it serves into "served": digest, range and bytes.
type faults struct {
	dir  string
	next *httputil.ReverseProxy
	mu   sync.Mutex
}

// largeBlob is from how many bytes on a blob is large.
const largeBlob = 1 << 20

// cmdFaulty makes $REGISTRY one that fails as the files in DIR say.
func cmdFaulty(ts *testscript.TestScript, dir string) {
	f := &faults{dir: ts.MkAbs(dir), next: httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: ts.Getenv("REGISTRY")})}
	ts.Check(os.MkdirAll(f.dir, 0o755))
	server := httptest.NewServer(f)
	ts.Defer(server.Close)
	ts.Setenv("REGISTRY", strings.TrimPrefix(server.URL, "http://"))
}

// take counts a file down; it tells whether there was something to count.
func (f *faults) take(file string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	path := filepath.Join(f.dir, file)
	data, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || n < 1 {
		return false
	}
	return os.WriteFile(path, fmt.Appendln(nil, n-1), 0o600) == nil
}

func (f *faults) note(file, format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	log, err := os.OpenFile(filepath.Join(f.dir, file), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return // the script has ended
	}
	defer log.Close()
	fmt.Fprintf(log, format+"\n", args...)
}

func (f *faults) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, id, isBlob := strings.Cut(r.URL.Path, "/blobs/")
	isUpload := isBlob && strings.HasPrefix(id, "uploads/")
	switch {
	case f.take("busy"):
		w.Header().Set("Retry-After", "0")
		w.WriteHeader([]int{http.StatusTooManyRequests, http.StatusServiceUnavailable}[len(r.Method)%2])
	case isUpload && r.ContentLength > largeBlob && f.take("cut-uploads"):
		_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
		hangUp(w)
	case isBlob && !isUpload && r.Method == http.MethodGet:
		f.download(w, r, id)
	default:
		f.next.ServeHTTP(w, r)
	}
}

// download serves a blob, or what is left of it for the time being.
func (f *faults) download(w http.ResponseWriter, r *http.Request, digest string) {
	pass := &passing{ResponseWriter: w, limit: -1}
	_, held := os.Stat(filepath.Join(f.dir, "hold"))
	large := r.Header.Get("Range") == "" // the rest of a blob is never cut
	if held == nil {
		pass.limit = 8 * largeBlob // some of it is still on its way to the disk
		if !large {
			pass.limit = 1 // what an earlier pull has begun is continued
		}
		pass.full = func() {
			f.note("held", "%s", digest)
			<-r.Context().Done()
		}
	} else if large && f.peek("cut-downloads") {
		pass.limit, pass.full = largeBlob/2, func() {
			f.take("cut-downloads")
			hangUp(w)
		}
	}
	defer func() { f.note("served", "%s %s %d", digest, cmp.Or(r.Header.Get("Range"), "whole"), pass.passed) }()
	f.next.ServeHTTP(pass, r)
}

func (f *faults) peek(file string) bool {
	data, err := os.ReadFile(filepath.Join(f.dir, file))
	return err == nil && strings.TrimSpace(string(data)) != "0"
}

// passing passes an answer on up to a limit, below 0 all of it.
type passing struct {
	http.ResponseWriter
	limit, passed int64
	full          func()
}

func (p *passing) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (p *passing) Write(data []byte) (int, error) {
	if p.limit < 0 || p.passed+int64(len(data)) <= p.limit {
		n, err := p.ResponseWriter.Write(data)
		p.passed += int64(n)
		return n, err
	}
	n, err := p.ResponseWriter.Write(data[:p.limit-p.passed])
	p.passed += int64(n)
	if err == nil {
		_ = http.NewResponseController(p.ResponseWriter).Flush() // the fault comes next
		p.full()
		err = http.ErrAbortHandler
	}
	return n, err
}

func hangUp(w http.ResponseWriter) {
	if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
		_ = conn.Close() // the fault
	}
}
