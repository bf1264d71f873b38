package compat

// namespaceEntries are about containerd's namespaces, which Docker does not show.
func namespaceEntries() []Entry {
	return []Entry{
		{
			Flag: "namespace", Kind: Extra,
			Why: "containerd keeps the containers and images of different clients apart in namespaces: nerd's own are in `default`, a kubelet's in `k8s.io`, Docker's in `moby`.",
		},
		{
			Flag: "force-foreign", Kind: Extra,
			Why: "stop, kill, rm, pause and unpause act on containers that others made only with it, see [namespaces](namespaces.md).",
		},
		{
			Commands: []string{"namespace"}, Kind: Extra,
			Why: "Lists, makes, labels and removes namespaces.",
		},
	}
}
