package compat

// networkEntries are about networks.
func networkEntries() []Entry {
	create := []string{"network create"}
	return []Entry{
		{Commands: create, Flag: "ingress", Kind: Refused, Why: "It is a swarm's routing mesh.", Instead: "publish ports with run --publish"},
		{Commands: create, Flag: "config-only", Kind: Refused, Why: "It is a template for the nodes of a swarm.", Instead: "give the options to each network"},
		{Commands: create, Flag: "config-from", Kind: Refused, Why: "It is a template for the nodes of a swarm.", Instead: "give the options to each network"},
		{Commands: create, Flag: "scope", Value: "other than `local`", Kind: Refused, Why: "nerd works on one machine.", Instead: "leave it out"},
		{Commands: create, Flag: "driver", Value: "`overlay`", Kind: Refused, Why: "It connects the nodes of a swarm.", Instead: "use bridge, macvlan or ipvlan"},
		{Commands: create, Flag: "driver", Value: "`ptp`, `host-device`", Kind: Extra, Why: "CNI's point-to-point links, and an interface of the host handed over."},
		{
			Commands: create, Flag: "opt", Value: "a key that the driver does not know", Kind: Refused,
			Why: "Docker keeps it and nothing comes of it.", Instead: "leave it out",
		},
		{Commands: create, Flag: "ipam-driver", Value: "`dhcp`, `static`", Kind: Extra, Why: "CNI's ways of giving out addresses."},
		{Commands: create, Flag: "subnet", Value: "one of IPv6", Kind: Differs, Why: "It switches IPv6 on, where Docker ignores it without --ipv6."},
		{
			Commands: []string{"run", "create"}, Flag: "publish", Value: "on an internal network, macvlan or ipvlan", Kind: Refused,
			Why: "Docker accepts it and publishes nothing.", Instead: "leave it out, or use a bridge",
		},
		{Commands: []string{"run", "create"}, Flag: "network", Value: "`ns:PATH`", Kind: Extra, Why: "Joins a network namespace by its file."},
		{Commands: []string{"network disconnect"}, Flag: "force", Kind: Differs, Why: "It also takes away what is left of a container that is gone."},
	}
}
