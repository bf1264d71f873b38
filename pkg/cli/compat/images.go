package compat

// imageEntries are about images and registries.
func imageEntries() []Entry {
	return []Entry{
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
}
