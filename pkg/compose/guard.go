package compose

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// safely turns a panic of the loader, which some files of a wrong shape can cause,
// into an error that names the file.
func safely[T any](files []types.ConfigFile, run func() (T, error)) (out T, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			var names []string
			for _, f := range files {
				names = append(names, f.Filename)
			}
			err = fmt.Errorf("%s: this is no Compose file: %v", strings.Join(names, ", "), reason)
		}
	}()
	return run()
}

// checkNames refuses names that lead out of the folders of networks and volumes, or
// that services could not be told apart by.
func checkNames(p *types.Project, files []types.ConfigFile) []error {
	valid, err := regexp.Compile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)
	if err != nil {
		return []error{err}
	}
	var out []error
	wrong := func(name, value string, path ...string) {
		if !valid.MatchString(value) {
			out = append(out, fmt.Errorf("%s%s: %q is not a name: letters, digits, \"_\", \".\" and \"-\" are, after a letter or digit", place(files, path...), name, value))
		}
	}
	for _, key := range p.ServiceNames() {
		if strings.Trim(key, ".") == "" {
			wrong("services."+key, key, "services", key)
		}
	}
	for _, key := range p.NetworkNames() {
		wrong("networks."+key+".name", p.Networks[key].Name, "networks", key, "name")
	}
	for _, key := range p.VolumeNames() {
		wrong("volumes."+key+".name", p.Volumes[key].Name, "volumes", key, "name")
	}
	return out
}

// binding is a host port that a service publishes.
type binding struct{ ip, port, protocol, service string }

func (b *binding) String() string {
	return strings.TrimPrefix(b.ip+":"+b.port+"/"+b.protocol, ":")
}

// anywhere tells whether it is on every address of the machine.
func (b *binding) anywhere() bool { return b.ip == "" || b.ip == "0.0.0.0" || b.ip == "::" }

// clashes: two bindings of one port on one address. That of all addresses of one
// family is taken for those of the other, as an empty address is both.
func (b *binding) clashes(other *binding) bool {
	return b.port == other.port && b.protocol == other.protocol && (b.ip == other.ip || b.anywhere() && !strings.Contains(other.ip, ":") ||
		other.anywhere() && !strings.Contains(b.ip, ":"))
}

// checkPorts finds host ports that are published twice.
func checkPorts(p *types.Project, files []types.ConfigFile) []error {
	var errs []error
	var taken []binding
	for _, name := range p.ServiceNames() {
		for i, port := range p.Services[name].Ports {
			if port.Published == "" || port.Published == "0" || strings.Contains(port.Published, "-") {
				continue
			}
			b := binding{port.HostIP, port.Published, port.Protocol, name}
			for _, other := range taken {
				if b.clashes(&other) {
					errs = append(errs, fmt.Errorf("%sservice %q: ports: %s is published by %q already",
						place(files, "services", name, "ports", fmt.Sprint(i)), name, &b, other.service))
					break
				}
			}
			taken = append(taken, b)
		}
	}
	return errs
}
