package flagx

import (
	"net"

	"github.com/docker/cli/opts"
	"github.com/moby/moby/api/types/container"
	"github.com/spf13/pflag"
)

// ContainerFlags are the flags that describe a container, common to run and
// create. What needs no check goes straight into the fields of Config and Host;
// the rest is kept as text until Options.
type ContainerFlags struct {
	Name     string
	Platform string

	Config container.Config
	Host   container.HostConfig

	attach, env, envFiles, labels, labelFiles  []string
	publish, expose, volumes, tmpfs, devices   []string
	dns, logOpts, storageOpts, links           []string
	securityOpts, aliases, linkLocalIPs        []string
	entrypoint, logDriver, macAddress, restart string
	pid, ipc, uts, userns, cgroupns, isolation string
	ipv4, ipv6                                 net.IP
	mounts                                     opts.MountOpt
	networks                                   opts.NetworkOpt
	gpus                                       opts.GpuOpts
	ulimits                                    *opts.UlimitOpt
	annotations, sysctls                       *opts.MapOpts
	weights                                    opts.WeightdeviceOpt
	readBps, writeBps, readIOps, writeIOps     opts.ThrottledeviceOpt
	init, oomKillDisable, noHealthcheck, stdin bool
	useAPISocket                               bool
	maxBandwidth                               opts.MemBytes
	swappiness, pidsLimit                      int64
	stopTimeout                                int
	healthCommand                              string
	healthInterval, healthTimeout, healthStart opts.DurationOpt
	healthStartInterval                        opts.DurationOpt
	healthRetries                              int
}

// list is a flag that can be given several times.
func list(fs *pflag.FlagSet, p *[]string, name, short, usage string, check opts.ValidatorFctType) {
	fs.VarP(opts.NewListOptsRef(p, check), name, short, usage)
}

// Register adds the flags to a command.
func (c *ContainerFlags) Register(fs *pflag.FlagSet) {
	// The command has -h for the host name, so its help has no shorthand.
	fs.Bool("help", false, "Print this help")
	_ = fs.MarkHidden("help")
	fs.StringVar(&c.Name, "name", "", "Name of the container")
	fs.StringVar(&c.Platform, "platform", "", "Platform of the image, where it has several")
	c.registerProcess(fs)
	c.registerMetadata(fs)
	c.registerFiles(fs)
	c.registerNetwork(fs)
	c.registerSecurity(fs)
	c.registerResources(fs)
	c.registerBlockIO(fs)
	c.registerHealth(fs)
	c.registerOther(fs)
	fs.SetNormalizeFunc(normalizeName)
}

// normalizeName maps the older spellings of flags to the present ones.
func normalizeName(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	switch name {
	case "net":
		name = "network"
	case "net-alias":
		name = "network-alias"
	case "dns-opt":
		name = "dns-option"
	}
	return pflag.NormalizedName(name)
}

func (c *ContainerFlags) registerProcess(fs *pflag.FlagSet) {
	list(fs, &c.attach, "attach", "a", "Streams to attach to: stdin, stdout, stderr", validateAttach)
	fs.BoolVarP(&c.stdin, "interactive", "i", false, "Keep standard input open")
	fs.BoolVarP(&c.Config.Tty, "tty", "t", false, "Give the command a terminal")
	list(fs, &c.env, "env", "e", "Environment variable, NAME=VALUE, or NAME to take it over", opts.ValidateEnv)
	list(fs, &c.envFiles, "env-file", "", "File of environment variables", nil)
	fs.StringVar(&c.entrypoint, "entrypoint", "", "Program to run instead of the image's entry point")
	fs.StringVarP(&c.Config.User, "user", "u", "", "User, and group after a colon, by name or number")
	list(fs, &c.Host.GroupAdd, "group-add", "", "Further group of the user", nil)
	fs.StringVarP(&c.Config.WorkingDir, "workdir", "w", "", "Folder to start in")
	fs.StringVar(&c.Config.StopSignal, "stop-signal", "", "Signal that stops the container")
	fs.IntVar(&c.stopTimeout, "stop-timeout", 0, "Seconds from the stop signal to SIGKILL")
	fs.BoolVar(&c.init, "init", false, "Run a small init as the first process")
	fs.StringVar(&c.restart, "restart", string(container.RestartPolicyDisabled), "When to restart it: no, on-failure[:N], always, unless-stopped")
	fs.BoolVar(&c.Host.AutoRemove, "rm", false, "Remove the container when it ends")
}

