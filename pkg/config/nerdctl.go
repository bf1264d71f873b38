package config

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// nerdctlFile are the keys of nerdctl's configuration file. Those without a
// counterpart are read, so that a misspelt one is found, and listed by Ignored.
type nerdctlFile struct {
	Debug            bool     `toml:"debug"`
	DebugFull        bool     `toml:"debug_full"`
	Address          string   `toml:"address"`
	Namespace        string   `toml:"namespace"`
	Snapshotter      string   `toml:"snapshotter"`
	CNIPath          string   `toml:"cni_path"`
	CNINetConfPath   string   `toml:"cni_netconfpath"`
	DataRoot         string   `toml:"data_root"`
	CgroupManager    string   `toml:"cgroup_manager"`
	InsecureRegistry bool     `toml:"insecure_registry"`
	HostsDir         []string `toml:"hosts_dir"`
	Experimental     bool     `toml:"experimental"`
	HostGatewayIP    string   `toml:"host_gateway_ip"`
	BridgeIP         string   `toml:"bridge_ip"`
	KubeHideDupe     bool     `toml:"kube_hide_dupe"`
	CDISpecDirs      []string `toml:"cdi_spec_dirs"`
	UsernsRemap      string   `toml:"userns_remap"`
	DNS              []string `toml:"dns"`
	DNSOpts          []string `toml:"dns_opts"`
	DNSSearch        []string `toml:"dns_search"`
	DisableHCSystemd bool     `toml:"disable_hc_systemd"`
}

// nerdctlIgnored are the keys that mean nothing here: nerd has folders, plugins,
// a bridge and health checks of its own, and finds the control groups' manager.
var nerdctlIgnored = []string{
	"cni_path", "data_root", "cgroup_manager", "experimental", "host_gateway_ip", "bridge_ip", "kube_hide_dupe",
	"dns", "dns_opts", "dns_search", "disable_hc_systemd",
}

// readNerdctl takes over what nerdctl's file says and nerd has too.
func (c *Config) readNerdctl(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("nerdctl's configuration file: %w", err)
	}
	var (
		f    nerdctlFile
		tree map[string]any
	)
	if err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(&f); err != nil {
		return fmt.Errorf("nerdctl's configuration file %s: %w", path, explain(err))
	}
	if err := toml.Unmarshal(data, &tree); err != nil {
		return fmt.Errorf("nerdctl's configuration file %s: %w", path, explain(err))
	}
	if f.UsernsRemap != "" {
		return fmt.Errorf("nerdctl's configuration file %s: userns_remap is not supported: take it out, or unset NERDCTL_TOML", path)
	}
	origin := "file " + path
	c.set("address", &c.Address, strings.TrimPrefix(f.Address, "unix://"), origin)
	c.set("namespace", &c.Namespace, f.Namespace, origin)
	c.set("snapshotter", &c.Snapshotter, f.Snapshotter, origin)
	if f.Debug || f.DebugFull {
		c.Debug = true
		c.origins["debug"] = origin
	}
	if f.InsecureRegistry {
		c.InsecureRegistries = []string{"*"}
		c.origins["insecure_registries"] = origin
	}
	if f.CNINetConfPath != "" {
		c.NetworkDirs = []string{f.CNINetConfPath}
		c.origins["network_dirs"] = origin
	}
	c.setList("hosts_dirs", &c.HostsDirs, f.HostsDir, origin)
	c.setList("cdi_dirs", &c.CDIDirs, f.CDISpecDirs, origin)
	for _, key := range nerdctlIgnored {
		if _, ok := tree[key]; ok {
			c.ignored = append(c.ignored, Value{Key: key, Value: tree[key], Origin: origin})
		}
	}
	return nil
}

func (c *Config) setList(key string, field *[]string, value []string, origin string) {
	if len(value) > 0 {
		*field = value
		c.origins[key] = origin
	}
}

// Ignored lists the settings of nerdctl's file that have no counterpart.
func (c *Config) Ignored() []Value { return slices.Clone(c.ignored) }
