package e2e

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// tokenServer gives alice tokens for all that she asks for, and others for
// nothing, by both of the ways that registries know: GET with a password, and POST
// as in OAuth 2, where it issues an identity token as well.
type tokenServer struct{ signer certificate }

// identityToken stands for alice's password from her login on.
const identityToken = "alice-from-now-on"

func (s *tokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	user, password, given := r.BasicAuth()
	if r.Method == http.MethodPost {
		user, password, given = r.Form.Get("username"), r.Form.Get("password"), true
		if r.Form.Get("grant_type") == "refresh_token" && r.Form.Get("refresh_token") == identityToken {
			user, password = registryUser, registryPassword
		}
	}
	if given && (user != registryUser || password != registryPassword) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	answer := map[string]any{"expires_in": 300}
	if given && (r.Form.Get("access_type") == "offline" || r.Form.Get("offline_token") == "true") {
		answer["refresh_token"] = identityToken
	}
	token, err := s.token(user, r.Form["scope"])
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	answer["token"], answer["access_token"] = token, token
	_ = json.NewEncoder(w).Encode(answer) // whoever asked may have gone
}

// token is a signed JSON Web Token for the scopes, which may be several in one value.
func (s *tokenServer) token(user string, scopes []string) (string, error) {
	access := []map[string]any{}
	for _, scope := range strings.Fields(strings.Join(scopes, " ")) {
		kind, rest, _ := strings.Cut(scope, ":")
		at := strings.LastIndex(rest, ":")
		if user == registryUser && at > 0 {
			access = append(access, map[string]any{"type": kind, "name": rest[:at], "actions": strings.Split(rest[at+1:], ",")})
		}
	}
	now := time.Now()
	parts := make([]string, 2)
	for i, v := range []any{
		map[string]any{"typ": "JWT", "alg": "ES256", "x5c": []string{base64.StdEncoding.EncodeToString(s.signer.cert.Raw)}},
		map[string]any{
			"iss": "e2e", "sub": user, "aud": "e2e", "jti": fmt.Sprint(now.UnixNano()), "access": access,
			"iat": now.Unix(), "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		},
	} {
		data, err := json.Marshal(v)
		if err != nil {
			return "", err
		}
		parts[i] = base64.RawURLEncoding.EncodeToString(data)
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, ".")))
	a, b, err := ecdsa.Sign(rand.Reader, s.signer.key, sum[:])
	if err != nil {
		return "", err
	}
	const size = 32 // bytes of a number of P-256
	signature := slices.Concat(a.FillBytes(make([]byte, size)), b.FillBytes(make([]byte, size)))
	return strings.Join(append(parts, base64.RawURLEncoding.EncodeToString(signature)), "."), nil
}

// bearer is a transport that has its token already.
type bearer string

func (b bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(req)
}
