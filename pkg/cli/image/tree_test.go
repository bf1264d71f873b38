package image

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiimage "github.com/moby/moby/api/types/image"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func platformRow(id, arch string, content, total int64, users ...string) apiimage.ManifestSummary {
	m := apiimage.ManifestSummary{ID: id, Kind: apiimage.ManifestKindImage, ImageData: &apiimage.ImageProperties{
		Platform: ocispec.Platform{OS: "linux", Architecture: arch}, Containers: users,
	}}
	m.Size.Content, m.Size.Total = content, total
	return m
}

func TestTree(t *testing.T) {
	list := []apiimage.Summary{
		{ID: "sha256:dddddddddddddddd", Size: 18_500_000, Manifests: []apiimage.ManifestSummary{{Kind: apiimage.ManifestKindAttestation}}},
		{
			ID: "sha256:aaaaaaaaaaaaaaaa", RepoTags: []string{"multiplatform:latest", "multi:1"}, Size: 25_500_000, Containers: 1,
			Manifests: []apiimage.ManifestSummary{
				platformRow("sha256:bbbbbbbbbbbbbbbb", "amd64", 10_000_000, 12_100_000), platformRow("sha256:cccccccccccccccc", "arm64", 10_200_000, 13_400_000, "x"),
			},
		},
	}
	content := map[string]int64{"sha256:aaaaaaaaaaaaaaaa": 20_200_000}
	for name, c := range map[string]struct {
		expand bool
		width  int
		want   string
	}{
		"tree": {true, 0, "" +
			"IMAGE                  ID             DISK USAGE   CONTENT SIZE   EXTRA\n" +
			"multi:1\n" +
			"multiplatform:latest   aaaaaaaaaaaa       25.5MB         20.2MB   U    \n" +
			"├─ linux/amd64         bbbbbbbbbbbb       12.1MB           10MB        \n" +
			"└─ linux/arm64         cccccccccccc       13.4MB         10.2MB   U    \n\n" +
			"<untagged>             dddddddddddd       18.5MB             0B        \n\n"},
		"list on a narrow terminal": {false, 40, "" +
			"IMAGE          ID             DISK USAGE   CONTENT SIZE   EXTRA\n" +
			"multi:1        aaaaaaaaaaaa       25.5MB         20.2MB   U    \n" +
			"multiplatform:latest\n" +
			"               aaaaaaaaaaaa       25.5MB         20.2MB   U    \n" +
			"<untagged>     dddddddddddd       18.5MB             0B        \n"},
	} {
		t.Run(name, func(t *testing.T) {
			images := make([]apiimage.Summary, len(list))
			copy(images, list)
			if !c.expand { // the list does not ask for platforms
				for i := range images {
					images[i].Manifests = nil
				}
			}
			var out bytes.Buffer
			if err := writeTree(&out, treeRows(images, content, c.expand), c.expand, c.width); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTreeFlags(t *testing.T) {
	for want, o := range map[string]ListOptions{
		"":      {Tree: true},
		"quiet": {Tree: true, Quiet: true}, "no-trunc": {Tree: true, NoTrunc: true}, "digests": {Tree: true, Digests: true}, "format": {Tree: true, Format: "json"},
	} {
		tree, err := o.treeFlags()
		if want == "" && (!tree || err != nil) || want != "" && (err == nil || err.Error() != "--"+want+" is not yet supported with --tree") {
			t.Errorf("%q: %v %v", want, tree, err)
		}
	}
}
