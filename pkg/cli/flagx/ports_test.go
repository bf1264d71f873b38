package flagx_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/network"

	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// show writes bindings as sorted lines, CONTAINER=IP:HOST.
func show(m network.PortMap) []string {
	var out []string
	for port, bindings := range m {
		for _, b := range bindings {
			ip := ""
			if b.HostIP.IsValid() {
				ip = b.HostIP.String()
			}
			out = append(out, fmt.Sprintf("%s=%s:%s", port, ip, b.HostPort))
		}
	}
	slices.Sort(out)
	return out
}

func TestParsePorts(t *testing.T) {
	for _, tc := range []struct {
		in   []string
		want []string
	}{
		{[]string{"80"}, []string{"80/tcp=:"}},
		{[]string{"8080:80"}, []string{"80/tcp=:8080"}},
		{[]string{"8080:80/udp"}, []string{"80/udp=:8080"}},
		{[]string{"8080:80/SCTP"}, []string{"80/sctp=:8080"}},
		{[]string{"127.0.0.1:8080:80"}, []string{"80/tcp=127.0.0.1:8080"}},
		{[]string{"127.0.0.1::80"}, []string{"80/tcp=127.0.0.1:"}},
		{[]string{"[::1]:8080:80"}, []string{"80/tcp=::1:8080"}},
		{[]string{"[::]::53/udp"}, []string{"53/udp=:::"}},
		{[]string{"8000-8002:80-82"}, []string{"80/tcp=:8000", "81/tcp=:8001", "82/tcp=:8002"}},
		{[]string{"8000-8010:80"}, []string{"80/tcp=:8000-8010"}},
		{[]string{"80-81"}, []string{"80/tcp=:", "81/tcp=:"}},
		{[]string{"1:80", "2:80", "3:81/udp"}, []string{"80/tcp=:1", "80/tcp=:2", "81/udp=:3"}},
		{[]string{"target=80"}, []string{"80/tcp=:"}},
		{[]string{"published=8080,target=80,protocol=udp,mode=host"}, []string{"80/udp=:8080"}},
		{[]string{"published=8080,target=80,host_ip=::1"}, []string{"80/tcp=::1:8080"}},
		{[]string{"published=0,target=80"}, []string{"80/tcp=:0"}},
	} {
		t.Run(strings.Join(tc.in, " "), func(t *testing.T) {
			exposed, bindings, err := flagx.ParsePorts(tc.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, show(bindings)); diff != "" {
				t.Fatal(diff)
			}
			if len(exposed) != len(bindings) {
				t.Fatalf("%d ports exposed, %d bound", len(exposed), len(bindings))
			}
		})
	}
}

func TestParsePortsErrors(t *testing.T) {
	for in, want := range map[string]string{
		"abc":                      "invalid containerPort: abc",
		"":                         "no port specified",
		"0":                        "no port 0",
		"65536":                    "invalid containerPort",
		"x:80":                     "invalid hostPort: x",
		"80:80:80:80":              "invalid IP address",
		"localhost:80:80":          "invalid IP address: localhost",
		"8000-8001:80-82":          "invalid ranges",
		"82-80":                    "invalid containerPort",
		"80/icmp":                  "proto",
		"target=80,mode=x":         `unknown mode "x"`,
		"published=80":             "target is missing",
		"target=80,foo=1":          `unknown field "foo"`,
		"target=80,published":      "expected name=value",
		`target="80`:               "invalid port",
		"[::1:80:80":               "invalid IP address",
		"[fe80::1%lo]:80:80":       "invalid IP address",
		"-1:80":                    "invalid hostPort",
		"80:80/tcp/udp":            "invalid",
		"target=80,published=1-2x": "invalid hostPort",
	} {
		t.Run(in, func(t *testing.T) {
			_, _, err := flagx.ParsePorts([]string{in})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("got %v, want %q", err, want)
			}
		})
	}
}

func TestParseExpose(t *testing.T) {
	for in, want := range map[string]string{
		"80": "80/tcp", "80/udp": "80/udp", "80-82": "80/tcp 81/tcp 82/tcp", "65535": "65535/tcp",
		"0": "", "80:80": "", "x": "", "80/icmp": "", "82-80": "", "65536": "", "": "",
	} {
		ports, err := flagx.ParseExpose(in)
		var got []string
		for _, p := range ports {
			got = append(got, p.String())
		}
		if strings.Join(got, " ") != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %v, %v; want %q", in, got, err, want)
		}
	}
}

// Whatever is accepted names real ports, and comes out the same when it is
// written in the plain form and read again.
func FuzzParsePorts(f *testing.F) {
	for _, s := range []string{"80", "8080:80/udp", "[::1]:80:80", "1-3:1-3", "1-5:9", "target=80,published=1", "0.0.0.0::1/sctp", ":80", "::80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, first, err := flagx.ParsePorts([]string{s})
		if err != nil {
			return
		}
		var again []string
		for port, bindings := range first {
			if port.Num() == 0 {
				t.Fatalf("%q: port 0", s)
			}
			for _, b := range bindings {
				ip := ""
				if b.HostIP.IsValid() {
					ip = "[" + b.HostIP.String() + "]"
					if b.HostIP.Is4() {
						ip = b.HostIP.String()
					}
				}
				again = append(again, ip+":"+b.HostPort+":"+port.String())
				if ip == "" {
					again[len(again)-1] = b.HostPort + ":" + port.String()
				}
			}
		}
		_, second, err := flagx.ParsePorts(again)
		if err != nil {
			t.Fatalf("%q: %v", again, err)
		}
		if diff := cmp.Diff(show(first), show(second)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzParseExpose(f *testing.F) {
	f.Add("80-90/udp")
	f.Fuzz(func(t *testing.T, s string) {
		ports, err := flagx.ParseExpose(s)
		if err == nil && len(ports) == 0 {
			t.Fatalf("%q: neither ports nor an error", s)
		}
	})
}
