package registry

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
)

func TestParseServer(t *testing.T) {
	for text, want := range map[string]Server{
		"":                             {hubKey, hubHost, hubKey},
		"docker.io":                    {hubKey, hubHost, hubKey},
		"https://index.docker.io/v1/":  {hubKey, hubHost, hubKey},
		"registry.example.com":         {"registry.example.com", "registry.example.com", "registry.example.com"},
		"https://registry.example.com": {"registry.example.com", "registry.example.com", "registry.example.com"},
		"http://localhost:5000/v2/":    {"localhost:5000", "localhost:5000", "localhost:5000"},
		"[::1]:5000":                   {"[::1]:5000", "[::1]:5000", "[::1]:5000"},
	} {
		if got, err := ParseServer(text); err != nil || got != want {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"/", "a b", "user@host", "host:port"} {
		if got, err := ParseServer(text); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
	}
}

// tokenServer is a registry that sends its clients to a token server, which
// issues identity tokens instead of taking a password each time.
func tokenServer(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	mux.HandleFunc("/v2/", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer access" {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+srv.URL+`/token",service="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		ok := user == "alice" && password == "secret"
		if r.Method == http.MethodPost {
			_ = r.ParseForm()
			ok = r.Form.Get("refresh_token") == "identity" || r.Form.Get("username") == "alice" && r.Form.Get("password") == "secret"
		}
		if !ok {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"token":"access","access_token":"access","refresh_token":"identity"}`))
	})
	return strings.TrimPrefix(srv.URL, "http://")
}

func TestLoginKeepsTheIdentityToken(t *testing.T) {
	host := tokenServer(t)
	dir := t.TempDir()
	s, err := ParseServer(host)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{DockerConfigDir: dir}).Login(t.Context(), s, "alice", "wrong"); !errdefs.IsPermissionDenied(err) {
		t.Fatalf("a wrong password: %v", err)
	}
	file, err := New(Config{DockerConfigDir: dir}).Login(t.Context(), s, "alice", "secret")
	if err != nil || file != filepath.Join(dir, "config.json") {
		t.Fatalf("login: %q, %v", file, err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), `"identitytoken": "identity"`) || strings.Contains(string(data), "secret") {
		t.Errorf("config.json is %s", data)
	}
	if fi, err := os.Stat(file); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("config.json has mode %v, %v", fi.Mode(), err)
	}
	again := New(Config{DockerConfigDir: dir})
	if user, err := again.Stored(s); err != nil || user != "alice" {
		t.Errorf("stored for %q, %v", user, err)
	}
	if _, err := again.Login(t.Context(), s, "alice", ""); err != nil {
		t.Errorf("login with what is stored: %v", err)
	}
	if had, err := again.Logout(s); err != nil || !had {
		t.Errorf("logout: %v, %v", had, err)
	}
	if had, err := New(Config{DockerConfigDir: dir}).Logout(s); err != nil || had {
		t.Errorf("second logout: %v, %v", had, err)
	}
}

func TestLoginNamesAMissingHelper(t *testing.T) {
	host := tokenServer(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"credsStore":"nowhere"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := ParseServer(host)
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(Config{DockerConfigDir: dir}).Login(t.Context(), s, "alice", "secret")
	if err == nil || !strings.Contains(err.Error(), "docker-credential-nowhere") {
		t.Errorf("got %v", err)
	}
}
