package format

import (
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/cli/cli/command/formatter"
	"github.com/moby/moby/api/types/network"
)

// NetworkLayout is the layout of `network ls` for the value of --format.
func NetworkLayout(text string, quiet bool) formatter.Format {
	switch text {
	case "", formatter.TableFormatKey:
		if quiet {
			return formatter.DefaultQuietFormat
		}
		return "table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}"
	case formatter.RawFormatKey:
		if quiet {
			return "network_id: {{.ID}}"
		}
		return "network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n"
	}
	return formatter.Format(text)
}

// Networks writes a list of networks.
func Networks(w io.Writer, layout formatter.Format, noTrunc bool, list []network.Summary) error {
	row := networkRow{HeaderContext: formatter.HeaderContext{Header: formatter.SubHeaderContext{
		"ID": "NETWORK ID", "Name": formatter.NameHeader, "Driver": formatter.DriverHeader, "Scope": formatter.ScopeHeader, "IPv4": "IPV4",
		"IPv6": "IPV6", "Internal": "INTERNAL", "Labels": formatter.LabelsHeader, "CreatedAt": formatter.CreatedAtHeader,
	}}}
	ctx := formatter.Context{Output: w, Format: layout, Trunc: !noTrunc}
	return ctx.Write(&row, func(write func(formatter.SubContext) error) error {
		for _, n := range list {
			if err := write(&networkRow{n: n, trunc: !noTrunc}); err != nil {
				return err
			}
		}
		return nil
	})
}

// networkRow is one network as a template of --format sees it: its methods are
// the fields.
type networkRow struct {
	formatter.HeaderContext
	n     network.Summary
	trunc bool
}

// MarshalJSON is what {{json .}} prints.
func (r *networkRow) MarshalJSON() ([]byte, error) { return formatter.MarshalJSON(r) }

// ID is cut to twelve digits unless asked otherwise.
func (r *networkRow) ID() string {
	if r.trunc {
		return formatter.TruncateID(r.n.ID)
	}
	return r.n.ID
}

// Name is the network's.
func (r *networkRow) Name() string { return r.n.Name }

// Driver is bridge, host, null or another.
func (r *networkRow) Driver() string { return r.n.Driver }

// Scope is local.
func (r *networkRow) Scope() string { return r.n.Scope }

// IPv4 tells whether containers have such addresses.
func (r *networkRow) IPv4() string { return strconv.FormatBool(r.n.EnableIPv4) }

// IPv6 tells whether containers have such addresses.
func (r *networkRow) IPv6() string { return strconv.FormatBool(r.n.EnableIPv6) }

// Internal tells that there is no way out.
func (r *networkRow) Internal() string { return strconv.FormatBool(r.n.Internal) }

// Labels are all of them, sorted.
func (r *networkRow) Labels() string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(r.n.Labels)) {
		out = append(out, k+"="+r.n.Labels[k])
	}
	return strings.Join(out, ",")
}

// Label is the value of one label.
func (r *networkRow) Label(name string) string { return r.n.Labels[name] }

// CreatedAt is when the network was made.
func (r *networkRow) CreatedAt() string { return r.n.Created.String() }