func (c *ContainerFlags) registerMetadata(fs *pflag.FlagSet) {
	list(fs, &c.labels, "label", "l", "Label, KEY=VALUE", opts.ValidateLabel)
	list(fs, &c.labelFiles, "label-file", "", "File of labels", nil)
	c.annotations = opts.NewMapOpts(nil, nil)
	fs.Var(c.annotations, "annotation", "Annotation for the OCI runtime, KEY=VALUE")
	fs.StringVar(&c.Host.ContainerIDFile, "cidfile", "", "File to write the container's id to")
	fs.StringVar(&c.logDriver, "log-driver", "", "Where the output goes: json-file, local, journald, syslog, fluentd, gelf or none")
	list(fs, &c.logOpts, "log-opt", "", "Option of the log driver, KEY=VALUE", nil)
}

func (c *ContainerFlags) registerFiles(fs *pflag.FlagSet) {
	list(fs, &c.volumes, "volume", "v", "Mount a volume or a folder of the host, [SOURCE:]TARGET[:OPTIONS]", nil)
	fs.StringVar(&c.Host.VolumeDriver, "volume-driver", "", "Driver of the container's volumes: local")
	list(fs, &c.Host.VolumesFrom, "volumes-from", "", "Container to take the mounts of, CONTAINER[:ro|rw]", nil)
	fs.Var(&c.mounts, "mount", "Mount something, type=bind|volume|tmpfs|image,src=SOURCE,dst=TARGET")
	list(fs, &c.tmpfs, "tmpfs", "", "Mount a tmpfs, PATH[:OPTIONS]", nil)
	fs.BoolVar(&c.Host.ReadonlyRootfs, "read-only", false, "Make the container's root file system read-only")
	fs.Var((*opts.MemBytes)(&c.Host.ShmSize), "shm-size", "Size of /dev/shm")
	list(fs, &c.storageOpts, "storage-opt", "", "Option of the root file system, KEY=VALUE", nil)
	list(fs, &c.devices, "device", "", "Device of the host, HOST[:CONTAINER[:PERMISSIONS]]", validateDevice)
}

func (c *ContainerFlags) registerNetwork(fs *pflag.FlagSet) {
	fs.Var(&c.networks, "network", "Network to connect to")
	list(fs, &c.aliases, "network-alias", "", "Further name of the container in the network", nil)
	list(fs, &c.publish, "publish", "p", "Publish a port, [[IP:]HOST:]CONTAINER[/PROTOCOL]", nil)
	fs.BoolVarP(&c.Host.PublishAllPorts, "publish-all", "P", false, "Publish all exposed ports, on free ports of the host")
	list(fs, &c.expose, "expose", "", "Expose a port or a range of ports", nil)
	fs.StringVarP(&c.Config.Hostname, "hostname", "h", "", "Host name in the container")
	fs.StringVar(&c.Config.Domainname, "domainname", "", "Domain name in the container")
	fs.IPVar(&c.ipv4, "ip", nil, "IPv4 address (e.g., 172.30.100.104)")
	fs.IPVar(&c.ipv6, "ip6", nil, "IPv6 address (e.g., 2001:db8::33)")
	list(fs, &c.linkLocalIPs, "link-local-ip", "", "Link-local address", nil)
	fs.StringVar(&c.macAddress, "mac-address", "", "MAC address (e.g., 92:d0:c6:0a:29:33)")
	list(fs, &c.links, "link", "", "Link to another container, CONTAINER[:ALIAS]", opts.ValidateLink)
	list(fs, &c.dns, "dns", "", "Name server", opts.ValidateIPAddress)
	list(fs, &c.Host.DNSOptions, "dns-option", "", "Option of the resolver", nil)
	list(fs, &c.Host.DNSSearch, "dns-search", "", "Domain to search", opts.ValidateDNSSearch)
	list(fs, &c.Host.ExtraHosts, "add-host", "", "Line for /etc/hosts, NAME:IP", opts.ValidateExtraHost)
}

