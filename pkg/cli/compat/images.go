package compat

// imageEntries are about images and registries.
func imageEntries() []Entry {
	out := []Entry{
		{Commands: []string{"images"}, Flag: "tree", Kind: Differs, Why: "The view has no colours, and shows platforms that are not here in the same way as those that are."},
		{Commands: []string{"manifest push"}, Value: "manifests of another registry", Kind: Differs, Why: "They are copied; Docker refuses them."},
		{Commands: []string{"search"}, Value: "a registry without a search", Kind: Differs, Why: "The error says so; Docker shows the registry's answer."},
		{Commands: []string{"registry explain"}, Kind: Extra, Why: "Shows which hosts, certificates and credentials are used for an image."},
		{Commands: []string{"pull"}, Flag: "platform", Value: "several", Kind: Extra, Why: "They are fetched together; this machine's is unpacked."},
		{Commands: []string{"pull"}, Flag: "all-platforms", Kind: Extra, Why: "Fetches all that the image has."},
		{Commands: []string{"pull"}, Flag: "unpack", Kind: Extra, Why: "`false` leaves the layers compressed until a container needs them."},
		{Commands: []string{"push"}, Flag: "all-platforms", Kind: Extra, Why: "Fails if a platform of the image is not here, instead of pushing the others."},
		{Flag: "hosts-dir", Kind: Extra, Why: "Folders with a hosts.toml for each registry, for this command."},
		{Flag: "insecure-registry", Kind: Extra, Why: "Registries' certificates are not verified, and plain HTTP is a way out, for this command."},
	}
	return append(append(out, toolEntries()...), signatureEntries()...)
}

// toolEntries are about conversions and encryption, which Docker has not.
func toolEntries() []Entry {
	out := []Entry{
		{Commands: []string{"image mount", "image unmount"}, Kind: Extra, Why: "Show an image's files on the host, without a container, as in Podman."},
		{Commands: []string{"image convert"}, Kind: Extra, Why: "Makes images with layers in eStargz, zstd, zstd:chunked, EROFS or uncompressed, or with OCI's media types, as in nerdctl."},
		{Commands: []string{"image encrypt", "image decrypt"}, Kind: Extra, Why: "OCIcrypt, with public keys (jwe) and certificates (pkcs7), as in nerdctl. There is no pgp, which would run gpg."},
		{Commands: []string{"image preload"}, Kind: Extra, Why: "Pulls a list of images in parallel."},
		{Commands: []string{"image inspect"}, Flag: "mode", Kind: Extra, Why: "`native` shows what containerd keeps."},
		{Commands: []string{"pull", "load", "tag", "build"}, Flag: "for-kubernetes", Kind: Extra, Why: "Puts the image where the kubelet looks for it."},
		{Commands: []string{"load", "save"}, Flag: "all-platforms", Kind: Extra, Why: "Fails if a platform of the image is not there, instead of taking those that are."},
		{Commands: []string{"images"}, Flag: "names", Kind: Extra, Why: "Full names, as containerd keeps them."},
		{Commands: []string{"rmi"}, Flag: "async", Kind: Extra, Why: "Leaves the content to containerd's next garbage collection."},
	}
	for _, flag := range []string{"nydus", "nydus-builder-path", "nydus-compressor", "nydus-prefetch-patterns", "nydus-work-dir"} {
		out = append(out, Entry{Commands: []string{"image convert"}, Flag: flag, Kind: Refused, Why: "Needs nydus's own programs.", Instead: "use --estargz, --zstdchunked or --erofs"})
	}
	for _, flag := range []string{"overlaybd", "overlaybd-dbstr", "overlaybd-fs-type", "overlaybd-vsize"} {
		out = append(out, Entry{Commands: []string{"image convert"}, Flag: flag, Kind: Refused, Why: "Needs overlaybd's own programs.", Instead: "use --estargz, --zstdchunked or --erofs"})
	}
	for _, flag := range []string{"soci", "soci-min-layer-size", "soci-span-size"} {
		commands := []string{"image convert", "push"}
		if flag == "soci" {
			commands = commands[:1]
		}
		out = append(out, Entry{Commands: commands, Flag: flag, Kind: Refused, Why: "Needs SOCI's own programs.", Instead: "use nerd image convert --estargz"})
	}
	return append(out,
		Entry{Commands: []string{"pull"}, Flag: "soci-index-digest", Kind: Refused, Why: "Needs SOCI's own programs.", Instead: "use nerd image convert --estargz, and --snapshotter stargz"},
		Entry{Commands: []string{"image convert"}, Flag: "estargz-external-toc", Kind: Refused, Why: "The table of contents would be an image of its own that no registry keeps with the first.", Instead: "use --estargz alone"},
		Entry{Commands: []string{"image convert"}, Flag: "estargz-keep-diff-id", Kind: Refused, Why: "It is of an external table of contents alone.", Instead: "use --estargz alone"},
		Entry{Commands: []string{"image convert"}, Flag: "estargz-gzip-helper", Kind: Refused, Why: "Layers are decompressed in process: no program found on PATH sees them.", Instead: "leave it out"},
		Entry{Commands: []string{"image encrypt", "image decrypt"}, Flag: "gpg-homedir", Kind: Refused, Why: "pgp is not offered.", Instead: "use jwe: or pkcs7: keys"},
		Entry{Commands: []string{"image encrypt", "image decrypt"}, Flag: "gpg-version", Kind: Refused, Why: "pgp is not offered.", Instead: "use jwe: or pkcs7: keys"},
	)
}

// signatureEntries are about signatures and other ways to registries.
func signatureEntries() []Entry {
	out := []Entry{
		{Commands: []string{"pull"}, Flag: "verify", Kind: Extra, Why: "`cosign` and `notation`, with keys that are here: an image without a valid signature is refused before anything of it is fetched. Transparency logs are not asked."},
		{Commands: []string{"push"}, Flag: "sign", Kind: Extra, Why: "`cosign` and `notation`, with keys in files."},
		{Commands: []string{"push"}, Flag: "estargz", Kind: Refused, Why: "A push sends what is here.", Instead: "use nerd image convert --estargz before"},
		{Commands: []string{"push"}, Flag: "ipfs-ensure-image", Kind: Refused, Why: "IPFS is not supported.", Instead: "push to a registry"},
		{Commands: []string{"push"}, Flag: "ipfs-address", Kind: Refused, Why: "IPFS is not supported.", Instead: "push to a registry"},
		{Commands: []string{"pull"}, Flag: "ipfs-address", Kind: Refused, Why: "IPFS is not supported.", Instead: "pull from a registry"},
	}
	for _, flag := range []string{"cosign-certificate-identity", "cosign-certificate-identity-regexp", "cosign-certificate-oidc-issuer", "cosign-certificate-oidc-issuer-regexp"} {
		out = append(out, Entry{Commands: []string{"pull"}, Flag: flag, Kind: Refused, Why: "Signatures without keys need services on the net to be checked.", Instead: "use --cosign-key"})
	}
	return out
}
