package build

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/client"

	"github.com/nerd-cli/nerd/pkg/build/spec"
)

// hostNetwork is the entitlement that --network host takes.
const hostNetwork = "network.host"

// attrs are the options of a build by the names that the Dockerfile frontend
// gives them. A local image counts before the registry's, unless Pull asks there.
func attrs(o *spec.Options) map[string]string {
	out := map[string]string{"image-resolve-mode": "local"}
	set := func(key, value string) {
		if value != "" {
			out[key] = value
		}
	}
	for k, v := range o.BuildArgs {
		out["build-arg:"+k] = v
	}
	for k, v := range o.Labels {
		out["label:"+k] = v
	}
	for k, v := range o.Attest {
		if v != "disabled=true" {
			out["attest:"+k] = v
		}
	}
	set("target", o.Target)
	set("platform", strings.Join(o.Platforms, ","))
	set("add-hosts", strings.Join(o.AddHosts, ","))
	set("ulimit", strings.Join(o.Ulimits, ","))
	set("cgroup-parent", o.CgroupParent)
	set("no-cache", strings.Join(o.NoCacheFilter, ","))
	if o.NoCache {
		out["no-cache"] = ""
	}
	if o.Pull {
		out["image-resolve-mode"] = "pull"
	}
	if o.ShmSize > 0 {
		out["shm-size"] = strconv.FormatInt(o.ShmSize, 10)
	}
	if o.Network != "" && o.Network != "default" {
		out["force-network-mode"] = o.Network
	}
	return out
}

// entitlements are what the build may do beyond the ordinary.
func entitlements(o *spec.Options) []string {
	all := slices.Clone(o.Allow)
	if o.Network == "host" && !slices.Contains(all, hostNetwork) {
		all = append(all, hostNetwork)
	}
	return all
}

// checkNetwork refuses networks that no build step can use.
func checkNetwork(mode string) error {
	if slices.Contains([]string{"", "default", "host", "none"}, mode) {
		return nil
	}
	return invalid("network mode %q not supported by the builder: use default, host or none", mode)
}

// cacheEntries are the caches as the client wants them. A registry's cache has
// nothing that could not be fetched from the registry.
func cacheEntries(all []spec.Cache) []client.CacheOptionsEntry {
	var out []client.CacheOptionsEntry
	for _, c := range all {
		out = append(out, client.CacheOptionsEntry{Type: c.Type, Attrs: c.Attrs})
	}
	return out
}

// checkCaches refuses what the client would find out only at the end of a build.
func checkCaches(o *spec.Options) error {
	for _, side := range []struct {
		flag, need string
		all        []spec.Cache
	}{{"cache-from", "src", o.CacheFrom}, {"cache-to", "dest", o.CacheTo}} {
		for _, c := range side.all {
			if c.Type == "local" && c.Attrs[side.need] == "" {
				return invalid("--%s type=local requires %s", side.flag, side.need)
			}
			if c.Type == "registry" && c.Attrs["ref"] == "" {
				return invalid("--%s type=registry requires ref", side.flag)
			}
		}
	}
	return nil
}

// kindError is an error of an errdefs kind whose text does not say the kind.
type kindError struct {
	text string
	kind error
}

func (e *kindError) Error() string { return e.text }
func (e *kindError) Unwrap() error { return e.kind }

func errorf(kind error, format string, args ...any) error {
	return &kindError{fmt.Sprintf(format, args...), kind}
}
