package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
)

// How much is sent for one figure, and through which ports of the host, one for
// each tool.
const (
	transferSize = "256M"
	firstPort    = 25201
	iperfPort    = "5201"
)

// flow is how fast data went one way with one tool.
type flow struct {
	Path   string    `json:"path"`
	Tool   string    `json:"tool"`
	Runs   []float64 `json:"runs_gbit_s"`
	Median float64   `json:"median_gbit_s"`
	Ratio  float64   `json:"ratio_to_docker,omitempty"` // of the medians; above 1 is faster
}

// way is one path to a container.
type way struct {
	path string
	send func(ctx context.Context, p *peer) (float64, error)
}

// ways are those of the network: from a neighbour over the bridge, and through a
// published port by the addresses of the host.
func ways() []way {
	fromHost := func(addr string) func(context.Context, *peer) (float64, error) {
		return func(ctx context.Context, p *peer) (float64, error) {
			return rate(exec.CommandContext(ctx, "iperf3", "-J", "-n", transferSize, "-p", p.port, "-c", addr).Output())
		}
	}
	list := []way{{"bridge", func(ctx context.Context, p *peer) (float64, error) {
		out, err := p.output(ctx, "exec", cname("iperf-client"), "/iperf3", "-J", "-n", transferSize, "-c", p.addr)
		return rate([]byte(out), err)
	}}}
	if addr := hostAddress(); addr != "" {
		list = append(list, way{"port, host's address", fromHost(addr)})
	}
	return append(list, way{"port, 127.0.0.1", fromHost("127.0.0.1")}, way{"port, ::1", fromHost("::1")})
}

// peer is a tool with a container that receives and one that sends.
type peer struct {
	*tool
	addr, port string
}

// measureThroughput sends with iperf3, every tool in turn.
func (b *bench) measureThroughput(ctx context.Context) {
	fmt.Fprintln(os.Stderr, "bench: throughput")
	mounts, err := iperfMounts(ctx)
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: throughput is left out: %v\n", err)
		return
	}
	var peers, begun []*peer
	defer func() {
		for _, p := range begun {
			p.end(context.WithoutCancel(ctx))
		}
	}()
	for i, t := range b.tools {
		if !t.usable || t.isCtr() { // without further set-up that has no bridge
			continue
		}
		p := &peer{tool: t, port: fmt.Sprint(firstPort + i)}
		begun = append(begun, p)
		if err := p.begin(ctx, mounts); err != nil {
			fmt.Fprintf(os.Stderr, "bench: throughput: %s is left out: %v\n", t.name, err)
			continue
		}
		peers = append(peers, p)
	}
	for _, w := range ways() {
		flows := make([]flow, len(peers))
		for round := range b.runs + 1 {
			for i, p := range peers {
				flows[i].Path, flows[i].Tool = w.path, p.name
				got, err := w.send(ctx, p)
				switch {
				case err != nil:
					fmt.Fprintf(os.Stderr, "bench: throughput: %s: %s: %v\n", w.path, p.name, err)
				case round > 0: // the first is outside the count
					flows[i].Runs = append(flows[i].Runs, got)
				}
			}
		}
		b.flows = append(b.flows, flows...)
	}
}

// begin starts the containers of a tool.
func (p *peer) begin(ctx context.Context, mounts []string) error {
	for _, c := range []struct {
		name  string
		flags []string
	}{{"iperf-server", []string{"-p", p.port + ":" + iperfPort}}, {"iperf-client", nil}} {
		flags := append(append([]string{"-d"}, c.flags...), mounts...)
		if err := p.do(ctx, p.runArgs(flags, cname(c.name), "/iperf3", "-s")...); err != nil {
			return err
		}
	}
	var err error
	p.addr, err = p.output(ctx, "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", cname("iperf-server"))
	return err
}

func (p *peer) end(ctx context.Context) {
	for _, name := range []string{"iperf-server", "iperf-client"} {
		_ = p.remove(ctx, cname(name)) // it may not have been made
	}
}

// iperfMounts bring the host's iperf3 with its libraries into a container.
func iperfMounts(ctx context.Context) ([]string, error) {
	path, err := exec.LookPath("iperf3")
	if err != nil {
		return nil, errors.New("iperf3 is not installed")
	}
	out, err := exec.CommandContext(ctx, "ldd", path).Output()
	if err != nil {
		return nil, fmt.Errorf("ldd %s: %w", path, err)
	}
	mounts := []string{"-v", path + ":/iperf3:ro"}
	for word := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(word, "/") {
			mounts = append(mounts, "-v", word+":"+word+":ro")
		}
	}
	return mounts, nil
}

// rate reads what iperf3 -J says: what has arrived, in Gbit/s.
func rate(out []byte, err error) (float64, error) {
	var said struct {
		Error string `json:"error"`
		End   struct {
			Received struct {
				Rate float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		} `json:"end"`
	}
	if bad := json.Unmarshal(out, &said); bad == nil && said.Error != "" {
		return 0, errors.New(said.Error)
	} else if err = errors.Join(err, bad); err != nil {
		return 0, err
	}
	return said.End.Received.Rate / 1e9, nil
}

// hostAddress is an IPv4 address of the host that is not of a loopback.
func hostAddress() string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return ""
	}
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && ip.IP.IsGlobalUnicast() {
			return ip.IP.String()
		}
	}
	return ""
}