func (c *ContainerFlags) registerSecurity(fs *pflag.FlagSet) {
	fs.BoolVar(&c.Host.Privileged, "privileged", false, "Give the container all rights on the host")
	list(fs, &c.Host.CapAdd, "cap-add", "", "Add a capability", nil)
	list(fs, &c.Host.CapDrop, "cap-drop", "", "Drop a capability", nil)
	list(fs, &c.securityOpts, "security-opt", "", "Security option: seccomp=, apparmor=, no-new-privileges, systempaths=", nil)
	c.sysctls = opts.NewMapOpts(nil, opts.ValidateSysctl)
	fs.Var(c.sysctls, "sysctl", "Kernel parameter of the container's namespaces, NAME=VALUE")
	c.ulimits = opts.NewUlimitOpt(nil)
	fs.Var(c.ulimits, "ulimit", "Limit of the process, NAME=SOFT[:HARD]")
	list(fs, &c.Host.DeviceCgroupRules, "device-cgroup-rule", "", "Rule for the device cgroup, such as 'c 42:* rmw'", validateDeviceRule)
	fs.StringVar(&c.pid, "pid", "", "PID namespace: host, container:NAME")
	fs.StringVar(&c.ipc, "ipc", "", "IPC namespace: none, private, shareable, host, container:NAME")
	fs.StringVar(&c.uts, "uts", "", "UTS namespace: host")
	fs.StringVar(&c.userns, "userns", "", "User namespace: host")
	fs.StringVar(&c.cgroupns, "cgroupns", "", "Cgroup namespace: host, private")
}

func (c *ContainerFlags) registerResources(fs *pflag.FlagSet) {
	fs.VarP((*opts.MemBytes)(&c.Host.Memory), "memory", "m", "Memory limit")
	fs.Var((*opts.MemBytes)(&c.Host.MemoryReservation), "memory-reservation", "Memory that is not taken away under pressure")
	fs.Var((*opts.MemSwapBytes)(&c.Host.MemorySwap), "memory-swap", "Limit of memory and swap together; -1: none")
	fs.Int64Var(&c.swappiness, "memory-swappiness", -1, "How eagerly memory is swapped, 0 to 100")
	fs.BoolVar(&c.oomKillDisable, "oom-kill-disable", false, "Let the container wait instead of being killed when it is out of memory")
	fs.IntVar(&c.Host.OomScoreAdj, "oom-score-adj", 0, "Preference for being killed when the host is out of memory, -1000 to 1000")
	fs.Var((*opts.NanoCPUs)(&c.Host.NanoCPUs), "cpus", "Number of CPUs, such as 1.5")
	fs.Int64VarP(&c.Host.CPUShares, "cpu-shares", "c", 0, "Weight among other containers for CPU time")
	fs.Int64Var(&c.Host.CPUPeriod, "cpu-period", 0, "Period of the CPU quota in microseconds")
	fs.Int64Var(&c.Host.CPUQuota, "cpu-quota", 0, "CPU time per period in microseconds")
	fs.Int64Var(&c.Host.CPURealtimePeriod, "cpu-rt-period", 0, "Period of the real-time CPU quota in microseconds")
	fs.Int64Var(&c.Host.CPURealtimeRuntime, "cpu-rt-runtime", 0, "Real-time CPU time per period in microseconds")
	fs.StringVar(&c.Host.CpusetCpus, "cpuset-cpus", "", "CPUs to run on, such as 0-3 or 0,1")
	fs.StringVar(&c.Host.CpusetMems, "cpuset-mems", "", "Memory nodes to use, such as 0-3 or 0,1")
	fs.Int64Var(&c.pidsLimit, "pids-limit", 0, "Number of processes allowed; -1: no limit")
	fs.StringVar(&c.Host.CgroupParent, "cgroup-parent", "", "Cgroup below which the container's is made")
	fs.Var(&c.gpus, "gpus", "GPUs to give to the container")
	var kernel opts.MemBytes
	fs.Var(&kernel, "kernel-memory", "Kernel memory limit")
	_ = fs.MarkHidden("kernel-memory")
}

