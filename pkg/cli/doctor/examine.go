package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/distribution/reference"
	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/config"
	"github.com/nerd-cli/nerd/pkg/doctor"
	"github.com/nerd-cli/nerd/pkg/engine"
	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/nerd"
	"github.com/nerd-cli/nerd/pkg/state"
)

// programs are nerd's own, beside or behind the command, with what goes without.
var programs = []struct{ name, lost string }{
	{"nerd-monitor", "no container can be started"},
	{"nerd-init", "--init does not work"},
	{"nerd-resolver", "containers do not find each other by name"},
	{"nerd-logger", "log drivers that send do not work"},
	{"nerd-compose", "`nerd compose` does not work"},
	{"nerd-build", "`nerd build` does not work"},
	{"nerd-image", "images are not converted, encrypted or signed"},
}

// someImage is one whose registry is what an unconfigured machine pulls from.
const someImage = "docker.io/library/busybox"

// examiner makes the function that runs all checks.
func examiner(f *factory.Factory) func(context.Context, *Options) []doctor.Finding {
	return func(ctx context.Context, o *Options) []doctor.Finding {
		cfg, err := f.Config()
		if err != nil {
			return []doctor.Finding{doctor.FromError("config", doctor.Problem, err, "mend the file; nerd config show --origin tells what is in force")}
		}
		layout, err := state.NewLayout(cfg.DataRoot, cfg.RunRoot, cfg.Namespace)
		if err != nil {
			return []doctor.Finding{doctor.FromError("config", doctor.Problem, err, "nerd config show --origin tells where it comes from")}
		}
		out := companions(layout)
		out = append(out, containerd(ctx, f, cfg, layout)...)
		out = append(out, doctor.Machine{Root: "/", Release: release()}.Check()...)
		out = append(out, doctor.Disk(cfg.DataRoot), doctor.Clock(time.Now(), built()))
		if !o.Offline {
			out = append(out, outside(ctx, f)...)
		}
		return out
	}
}

// companions looks for the programs that belong to nerd.
func companions(l state.Layout) []doctor.Finding {
	var out []doctor.Finding
	for _, p := range programs {
		if path := nerd.ProgramPath(p.name, l); path == p.name {
			out = append(out, doctor.Finding{
				Check: "programs", Level: doctor.Problem, Text: fmt.Sprintf("%s is not installed: %s", p.name, p.lost),
				Fix: "install it with nerd: make install in its source tree",
			})
		}
	}
	if len(out) == 0 {
		out = append(out, doctor.Finding{Check: "programs", Level: doctor.OK, Text: fmt.Sprintf("nerd %s with its %d companions", config.Version, len(programs))})
	}
	return out
}

// containerd looks at the one that commands would use, and at what is in it. None
// is started for that.
func containerd(ctx context.Context, f *factory.Factory, cfg *config.Config, l state.Layout) []doctor.Finding {
	const check = "containerd"
	if os.Geteuid() != 0 {
		return []doctor.Finding{{Check: check, Level: doctor.Problem, Text: "not looked at: root is needed for that and for containers", Fix: "sudo nerd doctor"}}
	}
	if !engine.Listening(ctx, cfg.Address, l) {
		switch missing := engine.Installed(l); {
		case cfg.Address != "":
			return []doctor.Finding{{Check: check, Level: doctor.Problem, Text: "nothing answers on " + cfg.Address, Fix: "start it, or take the address out: nerd config show --origin tells where it is set"}}
		case missing != nil:
			return []doctor.Finding{doctor.FromError(check, doctor.Problem, fmt.Errorf("none runs, and nerd's own engine is not installed (%w)", missing), "systemctl start containerd, or make engine in nerd's source tree")}
		}
		return []doctor.Finding{{Check: check, Level: doctor.OK, Text: "none runs: the first command that needs one starts nerd's own engine"}}
	}
	client, err := f.Client(ctx)
	if err != nil {
		return []doctor.Finding{fail(check, err)}
	}
	version, err := client.Version(ctx)
	if err != nil {
		return []doctor.Finding{fail(check, err)}
	}
	out := []doctor.Finding{{Check: check, Level: doctor.OK, Text: "answers on " + client.Address()}}
	for _, c := range version.Components {
		out = append(out, doctor.Versions(c.Name, c.Version))
	}
	out = append(out, networks(ctx, client)...)
	return append(out, remains(ctx, client)...)
}

func fail(check string, err error) doctor.Finding {
	var hint *errs.Hint
	if errors.As(err, &hint) {
		return doctor.FromError(check, doctor.Problem, hint.Err, hint.Hint)
	}
	return doctor.FromError(check, doctor.Problem, err, "nerd engine logs, or the log of containerd, says more")
}

func networks(ctx context.Context, client *nerd.Client) []doctor.Finding {
	var out []doctor.Finding
	for _, line := range client.Networks.Warnings(ctx) {
		out = append(out, doctor.Finding{Check: "networks", Level: doctor.Problem, Text: line, Fix: "nerd system repair, if it is not said above"})
	}
	if len(out) == 0 {
		out = append(out, doctor.Finding{Check: "networks", Level: doctor.OK, Text: "firewall, bridges and forwarding are as the networks need them"})
	}
	return out
}

func remains(ctx context.Context, client *nerd.Client) []doctor.Finding {
	found, err := client.Repair(ctx, true)
	if err != nil {
		return []doctor.Finding{fail("remains", err)}
	}
	if len(found) == 0 {
		return []doctor.Finding{{Check: "remains", Level: doctor.OK, Text: "killed commands have left nothing behind"}}
	}
	names := make([]string, 0, len(found))
	for i, x := range found {
		if i == 3 {
			names = append(names, "...")
			break
		}
		names = append(names, x.Kind+" "+x.Name)
	}
	return []doctor.Finding{{
		Check: "remains", Level: doctor.Warning, Fix: "nerd system repair",
		Text: fmt.Sprintf("%d things that no container needs: %s", len(found), strings.Join(names, ", ")),
	}}
}

// outside asks for a name, and for the registry that images come from by default, or
// its mirrors.
func outside(ctx context.Context, f *factory.Factory) []doctor.Finding {
	resolver, err := f.Registry()
	if err != nil {
		return []doctor.Finding{fail("registry", err)}
	}
	ref, err := reference.ParseNormalizedNamed(someImage)
	if err != nil {
		return []doctor.Finding{fail("registry", err)}
	}
	plan, err := resolver.Plan(ctx, ref)
	if err != nil {
		return []doctor.Finding{fail("registry", err)}
	}
	var last doctor.Finding
	for _, host := range plan.Hosts {
		u, err := url.Parse(host.URL)
		if err != nil {
			return []doctor.Finding{fail("registry", err)}
		}
		last = doctor.Registry(ctx, u.Host, strings.TrimSuffix(host.URL, "/")+"/", http.DefaultClient)
		if last.Level == doctor.OK {
			return []doctor.Finding{doctor.Names(ctx, u.Hostname(), doctor.Lookup), last}
		}
	}
	return []doctor.Finding{doctor.Names(ctx, "registry-1.docker.io", doctor.Lookup), last}
}

func release() string {
	var uts unix.Utsname
	if unix.Uname(&uts) != nil {
		return ""
	}
	return unix.ByteSliceToString(uts.Release[:])
}

// built is when this program was written: no clock may be before it.
func built() time.Time {
	self, err := os.Executable()
	if err != nil {
		return time.Time{}
	}
	info, err := os.Stat(self)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
