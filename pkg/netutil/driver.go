package netutil

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"

	"github.com/nerd-cli/nerd/pkg/errs"
)

// Drivers of networks that can be made.
const (
	driverBridge     = "bridge"
	driverMacvlan    = "macvlan"
	driverIPvlan     = "ipvlan"
	driverPTP        = "ptp"
	driverHostDevice = "host-device"
)

// Drivers are what Create takes.
func Drivers() []string {
	return []string{driverBridge, driverMacvlan, driverIPvlan, driverPTP, driverHostDevice}
}

// Who gives addresses out. Docker's word for host-local is default.
const (
	ipamHostLocal = "host-local"
	ipamDHCP      = "dhcp"
	ipamStatic    = "static"
)

// Options of drivers, under Docker's keys.
const (
	optMTU           = "com.docker.network.driver.mtu"
	optBridgeName    = "com.docker.network.bridge.name"
	optMasquerade    = "com.docker.network.bridge.enable_ip_masquerade"
	optICC           = "com.docker.network.bridge.enable_icc"
	optHostIPv4      = "com.docker.network.bridge.host_binding_ipv4"
	optIfPrefix      = "com.docker.network.container_iface_prefix"
	optDefaultBridge = "com.docker.network.bridge.default_bridge"
	optParent        = "parent"
	optMacvlanMode   = "macvlan_mode"
	optIPvlanMode    = "ipvlan_mode"
	optDevice        = "device"
)

// shortOptions are the short spellings, which Docker has for its default bridge
// and other tools for all.
var shortOptions = map[string]string{"mtu": optMTU, "mode": "mode"}

// Options of one endpoint, under Docker's keys.
const (
	optIfName  = "com.docker.network.endpoint.ifname"
	optSysctls = "com.docker.network.endpoint.sysctls"
)

// knownOptions are the keys each driver acts upon.
func knownOptions(driver string) []string {
	switch driver {
	case driverBridge:
		return []string{optMTU, optBridgeName, optMasquerade, optICC, optHostIPv4, optIfPrefix, optDefaultBridge}
	case driverMacvlan:
		return []string{optMTU, optParent, optMacvlanMode, optIfPrefix}
	case driverIPvlan:
		return []string{optMTU, optParent, optIPvlanMode, optIfPrefix}
	case driverPTP:
		return []string{optMTU, optMasquerade, optIfPrefix}
	}
	return []string{optDevice, optIfPrefix}
}

// normalOptions checks the options of a driver and fills in defaults. An option
// that nothing would act upon is an error: it would be forgotten silently.
func normalOptions(driver string, given map[string]string) (map[string]string, error) {
	out := map[string]string{}
	known := knownOptions(driver)
	for _, key := range slices.Sorted(maps.Keys(given)) {
		value := given[key]
		if long, ok := shortOptions[key]; ok {
			key = long
		}
		if key == "mode" {
			key = driver + "_mode"
		}
		if !slices.Contains(known, key) {
			return nil, errs.WithHint(invalid("unknown option %q of the network driver %s", key, driver), "it takes %s", strings.Join(known, ", "))
		}
		if err := checkOption(key, value); err != nil {
			return nil, err
		}
		out[key] = value
	}
	return out, nil
}

func checkOption(key, value string) error {
	switch key {
	case optMTU:
		if n, err := strconv.Atoi(value); err != nil || n < 68 || n > 65535 {
			return invalid("invalid MTU %q: a number from 68 to 65535 is expected", value)
		}
	case optMasquerade, optICC, optDefaultBridge:
		if _, err := strconv.ParseBool(value); err != nil {
			return invalid("invalid value %q of %s: true or false is expected", value, key)
		}
	case optHostIPv4:
		if a, err := netip.ParseAddr(value); err != nil || !a.Is4() {
			return invalid("invalid value %q of %s: an IPv4 address is expected", value, key)
		}
	case optMacvlanMode:
		return oneOf(key, value, "bridge", "vepa", "private", "passthru")
	case optIPvlanMode:
		return oneOf(key, value, "l2", "l3", "l3s")
	case optBridgeName, optIfPrefix, optParent, optDevice:
		return checkDevice(value)
	}
	return nil
}

func oneOf(key, value string, words ...string) error {
	if !slices.Contains(words, value) {
		return invalid("invalid value %q of %s: use %s", value, key, strings.Join(words, ", "))
	}
	return nil
}

// checkDevice refuses what the kernel does not take as the name of an interface.
func checkDevice(name string) error {
	if name == "" || len(name) > 15 || name == "." || name == ".." || strings.ContainsAny(name, "/: \t\r\n\x00") {
		return invalid("invalid interface name %q: 1 to 15 characters, without space, slash and colon", name)
	}
	return nil
}

func invalid(format string, args ...any) error {
	return &kindError{fmt.Sprintf(format, args...), errdefs.ErrInvalidArgument}
}

// kindError has a kind that does not show in its text, which is Docker's.
type kindError struct {
	msg  string
	kind error
}

func (e *kindError) Error() string { return e.msg }
func (e *kindError) Unwrap() error { return e.kind }

// flag is a boolean option, on unless said otherwise.
func (n *Network) flag(key string) bool {
	v, given := n.Options[key]
	on, err := strconv.ParseBool(v)
	return !given || err != nil || on
}

func (n *Network) masquerade() bool { return n.flag(optMasquerade) && !n.Internal }

// isolated: the containers of the network do not reach each other.
func (n *Network) isolated() bool { return !n.flag(optICC) }

func (n *Network) mtu() int {
	mtu, err := strconv.Atoi(n.Options[optMTU])
	if err != nil {
		return 0
	}
	return mtu
}

// HostIP is the address that ports of the network are published on where none is
// given; the zero address means all.
func (n *Network) HostIP() netip.Addr {
	a, err := netip.ParseAddr(n.Options[optHostIPv4])
	if err != nil || a.IsUnspecified() {
		return netip.Addr{}
	}
	return a
}

// ifPrefix is what interfaces in containers are called, before the number.
func (n *Network) ifPrefix() string {
	if p := n.Options[optIfPrefix]; p != "" {
		return p
	}
	return "eth"
}

// parent is the interface of the host that a macvlan or ipvlan is made on.
func (n *Network) parent() string {
	if p := n.Options[optParent]; p != "" {
		return p
	}
	return "dm-" + n.ID[:12] // a device without a way out, see makeParent
}

// canPublish tells whether ports of containers can be published on the network.
func (n *Network) canPublish() bool { return n.Firewall != "" && !n.Internal }

func (n *Network) has4() bool {
	return slices.ContainsFunc(n.Subnets, func(s Subnet) bool { return s.Subnet.Addr().Is4() })
}

func (n *Network) has6() bool {
	return slices.ContainsFunc(n.Subnets, func(s Subnet) bool { return s.Subnet.Addr().Is6() })
}
