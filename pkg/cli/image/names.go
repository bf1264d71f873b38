package image

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/distribution/reference"
	"github.com/docker/go-units"
	apiimage "github.com/moby/moby/api/types/image"
)

// writeNames prints a table with a row for each full name.
func writeNames(o *ListOptions, list []apiimage.Summary) error {
	w := tabwriter.NewWriter(o.Factory.IO.Out, 10, 1, 3, ' ', 0)
	fmt.Fprintln(w, "NAME\tIMAGE ID\tCREATED\tSIZE")
	for _, img := range rows(list, false) {
		name := "<none>"
		if all := append(img.RepoTags, img.RepoDigests...); len(all) > 0 {
			name = all[0]
			if named, err := reference.ParseNormalizedNamed(name); err == nil {
				name = named.String()
			}
		}
		id := img.ID
		if !o.NoTrunc {
			id = fmt.Sprintf("%.12s", strings.TrimPrefix(id, "sha256:"))
		}
		created := units.HumanDuration(time.Now().UTC().Sub(time.Unix(img.Created, 0))) + " ago"
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", name, id, created, units.HumanSizeWithPrecision(float64(img.Size), 3))
	}
	return w.Flush()
}
