package buildrun

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/go-units"

	"github.com/nerd-cli/nerd/pkg/build"
	clibuild "github.com/nerd-cli/nerd/pkg/cli/build"
)

// Warnings of a prune, as Docker's.
const (
	warnDangling = "WARNING! This will remove all dangling build cache. Are you sure you want to continue?"
	warnAll      = "WARNING! This will remove all build cache. Are you sure you want to continue?"
)

// Prune runs "nerd builder prune".
func (Runner) Prune(ctx context.Context, o *clibuild.PruneOptions) error {
	if !o.Force {
		warning := warnDangling
		if o.All {
			warning = warnAll
		}
		ok, err := o.Factory.IO.Confirm(ctx, warning)
		if err != nil {
			return err
		}
		if !ok {
			return nil
		}
	}
	wanted, unused, err := filters(o.Filter.Map())
	if err != nil {
		return err
	}
	b, err := openCache(ctx, o.Factory, o.Host)
	if err != nil {
		return err
	}
	defer b.Close()
	gone, err := b.Prune(ctx, build.PruneOptions{All: o.All, Filters: wanted, Keep: o.Keep.Value(), MaxUsed: o.MaxUsed.Value(), MinFree: o.MinFree.Value(), Unused: unused})
	if err != nil {
		return err
	}
	var total int64
	tw := tabwriter.NewWriter(o.Factory.IO.Out, 1, 8, 1, '\t', 0)
	for i, r := range gone {
		switch {
		case o.Verbose:
			printVerbose(tw, &r)
		case i == 0:
			fmt.Fprintln(tw, "ID\tRECLAIMABLE\tSIZE\tLAST ACCESSED")
			fallthrough
		default:
			printRecord(tw, &r)
		}
		total += r.Size
	}
	fmt.Fprintf(tw, "Total:\t%s\n", units.HumanSize(float64(total)))
	return tw.Flush()
}

// DiskUsage runs "nerd builder du".
func (Runner) DiskUsage(ctx context.Context, o *clibuild.UsageOptions) error {
	wanted, unused, err := filters(o.Filter.Map())
	if err != nil {
		return err
	}
	b, err := openCache(ctx, o.Factory, o.Host)
	if err != nil {
		return err
	}
	defer b.Close()
	records, err := b.Usage(ctx, wanted, unused)
	if err != nil {
		return err
	}
	var total, reclaimable, shared int64
	tw := tabwriter.NewWriter(o.Factory.IO.Out, 1, 8, 1, '\t', 0)
	for i, r := range records {
		switch {
		case o.Verbose:
			printVerbose(tw, r)
		case i == 0:
			fmt.Fprintln(tw, "ID\tRECLAIMABLE\tSIZE\tLAST ACCESSED")
			fallthrough
		default:
			printRecord(tw, r)
		}
		total += r.Size
		if !r.InUse {
			reclaimable += r.Size
		}
		if r.Shared {
			shared += r.Size
		}
	}
	if shared > 0 {
		fmt.Fprintf(tw, "Shared:\t%s\nPrivate:\t%s\n", units.HumanSize(float64(shared)), units.HumanSize(float64(total-shared)))
	}
	fmt.Fprintf(tw, "Reclaimable:\t%s\nTotal:\t%s\n", units.HumanSize(float64(reclaimable)), units.HumanSize(float64(total)))
	return tw.Flush()
}

func printRecord(w io.Writer, r *build.Record) {
	id := r.ID
	if r.Mutable {
		id += "*"
	}
	size := units.HumanSize(float64(r.Size))
	if r.Shared {
		size += "*"
	}
	fmt.Fprintf(w, "%s\t%t\t%s\t%s\n", id, !r.InUse, size, accessed(r))
}

func printVerbose(w io.Writer, r *build.Record) {
	fmt.Fprintf(w, "ID:\t%s\nCreated at:\t%s\nMutable:\t%t\nReclaimable:\t%t\nShared:\t%t\nSize:\t%s\nDescription:\t%s\n",
		r.ID, r.CreatedAt, r.Mutable, !r.InUse, r.Shared, units.HumanSize(float64(r.Size)), r.Description)
	if len(r.Parents) > 0 {
		fmt.Fprintf(w, "Parents:\t%s\n", strings.Join(r.Parents, " "))
	}
	fmt.Fprintf(w, "Usage count:\t%s\nLast used:\t%s\nType:\t%s\n\n", strconv.Itoa(r.UsageCount), accessed(r), r.RecordType)
}

func accessed(r *build.Record) string {
	if r.LastUsedAt == nil {
		return ""
	}
	return units.HumanDuration(time.Since(*r.LastUsedAt)) + " ago"
}

// filters are those of the command line as the builder takes them, and how long
// what goes has to have been unused.
func filters(values map[string][]string) (out []string, unused time.Duration, err error) {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		for _, value := range values[key] {
			switch key {
			case "until", "unused-for":
				if unused, err = time.ParseDuration(value); err != nil {
					return nil, 0, fmt.Errorf("%q filter expects a duration (e.g., '24h'): %w", key, errdefs.ErrInvalidArgument)
				}
			case "id", "parent", "description":
				out = append(out, key+"~="+value)
			case "type":
				out = append(out, key+"=="+value)
			case "inuse", "mutable", "immutable", "shared", "private":
				on, err := strconv.ParseBool(value)
				if err != nil {
					return nil, 0, fmt.Errorf("invalid value %q for filter %s: true or false is expected: %w", value, key, errdefs.ErrInvalidArgument)
				}
				if !on { // the builder knows each by its presence, and by that of its opposite
					opposite, ok := map[string]string{"mutable": "immutable", "immutable": "mutable", "shared": "private", "private": "shared"}[key]
					if !ok {
						return nil, 0, fmt.Errorf("the filter %s=false is not known to the builder: %w", key, errdefs.ErrInvalidArgument)
					}
					key = opposite
				}
				out = append(out, key)
			default:
				return nil, 0, fmt.Errorf("invalid filter '%s': %w", key, errdefs.ErrInvalidArgument)
			}
		}
	}
	return out, unused, nil
}
