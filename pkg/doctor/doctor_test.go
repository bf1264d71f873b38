package doctor

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestVersions(t *testing.T) {
	for _, tc := range []struct {
		program, version string
		level            Level
		text             string
	}{
		{"runc", "1.1.5", Problem, "CVE-2024-21626, CVE-2025-31133"},
		{"runc", "1.1.12", Problem, "CVE-2025-31133, CVE-2025-52565, CVE-2025-52881"},
		{"runc", "1.2.7", Problem, "CVE-2025-31133"},
		{"runc", "1.2.8", OK, ""},
		{"runc", "v1.2.8", OK, ""},
		{"runc", "1.3.0", Problem, ""},
		{"runc", "1.3.2+dev", Problem, ""},
		{"runc", "1.1.15~ds1", Problem, ""},
		{"runc", "1.3.3", OK, ""},
		{"runc", "1.4.0-rc.3", OK, ""},
		{"runc", "2.0.0", OK, ""},
		{"containerd", "1.6.20", Problem, "CVE-2024-25621"},
		{"containerd", "v1.7.29", OK, ""},
		{"containerd", "2.0.6", Problem, ""},
		{"containerd", "v2.4.2", OK, ""},
		{"crun", "1.0.0", OK, ""},
		{"runc", "main", Warning, "cannot be read"},
		{"runc", "", Warning, ""},
		{"runc", "1.2", Warning, ""},
		{"runc", "1.x.1", Warning, ""},
	} {
		got := Versions(tc.program, tc.version)
		if got.Level != tc.level || !strings.Contains(got.Text, tc.text) || got.Check != tc.program || (got.Level == Problem) != (got.Fix != "") {
			t.Errorf("%s %q: %+v", tc.program, tc.version, got)
		}
	}
}

// machine is a host of the given files.
func machine(t *testing.T, release string, files map[string]string) Machine {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Machine{Root: root, Release: release}
}

// healthy is a host of control groups version 2 on which nothing is wrong.
var healthy = map[string]string{
	"proc/filesystems":                            "nodev\toverlay\n\text4\n",
	"sys/fs/cgroup/cgroup.controllers":            "cpuset cpu io memory hugetlb pids\n",
	"proc/self/status":                            "Name:\tx\nSeccomp:\t0\n",
	"sys/module/apparmor/parameters/enabled":      "Y\n",
	"proc/sys/net/ipv4/ip_forward":                "1\n",
	"proc/sys/net/bridge/bridge-nf-call-iptables": "1\n",
	"proc/sys/user/max_user_namespaces":           "1000\n",
	"etc/subuid":                                  "me:100000:65536\n",
}

func TestMachine(t *testing.T) {
	for _, f := range machine(t, "6.12.3-amd64", healthy).Check() {
		if f.Level != OK || f.Text == "" || f.Fix != "" {
			t.Errorf("a healthy host: %+v", f)
		}
	}
	levels := map[string]Level{}
	for _, f := range machine(t, "5.4.0", nil).Check() {
		levels[f.Check] = f.Level
		if f.Level == Problem && f.Fix == "" {
			t.Errorf("no way out: %+v", f)
		}
	}
	for _, check := range []string{"kernel", "overlayfs", "cgroups", "seccomp", "forwarding"} {
		if levels[check] != Problem {
			t.Errorf("%s on a host without anything: %s", check, levels[check])
		}
	}
}

func TestMachineDetails(t *testing.T) {
	v1 := map[string]string{}
	for _, name := range []string{"devices", "freezer", "cpu", "cpuset", "blkio", "memory"} {
		v1["sys/fs/cgroup/"+name+"/tasks"] = ""
	}
	for name, tc := range map[string]struct {
		got  Finding
		want Level
		text string
	}{
		"an older kernel":      {machine(t, "5.10.0", nil).kernel(), Warning, "running containers only"},
		"an odd kernel":        {machine(t, "x", nil).kernel(), Warning, "cannot be read"},
		"cgroup v2 without io": {machine(t, "", map[string]string{"sys/fs/cgroup/cgroup.controllers": "cpu cpuset memory pids"}).cgroups(), Warning, "without io"},
		"cgroup v1 without":    {machine(t, "", v1).cgroups(), Warning, "without pids"},
		"no user namespaces":   {machine(t, "", map[string]string{"proc/sys/user/max_user_namespaces": "0"}).subordinate(), Warning, "switched off"},
		"forwarding off":       {machine(t, "", map[string]string{"proc/sys/net/ipv4/ip_forward": "0"}).forwarding(), OK, "off"},
		"bridge-nf off":        {machine(t, "", map[string]string{"proc/sys/net/bridge/bridge-nf-call-iptables": "0"}).bridges(), OK, "off"},
	} {
		if tc.got.Level != tc.want || !strings.Contains(tc.got.Text, tc.text) {
			t.Errorf("%s: %+v", name, tc.got)
		}
	}
}

func TestDiskAndClock(t *testing.T) {
	if f := Disk(filepath.Join(t.TempDir(), "not", "yet")); f.Check != "disk" || !strings.Contains(f.Text, "free") {
		t.Errorf("%+v", f)
	}
	if f := Disk("/proc"); f.Level == OK {
		t.Errorf("a file system without space: %+v", f)
	}
	now := time.Now()
	if f := Clock(now, now.Add(time.Hour)); f.Level != Problem {
		t.Errorf("%+v", f)
	}
	if f := Clock(now, now.Add(-time.Hour)); f.Level == Problem {
		t.Errorf("%+v", f)
	}
}

func TestNames(t *testing.T) {
	for want, err := range map[string]error{
		"x is found":          nil,
		"do not know x":       &net.DNSError{Err: "no such host", IsNotFound: true},
		"no resolver answers": &net.DNSError{Err: "i/o timeout", IsTimeout: true},
		"(no answer in 3s)":   context.DeadlineExceeded,
	} {
		f := Names(t.Context(), "x", func(context.Context, string) error { return err })
		if !strings.Contains(f.Text, want) || (f.Level == OK) != (err == nil) {
			t.Errorf("%s: %+v", want, f)
		}
	}
}

func TestRegistry(t *testing.T) {
	status := http.StatusUnauthorized
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	if f := Registry(t.Context(), "h", server.URL+"/v2/", server.Client()); f.Level != OK {
		t.Errorf("one that wants a login: %+v", f)
	}
	status = http.StatusBadGateway
	if f := Registry(t.Context(), "h", server.URL+"/v2/", server.Client()); f.Level != Warning || !strings.Contains(f.Text, "502") {
		t.Errorf("one that is broken: %+v", f)
	}
	server.Close()
	if f := Registry(t.Context(), "h", server.URL+"/v2/", server.Client()); f.Level != Warning || !strings.HasSuffix(f.Text, "connection refused") {
		t.Errorf("one that is away: %+v", f)
	}
}

func TestWorst(t *testing.T) {
	w, p := warning("a", "", "x"), FromError("b", Problem, errors.New("y"), "z")
	for want, list := range map[Level][]Finding{OK: {ok("c", "x")}, Warning: {ok("c", "x"), w}, Problem: {p, w}} {
		if got := Worst(list); got != want {
			t.Errorf("%v: %s", list, got)
		}
	}
}
