package image

import (
	"errors"
	"fmt"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/cli/imagetools"
)

// conversionFlags are the flags that say what layers are converted to.
type conversionFlags struct {
	estargz, zstd, chunked, erofs, plain bool
	estargzTo, zstdTo, chunkedTo         imagetools.Conversion
	compressors                          string
}

func (c *conversionFlags) register(flags *pflag.FlagSet) {
	c.estargzTo.Kind, c.zstdTo.Kind, c.chunkedTo.Kind = imagetools.EStargz, imagetools.Zstd, imagetools.ZstdChunked
	flags.BoolVar(&c.estargz, "estargz", false, "Convert layers to eStargz, for lazy pulling")
	flags.IntVar(&c.estargzTo.Level, "estargz-compression-level", 9, "Level of eStargz's compression, 1 to 9")
	flags.IntVar(&c.estargzTo.ChunkSize, "estargz-chunk-size", 0, "Bytes of a file that are fetched at once from eStargz (0: 4 MiB)")
	flags.IntVar(&c.estargzTo.MinChunkSize, "estargz-min-chunk-size", 0, "Bytes that share a compressed stream at least in eStargz, where old readers need not understand it")
	flags.StringVar(&c.estargzTo.RecordIn, "estargz-record-in", "", "File with a line of JSON for each file to put first")
	flags.BoolVar(&c.zstd, "zstd", false, "Compress layers with zstd")
	flags.IntVar(&c.zstdTo.Level, "zstd-compression-level", 3, "Level of zstd's compression, 1 to 22")
	flags.BoolVar(&c.chunked, "zstdchunked", false, "Convert layers to zstd:chunked, for lazy pulling")
	flags.IntVar(&c.chunkedTo.Level, "zstdchunked-compression-level", 3, "Level of zstd:chunked's compression, 1 to 22")
	flags.IntVar(&c.chunkedTo.ChunkSize, "zstdchunked-chunk-size", 0, "Bytes of a file that are fetched at once from zstd:chunked (0: 4 MiB)")
	flags.StringVar(&c.chunkedTo.RecordIn, "zstdchunked-record-in", "", "File with a line of JSON for each file to put first")
	flags.BoolVar(&c.erofs, "erofs", false, "Convert layers to EROFS file systems (needs mkfs.erofs)")
	flags.StringVar(&c.compressors, "erofs-compressors", "", "How EROFS compresses files, as mkfs.erofs names it (lz4hc,12); not at all by default")
	flags.BoolVar(&c.plain, "uncompress", false, "Leave layers uncompressed")
	c.refused(flags)
}

// refused registers flags that are known and always refused.
func (c *conversionFlags) refused(flags *pflag.FlagSet) {
	const no = "Not supported"
	for _, name := range []string{"estargz-external-toc", "estargz-keep-diff-id", "nydus", "overlaybd", "soci"} {
		flags.Bool(name, false, no)
	}
	for _, name := range []string{"estargz-gzip-helper", "nydus-builder-path", "nydus-compressor", "nydus-prefetch-patterns", "nydus-work-dir", "overlaybd-dbstr", "overlaybd-fs-type"} {
		flags.String(name, "", no)
	}
	for _, name := range []string{"overlaybd-vsize", "soci-min-layer-size", "soci-span-size"} {
		flags.Int64(name, 0, no)
	}
}

// chosen is what layers are converted to; of no kind if they stay.
func (c *conversionFlags) chosen() (imagetools.Conversion, error) {
	var to []imagetools.Conversion
	for _, k := range []struct {
		given bool
		to    imagetools.Conversion
	}{
		{c.estargz, c.estargzTo},
		{c.zstd, c.zstdTo},
		{c.chunked, c.chunkedTo},
		{c.erofs, imagetools.Conversion{Kind: imagetools.EROFS, Compressors: c.compressors}},
		{c.plain, imagetools.Conversion{Kind: imagetools.Uncompressed}},
	} {
		if k.given {
			to = append(to, k.to)
		}
	}
	switch len(to) {
	case 0:
		return imagetools.Conversion{}, nil
	case 1:
		return to[0], checkConversion(to[0])
	}
	return imagetools.Conversion{}, fmt.Errorf("layers cannot be converted to %s and %s at once", to[0].Kind, to[1].Kind)
}

func checkConversion(to imagetools.Conversion) error {
	highest := map[string]int{imagetools.EStargz: 9, imagetools.Zstd: 22, imagetools.ZstdChunked: 22}[to.Kind]
	if highest > 0 && (to.Level < 1 || to.Level > highest) {
		return fmt.Errorf("invalid compression level %d: 1 to %d is expected", to.Level, highest)
	}
	if to.ChunkSize < 0 || to.MinChunkSize < 0 {
		return errors.New("the size of a chunk cannot be negative")
	}
	return nil
}

// addPlatforms adds the flags that choose platforms of an image.
func addPlatforms(flags *pflag.FlagSet, platforms *[]string, all *bool) {
	flags.StringSliceVar(platforms, "platform", nil, "Take these platforms alone (default: this machine's)")
	flags.BoolVar(all, "all-platforms", false, "Take all platforms of the image")
}

func choosePlatforms(texts []string, all bool) ([]ocispec.Platform, error) {
	chosen, err := parsePlatforms(texts)
	if err == nil && all && len(chosen) > 0 {
		err = errors.New("--all-platforms and --platform cannot be given together")
	}
	return chosen, err
}
