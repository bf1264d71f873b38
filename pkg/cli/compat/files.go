package compat

// lazyFormats are the flags for layers that are fetched piece by piece.
var lazyFormats = []string{
	"estargz", "estargz-chunk-size", "estargz-compression-level", "estargz-min-chunk-size",
	"zstdchunked", "zstdchunked-chunk-size", "zstdchunked-compression-level",
}

// filesEntries are about what reads and writes the files of containers.
func filesEntries() []Entry {
	out := []Entry{
		{
			Commands: []string{"cp"}, Kind: Differs,
			Why: "Of a running container the mounts of its own are seen too, tmpfs for instance: Docker looks at the root file system and the volumes alone. " +
				"The file systems of the kernel and `/dev` are copied as empty folders, as Docker does.",
		},
		{
			Commands: []string{"cp"}, Value: "to the host", Kind: Differs,
			Why: "Set-user-id and set-group-id bits and capabilities are taken off, and devices are refused. Docker makes a file that is set-user-id for any " +
				"user of the container one for the caller, root mostly, and makes the device files that a container names.",
			Instead: "copy to - for an archive of everything",
		},
		{
			Commands: []string{"cp"}, Value: "a link that leads upwards", Kind: Differs,
			Why: "It is copied like any other link, and never followed. Docker stops with an error in the middle of the copy.",
		},
		{
			Commands: []string{"cp"}, Value: "over a file that is a mount of its own, `/etc/hosts` for instance", Kind: Differs,
			Why: "The content is replaced. Docker fails because the file is busy.",
		},
		{
			Commands: []string{"cp"}, Flag: "archive", Kind: Differs,
			Why: "What is copied to a container belongs to the container's user, as resolved in its image. Docker looks the user up on the host.",
		},
		{
			Commands: []string{"commit"}, Flag: "compression", Kind: Extra, Why: "How the new layer is stored: gzip, zstd or uncompressed.",
		},
		{
			Commands: []string{"commit"}, Flag: "format", Kind: Extra, Why: "The kind of manifest, docker or oci; by default that of the container's image.",
		},
		{
			Commands: []string{"commit"}, Value: "files whose names begin with `.wh.`", Kind: Refused,
			Why: "In a layer such a name stands for a deletion. Docker stores it, and the image lacks a file.", Instead: "rename them",
		},
	}
	for _, flag := range lazyFormats {
		out = append(out, Entry{
			Commands: []string{"commit"}, Flag: flag, Kind: Refused,
			Why: "nerdctl's: layers of this form serve snapshotters that fetch files one by one.", Instead: "use --compression zstd",
		})
	}
	return out
}
