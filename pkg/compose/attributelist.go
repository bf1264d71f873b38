package compose

import "slices"

// Reasons that several attributes share.
const (
	whySwarm   = "it is about the machines of a swarm, and this is one machine"
	whyWindows = "Windows containers have it, Linux has not"
	whySELinux = "files are not relabelled for SELinux"
	whyModels  = "models need Docker's model runner"
)

// attributes is the one list of what the specification has.
var attributes = slices.Concat(projectAttributes, serviceAttributes, serviceAttributes2, buildAttributes, resourceAttributes)

// projectAttributes are those at the top of a file.
var projectAttributes = []Attribute{
	{"include", Works, "of files on this machine; nothing is fetched"},
	{"include.env_file", Works, ""},
	{"include.path", Works, "of this machine"},
	{"include.project_directory", Works, ""},
	{"jobs", Refused, "jobs are not run: use a service with a profile and `compose run`"},
	{"models", Refused, whyModels},
	{"name", Works, "also `-p` and `COMPOSE_PROJECT_NAME`"},
	{"version", NoEffect, "obsolete; the loader says so"},
}

// resourceAttributes are those of networks, volumes, configs and secrets.
var resourceAttributes = []Attribute{
	{"configs.content", Works, ""},
	{"configs.driver", Refused, whySwarm},
	{"configs.environment", Works, ""},
	{"configs.external", Refused, whySwarm},
	{"configs.file", Works, ""},
	{"configs.labels", NoEffect, whySwarm},
	{"configs.name", Works, ""},
	{"configs.template_driver", Refused, whySwarm},
	{"networks.attachable", Works, ""},
	{"networks.driver", Works, "bridge, macvlan, ipvlan, host-device"},
	{"networks.driver_opts", Works, ""},
	{"networks.enable_ipv4", Works, ""},
	{"networks.enable_ipv6", Works, ""},
	{"networks.external", Works, ""},
	{"networks.external.name", Works, "obsolete form of name"},
	{"networks.internal", Works, ""},
	{"networks.ipam", Works, "also gateways, ranges and reserved addresses"},
	{"networks.ipam.config", Works, ""},
	{"networks.ipam.config.aux_addresses", Works, ""},
	{"networks.ipam.config.gateway", Works, ""},
	{"networks.ipam.config.ip_range", Works, ""},
	{"networks.ipam.config.subnet", Works, ""},
	{"networks.ipam.driver", Works, ""},
	{"networks.ipam.options", Works, ""},
	{"networks.labels", Works, ""},
	{"networks.name", Works, ""},
	{"secrets.driver", Refused, whySwarm},
	{"secrets.driver_opts", Refused, whySwarm},
	{"secrets.environment", Works, ""},
	{"secrets.external", Refused, whySwarm},
	{"secrets.file", Works, ""},
	{"secrets.labels", NoEffect, whySwarm},
	{"secrets.name", Works, ""},
	{"secrets.template_driver", Refused, whySwarm},
	{"volumes.driver", Works, "local"},
	{"volumes.driver_opts", Works, ""},
	{"volumes.external", Works, ""},
	{"volumes.external.name", Works, "obsolete form of name"},
	{"volumes.labels", Works, ""},
	{"volumes.name", Works, ""},
}
