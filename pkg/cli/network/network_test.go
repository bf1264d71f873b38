package network

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	apinetwork "github.com/moby/moby/api/types/network"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/netutil"
)

func execute(t *testing.T, cmd *cobra.Command, line string) error {
	t.Helper()
	cmd.SetArgs(strings.Fields(line))
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	return cmd.ExecuteContext(t.Context())
}

func quietFactory() *factory.Factory {
	ios, _, _, _ := iostreams.Test()
	return &factory.Factory{IO: ios}
}

func TestCreateArgs(t *testing.T) {
	yes, no := true, false
	prefix, addr := netip.MustParsePrefix, netip.MustParseAddr
	for line, want := range map[string]netutil.CreateOptions{
		"web": {Name: "web", Driver: "bridge"},
		"-d macvlan -o parent=eth0 --label a=b --internal --attachable web": {
			Name: "web", Driver: "macvlan", Options: map[string]string{"parent": "eth0"}, Labels: map[string]string{"a": "b"}, Internal: true, Attachable: true,
		},
		"--ipv6 --ipv4=false web": {Name: "web", Driver: "bridge", IPv4: &no, IPv6: &yes},
		"--subnet 10.1.0.0/16 --subnet fd00::/64 --gateway fd00::9 --ip-range 10.1.2.0/24 --aux-address x=10.1.0.7 web": {
			Name: "web", Driver: "bridge", IPAM: apinetwork.IPAM{Config: []apinetwork.IPAMConfig{
				{Subnet: prefix("10.1.0.0/16"), IPRange: prefix("10.1.2.0/24"), AuxAddress: map[string]netip.Addr{"x": addr("10.1.0.7")}},
				{Subnet: prefix("fd00::/64"), Gateway: addr("fd00::9")},
			}},
		},
		"--scope local --ipam-driver dhcp -d ipvlan web": {Name: "web", Driver: "ipvlan", IPAM: apinetwork.IPAM{Driver: "dhcp"}},
	} {
		if want.IPAM.Driver == "" {
			want.IPAM.Driver = "default"
		}
		for _, m := range []*map[string]string{&want.IPAM.Options, &want.Options, &want.Labels} {
			if *m == nil {
				*m = map[string]string{}
			}
		}
		var got netutil.CreateOptions
		cmd := NewCmdCreate(quietFactory(), func(_ context.Context, o *CreateOptions) error { got = o.Create; return nil })
		if err := execute(t, cmd, line); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\n%+v\n%+v, %v", line, got, want, err)
		}
	}
	for line, want := range map[string]string{
		"":                  "requires exactly 1 argument",
		"a b":               "requires exactly 1 argument",
		"--config-only a":   "--config-only is not supported",
		"--config-from x a": "--config-from is not supported",
		"--ingress a":       "--ingress is not supported",
		"--scope swarm a":   "invalid scope",
		"--subnet xx a":     "invalid subnet xx",
		"--subnet 10.1.0.0/16 --subnet 10.1.0.0/24 a":                    "multiple overlapping subnet configuration",
		"--gateway 10.1.0.1 a":                                           "every ip-range or gateway must have a corresponding subnet",
		"--subnet 10.1.0.0/24 --gateway 10.2.0.1 a":                      "no matching subnet for gateway 10.2.0.1",
		"--subnet 10.1.0.0/24 --ip-range 10.2.0.0/25 a":                  "no matching subnet for range 10.2.0.0/25",
		"--subnet 10.1.0.0/24 --aux-address x=10.2.0.1 a":                "no matching subnet for aux-address 10.2.0.1",
		"--subnet 10.1.0.0/24 --aux-address x=y a":                       "invalid aux-address y",
		"--subnet 10.1.0.0/24,10.2.0.0/24 --gateway 10.1.0.1,10.1.0.2 a": "cannot configure multiple gateways",
	} {
		cmd := NewCmdCreate(quietFactory(), func(context.Context, *CreateOptions) error { return nil })
		if err := execute(t, cmd, line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestConnectArgs(t *testing.T) {
	var got *ConnectOptions
	make := func() *cobra.Command {
		return NewCmdConnect(quietFactory(), func(_ context.Context, o *ConnectOptions) error { got = o; return nil })
	}
	line := "--ip 10.0.0.7 --ip6 fd00::7 --alias a,b --link x:y --link-local-ip 169.254.1.1 --driver-opt k=v --gw-priority -3 net c"
	if err := execute(t, make(), line); err != nil {
		t.Fatal(err)
	}
	want := apinetwork.EndpointSettings{
		IPAMConfig: &apinetwork.EndpointIPAMConfig{
			IPv4Address: netip.MustParseAddr("10.0.0.7"), IPv6Address: netip.MustParseAddr("fd00::7"), LinkLocalIPs: []netip.Addr{netip.MustParseAddr("169.254.1.1")},
		},
		Aliases: []string{"a", "b"}, Links: []string{"x:y"}, DriverOpts: map[string]string{"k": "v"}, GwPriority: -3,
	}
	if got.Network != "net" || got.Container != "c" || !reflect.DeepEqual(got.Endpoint, want) {
		t.Errorf("%+v", got.Endpoint)
	}
	for line, want := range map[string]string{
		"net":                     "requires exactly 2 arguments",
		"--ip fd00::7 net c":      "invalid IPv4 address",
		"--ip6 10.0.0.7 net c":    "invalid IPv6 address",
		"--ip x net c":            "invalid argument",
		"--driver-opt foo net c":  "invalid key/value pair",
		"--driver-opt =foo net c": "invalid key/value pair",
	} {
		if err := execute(t, make(), line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// fake is a Service of two networks.
type fake struct {
	gone   []string
	filter netutil.PruneOptions
}

func (f *fake) Create(context.Context, netutil.CreateOptions) (*netutil.Network, error) {
	return &netutil.Network{ID: "1234"}, nil
}

func (f *fake) List(context.Context, map[string][]string) ([]apinetwork.Summary, error) {
	return []apinetwork.Summary{
		{Network: apinetwork.Network{Name: "a", ID: "0123456789abcdef", Driver: "bridge", Scope: "local", Labels: map[string]string{"k": "v", "j": "w"}}},
		{Network: apinetwork.Network{Name: "b", ID: "fedcba9876543210", Driver: "macvlan", Scope: "local", Internal: true}},
	}, nil
}

func (f *fake) Broken(context.Context) []error { return []error{errors.New("x.conflist is broken")} }

func (f *fake) Inspect(_ context.Context, ref string) (*apinetwork.Inspect, error) {
	if ref != "a" {
		return nil, errdefs.ErrNotFound
	}
	return &apinetwork.Inspect{Network: apinetwork.Network{Name: ref}}, nil
}

func (f *fake) Remove(_ context.Context, ref string) (*netutil.Network, error) {
	if ref == "none" {
		return nil, errdefs.ErrNotFound
	}
	f.gone = append(f.gone, ref)
	return &netutil.Network{}, nil
}

func (f *fake) Prune(_ context.Context, o netutil.PruneOptions) ([]string, error) {
	f.filter = o
	return []string{"a", "b"}, nil
}

func base(f *fake) (Base, *bytes.Buffer, *bytes.Buffer) {
	ios, _, out, errs := iostreams.Test()
	return Base{IO: ios, Service: func(context.Context) (Service, error) { return f, nil }}, out, errs
}

func TestList(t *testing.T) {
	for format, want := range map[string]string{
		"":                                    "NETWORK ID     NAME      DRIVER    SCOPE\n0123456789ab   a         bridge    local\nfedcba987654   b         macvlan   local\n",
		"{{.Name}} {{.Internal}} {{.Labels}}": "a false j=w,k=v\nb true \n",
		`{{.Label "k"}}`:                      "v\n\n",
	} {
		b, out, errs := base(&fake{})
		if err := runList(t.Context(), &ListOptions{Base: b, Format: format}); err != nil || out.String() != want {
			t.Errorf("%q: %q, %v", format, out, err)
		}
		if !strings.Contains(errs.String(), "x.conflist is broken") {
			t.Errorf("stderr %q", errs)
		}
	}
	b, out, _ := base(&fake{})
	if err := runList(t.Context(), &ListOptions{Base: b, Quiet: true, NoTrunc: true}); err != nil || out.String() != "0123456789abcdef\nfedcba9876543210\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestRmAndPrune(t *testing.T) {
	f := &fake{}
	b, out, errs := base(f)
	if err := runRm(t.Context(), &RmOptions{Base: b, Names: []string{"a", "none", "b"}}); err == nil || out.String() != "a\nb\n" || errs.Len() == 0 {
		t.Errorf("%q, %q, %v", out, errs, err)
	}
	if err := runRm(t.Context(), &RmOptions{Base: b, Names: []string{"none"}, Force: true}); err != nil {
		t.Errorf("force: %v", err)
	}
	b, out, _ = base(f)
	o := &PruneOptions{Base: b, Force: true, Filter: flagx.NewFilters()}
	for _, kv := range []string{"until=1h", "label=a=b", "label!=c"} {
		if err := o.Filter.Set(kv); err != nil {
			t.Fatal(err)
		}
	}
	if err := runPrune(t.Context(), o); err != nil || out.String() != "Deleted Networks:\na\nb\n\n" {
		t.Errorf("%q, %v", out, err)
	}
	if !slices.Equal(f.filter.Labels, []string{"a=b"}) || !slices.Equal(f.filter.NotLabels, []string{"c"}) || time.Since(f.filter.Until) < time.Hour {
		t.Errorf("%+v", f.filter)
	}
	for filter, want := range map[string]string{"color=red": "invalid filter 'color'", "until=nonsense": "invalid time"} {
		key, value, _ := strings.Cut(filter, "=")
		if _, err := pruneFilter(map[string][]string{key: {value}}, time.Now()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", filter, err)
		}
	}
}

func TestInspect(t *testing.T) {
	b, out, errs := base(&fake{})
	if err := runInspect(t.Context(), &InspectOptions{Base: b, Names: []string{"a", "z"}, Format: "{{.Name}}"}); err == nil || out.String() != "a\n" || errs.Len() == 0 {
		t.Errorf("%q, %q, %v", out, errs, err)
	}
}

var _ Containers = (*container.Service)(nil)
