package buildrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/nerd-cli/nerd/pkg/build"
	clibuild "github.com/nerd-cli/nerd/pkg/cli/build"
)

// shownBuilder is what is told of a builder.
type shownBuilder struct {
	Name, Driver, Endpoint, Status, Version string
	Platforms                               []string          `json:",omitempty"`
	Labels                                  map[string]string `json:",omitempty"`
}

// Show runs "nerd builder ls" and "nerd builder inspect". A builder that does not
// run is not started to be shown.
func (Runner) Show(ctx context.Context, o *clibuild.ShowOptions) error {
	s, err := look(ctx, o)
	if err != nil {
		return err
	}
	switch {
	case o.List && o.Format == "json":
		return json.NewEncoder(o.Factory.IO.Out).Encode(s)
	case o.List:
		tw := tabwriter.NewWriter(o.Factory.IO.Out, 0, 0, 3, ' ', 0)
		fmt.Fprintln(tw, "NAME/NODE\tDRIVER/ENDPOINT\tSTATUS\tBUILDKIT\tPLATFORMS")
		fmt.Fprintf(tw, "%s*\t%s\t\t\t\n \\_ %s\t \\_ %s\t%s\t%s\t%s\n", s.Name, s.Driver, s.Name, s.Endpoint, s.Status, s.Version, strings.Join(s.Platforms, ", "))
		return tw.Flush()
	}
	tw := tabwriter.NewWriter(o.Factory.IO.Out, 0, 0, 1, ' ', 0)
	fmt.Fprintf(tw, "Name:\t%s\nDriver:\t%s\n\nNodes:\nName:\t%s\nEndpoint:\t%s\nStatus:\t%s\n", s.Name, s.Driver, s.Name, s.Endpoint, s.Status)
	if s.Status == "running" {
		fmt.Fprintf(tw, "BuildKit version:\t%s\nPlatforms:\t%s\nLabels:\n", s.Version, strings.Join(s.Platforms, ", "))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(s.Labels)) {
		fmt.Fprintf(o.Factory.IO.Out, " %s: %s\n", key, s.Labels[key])
	}
	return nil
}

// look asks the builder about itself.
func look(ctx context.Context, o *clibuild.ShowOptions) (*shownBuilder, error) {
	host, driver := o.Host, "remote"
	if host == "" {
		host = os.Getenv(hostVar)
	}
	if host == "" {
		client, err := o.Factory.Client(ctx)
		if err != nil {
			return nil, err
		}
		host, driver = "unix://"+client.BuilderSocket(), "nerd"
		if _, err := os.Stat(strings.TrimPrefix(host, "unix://")); errors.Is(err, os.ErrNotExist) && !o.Bootstrap {
			return &shownBuilder{Name: "default", Driver: driver, Endpoint: host, Status: "inactive"}, nil
		}
	}
	open := func() (*build.Builder, error) { return build.Open(ctx, build.Config{Address: host}) }
	if o.Bootstrap {
		open = func() (*build.Builder, error) { return openCache(ctx, o.Factory, o.Host) }
	}
	b, err := open()
	if err != nil {
		return nil, err
	}
	defer b.Close()
	s := &shownBuilder{Name: "default", Driver: driver, Endpoint: host, Status: "running"}
	about, err := b.About(ctx)
	if err != nil {
		s.Status = "inactive"
		return s, nil //nolint:nilerr // that it does not answer is what is shown
	}
	s.Version, s.Platforms, s.Labels = about.Version, about.Platforms, about.Labels
	return s, nil
}