func (c *ContainerFlags) registerBlockIO(fs *pflag.FlagSet) {
	fs.Uint16Var(&c.Host.BlkioWeight, "blkio-weight", 0, "Weight among other containers for block devices, 10 to 1000")
	c.weights = opts.NewWeightdeviceOpt(opts.ValidateWeightDevice)
	fs.Var(&c.weights, "blkio-weight-device", "Weight for one device, DEVICE:WEIGHT")
	c.readBps = opts.NewThrottledeviceOpt(opts.ValidateThrottleBpsDevice)
	fs.Var(&c.readBps, "device-read-bps", "Limit of bytes read per second, DEVICE:RATE")
	c.writeBps = opts.NewThrottledeviceOpt(opts.ValidateThrottleBpsDevice)
	fs.Var(&c.writeBps, "device-write-bps", "Limit of bytes written per second, DEVICE:RATE")
	c.readIOps = opts.NewThrottledeviceOpt(opts.ValidateThrottleIOpsDevice)
	fs.Var(&c.readIOps, "device-read-iops", "Limit of reads per second, DEVICE:RATE")
	c.writeIOps = opts.NewThrottledeviceOpt(opts.ValidateThrottleIOpsDevice)
	fs.Var(&c.writeIOps, "device-write-iops", "Limit of writes per second, DEVICE:RATE")
}

func (c *ContainerFlags) registerHealth(fs *pflag.FlagSet) {
	fs.StringVar(&c.healthCommand, "health-cmd", "", "Command that checks the container's health")
	fs.Var(&c.healthInterval, "health-interval", "Time between two checks")
	fs.Var(&c.healthTimeout, "health-timeout", "Time that one check may take")
	fs.Var(&c.healthStart, "health-start-period", "Time in which failures do not count")
	fs.Var(&c.healthStartInterval, "health-start-interval", "Time between two checks during the start period")
	fs.IntVar(&c.healthRetries, "health-retries", 0, "Failures in a row that make the container unhealthy")
	fs.BoolVar(&c.noHealthcheck, "no-healthcheck", false, "Do without the image's health check")
}

func (c *ContainerFlags) registerOther(fs *pflag.FlagSet) {
	fs.StringVar(&c.Host.Runtime, "runtime", "", "OCI runtime to use")
	fs.StringVar(&c.isolation, "isolation", "", "Isolation technology: default")
	fs.BoolVar(&c.useAPISocket, "use-api-socket", false, "Bind the API socket of the engine")
	fs.Bool("disable-content-trust", true, "Skip the verification of images")
	_ = fs.MarkHidden("disable-content-trust")
	fs.Int64Var(&c.Host.CPUCount, "cpu-count", 0, "Number of CPUs (Windows only)")
	fs.Int64Var(&c.Host.CPUPercent, "cpu-percent", 0, "Percentage of the CPUs (Windows only)")
	fs.Var(&c.maxBandwidth, "io-maxbandwidth", "Limit of the system drive's bandwidth (Windows only)")
	fs.Uint64Var(&c.Host.IOMaximumIOps, "io-maxiops", 0, "Limit of the system drive's operations per second (Windows only)")
	for _, name := range []string{"cpu-count", "cpu-percent", "io-maxbandwidth", "io-maxiops"} {
		_ = fs.MarkHidden(name)
	}
}
