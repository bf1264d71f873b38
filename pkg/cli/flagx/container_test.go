package flagx_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	apicontainer "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/container"
)

// parse reads a command line of run: flags, image, command.
func parse(tb testing.TB, args ...string) (container.CreateOptions, error) {
	tb.Helper()
	fs := pflag.NewFlagSet("run", pflag.ContinueOnError)
	fs.SetInterspersed(false)
	var c flagx.ContainerFlags
	c.Register(fs)
	if err := fs.Parse(args); err != nil {
		return container.CreateOptions{}, err
	}
	return c.Options(fs, fs.Arg(0), fs.Args()[1:])
}

func ptr[T any](v T) *T { return &v }

func TestDefaults(t *testing.T) {
	got, err := parse(t, "image")
	if err != nil {
		t.Fatal(err)
	}
	want := container.CreateOptions{
		Config:     &apicontainer.Config{Image: "image", AttachStdout: true, AttachStderr: true},
		HostConfig: &apicontainer.HostConfig{NetworkMode: "default", RestartPolicy: apicontainer.RestartPolicy{Name: "no"}},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateComparable(network.Port{}, netip.Addr{})); diff != "" {
		t.Fatal(diff)
	}
}

func TestConfig(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "env")
	if err := os.WriteFile(file, []byte("# a comment\nFROM_FILE=1\nTAKEN\nNOT_THERE\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TAKEN", "over")
	for _, tc := range []struct {
		args string
		want apicontainer.Config
	}{
		{"-i image cat", apicontainer.Config{OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true, Cmd: []string{"cat"}}},
		{"-t image sh -c -i", apicontainer.Config{Tty: true, AttachStdout: true, AttachStderr: true, Cmd: []string{"sh", "-c", "-i"}}},
		{"-a stdout image", apicontainer.Config{AttachStdout: true}},
		{"-a STDIN -a stderr image", apicontainer.Config{AttachStdin: true, AttachStderr: true}},
		{"-e A=1 -e TAKEN -e GONE --env B= image", apicontainer.Config{Env: []string{"A=1", "TAKEN=over", "GONE", "B="}}},
		{"-e A=1 --env-file " + file + " image", apicontainer.Config{Env: []string{"FROM_FILE=1", "TAKEN=over", "A=1"}}},
		{"--entrypoint /x image y", apicontainer.Config{Entrypoint: []string{"/x"}, Cmd: []string{"y"}}},
		{"--entrypoint= image", apicontainer.Config{Entrypoint: []string{""}}},
		{"-u 1:2 -w /d -h name --domainname dom image", apicontainer.Config{User: "1:2", WorkingDir: "/d", Hostname: "name", Domainname: "dom"}},
		{"-l a=1 -l b image", apicontainer.Config{Labels: map[string]string{"a": "1", "b": ""}}},
		{"--stop-signal INT --stop-timeout 0 image", apicontainer.Config{StopSignal: "INT", StopTimeout: ptr(0)}},
		{"--no-healthcheck image", apicontainer.Config{Healthcheck: &apicontainer.HealthConfig{Test: []string{"NONE"}}}},
		{"--expose 80-81 -p 90:82/udp image", apicontainer.Config{ExposedPorts: network.PortSet{
			network.MustParsePort("80/tcp"): {}, network.MustParsePort("81/tcp"): {}, network.MustParsePort("82/udp"): {},
		}}},
	} {
		t.Run(tc.args, func(t *testing.T) {
			got, err := parse(t, strings.Fields(tc.args)...)
			if err != nil {
				t.Fatal(err)
			}
			tc.want.Image = "image"
			if !strings.Contains(tc.args, "-a ") {
				tc.want.AttachStdout, tc.want.AttachStderr = true, true
			}
			if diff := cmp.Diff(&tc.want, got.Config, cmpopts.EquateEmpty(), cmpopts.EquateComparable(network.Port{})); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

func TestHostConfig(t *testing.T) {
	profile := filepath.Join(t.TempDir(), "seccomp.json")
	if err := os.WriteFile(profile, []byte("{ \"a\": 1\n}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args string
		want apicontainer.HostConfig
	}{
		{"-m 64m --memory-swap -1 --memory-reservation 32m --memory-swappiness 0 image", apicontainer.HostConfig{Resources: apicontainer.Resources{
			Memory: 64 << 20, MemorySwap: -1, MemoryReservation: 32 << 20, MemorySwappiness: ptr(int64(0)),
		}}},
		{"--cpus 1.5 -c 512 --cpuset-cpus 0,1 --cpuset-mems 0 image", apicontainer.HostConfig{Resources: apicontainer.Resources{
			NanoCPUs: 15e8, CPUShares: 512, CpusetCpus: "0,1", CpusetMems: "0",
		}}},
		{"--cpu-period 1000 --cpu-quota 500 --cpu-rt-period 3 --cpu-rt-runtime 2 image", apicontainer.HostConfig{Resources: apicontainer.Resources{
			CPUPeriod: 1000, CPUQuota: 500, CPURealtimePeriod: 3, CPURealtimeRuntime: 2,
		}}},
		{"--pids-limit -1 --oom-kill-disable --oom-score-adj 500 --cgroup-parent /p image", apicontainer.HostConfig{OomScoreAdj: 500, Resources: apicontainer.Resources{
			PidsLimit: ptr(int64(-1)), OomKillDisable: ptr(true), CgroupParent: "/p",
		}}},
		{"--cap-add NET_ADMIN --cap-drop ALL --privileged --read-only image", apicontainer.HostConfig{
			CapAdd: []string{"NET_ADMIN"}, CapDrop: []string{"ALL"}, Privileged: true, ReadonlyRootfs: true,
		}},
		{"--security-opt no-new-privileges --security-opt seccomp=unconfined --security-opt apparmor:x image", apicontainer.HostConfig{
			SecurityOpt: []string{"no-new-privileges", "seccomp=unconfined", "apparmor=x"},
		}},
		{"--security-opt seccomp=" + profile + " image", apicontainer.HostConfig{SecurityOpt: []string{`seccomp={"a":1}`}}},
		{"--pid host --ipc private --uts host --userns host --cgroupns host image", apicontainer.HostConfig{
			PidMode: "host", IpcMode: "private", UTSMode: "host", UsernsMode: "host", CgroupnsMode: "host",
		}},
		{"-v /a:/b:ro --tmpfs /t --tmpfs /u:size=1m --shm-size 1g image", apicontainer.HostConfig{
			Binds: []string{"/a:/b:ro"}, Tmpfs: map[string]string{"/t": "", "/u": "size=1m"}, ShmSize: 1 << 30,
		}},
		{"--mount type=bind,src=/a,dst=/b,readonly,bind-propagation=rshared --mount type=tmpfs,dst=/t,tmpfs-size=1m image", apicontainer.HostConfig{Mounts: []mount.Mount{
			{Type: "bind", Source: "/a", Target: "/b", ReadOnly: true, BindOptions: &mount.BindOptions{Propagation: "rshared"}},
			{Type: "tmpfs", Target: "/t", TmpfsOptions: &mount.TmpfsOptions{SizeBytes: 1 << 20}},
		}}},
		{"--device /dev/a:r --device-cgroup-rule image", apicontainer.HostConfig{}},
		{"--log-driver json-file --log-opt max-size=1m --log-opt max-file=3 image", apicontainer.HostConfig{LogConfig: apicontainer.LogConfig{
			Type: "json-file", Config: map[string]string{"max-size": "1m", "max-file": "3"},
		}}},
		{"--log-opt x image", apicontainer.HostConfig{LogConfig: apicontainer.LogConfig{Config: map[string]string{"x": ""}}}},
		{"--log-driver none image", apicontainer.HostConfig{LogConfig: apicontainer.LogConfig{Type: "none"}}},
		{"--restart on-failure:3 image", apicontainer.HostConfig{RestartPolicy: apicontainer.RestartPolicy{Name: "on-failure", MaximumRetryCount: 3}}},
		{"--rm --cidfile /x image", apicontainer.HostConfig{AutoRemove: true, ContainerIDFile: "/x"}},
		{"-p 127.0.0.1:8080:80 -P image", apicontainer.HostConfig{PublishAllPorts: true, PortBindings: network.PortMap{
			network.MustParsePort("80/tcp"): {{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: "8080"}},
		}}},
		{"--net host image", apicontainer.HostConfig{NetworkMode: "host"}},
		{"--dns 1.1.1.1 --dns-opt ndots:2 --dns-search x.org --add-host a:1.2.3.4 image", apicontainer.HostConfig{
			DNS: []netip.Addr{netip.MustParseAddr("1.1.1.1")}, DNSOptions: []string{"ndots:2"}, DNSSearch: []string{"x.org"}, ExtraHosts: []string{"a:1.2.3.4"},
		}},
		{"--group-add 5 --sysctl net.ipv4.ip_forward=1 --annotation a=b --runtime r image", apicontainer.HostConfig{
			GroupAdd: []string{"5"}, Sysctls: map[string]string{"net.ipv4.ip_forward": "1"}, Annotations: map[string]string{"a": "b"}, Runtime: "r",
		}},
		{"--ulimit nofile=10:20 --blkio-weight 20 image", apicontainer.HostConfig{Resources: apicontainer.Resources{
			Ulimits: []*apicontainer.Ulimit{{Name: "nofile", Soft: 10, Hard: 20}}, BlkioWeight: 20,
		}}},
	} {
		if strings.Contains(tc.args, "--device ") {
			tc.args = "--device /dev/a:r --device-cgroup-rule RULE image"
			tc.want.Devices = []apicontainer.DeviceMapping{{PathOnHost: "/dev/a", PathInContainer: "/dev/a", CgroupPermissions: "r"}}
			tc.want.DeviceCgroupRules = []string{"c 42:* rmw"}
		}
		t.Run(tc.args, func(t *testing.T) {
			args := strings.Fields(tc.args)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "RULE", "c 42:* rmw")
			}
			got, err := parse(t, args...)
			if err != nil {
				t.Fatal(err)
			}
			if tc.want.NetworkMode == "" {
				tc.want.NetworkMode = "default"
			}
			if tc.want.RestartPolicy.Name == "" {
				tc.want.RestartPolicy.Name = "no"
			}
			if diff := cmp.Diff(&tc.want, got.HostConfig, cmpopts.EquateEmpty(), cmpopts.EquateComparable(network.Port{}, netip.Addr{})); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

func TestSystemPaths(t *testing.T) {
	got, err := parse(t, "--security-opt", "systempaths=unconfined", "image")
	if err != nil {
		t.Fatal(err)
	}
	hc := got.HostConfig
	if hc.MaskedPaths == nil || hc.ReadonlyPaths == nil || len(hc.MaskedPaths)+len(hc.ReadonlyPaths) != 0 || len(hc.SecurityOpt) != 0 {
		t.Fatalf("got %#v %#v %v", hc.MaskedPaths, hc.ReadonlyPaths, hc.SecurityOpt)
	}
}

func TestNetworks(t *testing.T) {
	got, err := parse(t, strings.Fields("--network name=a,alias=x,ip=10.0.0.5 --network b --network-alias y image")...)
	if err == nil {
		t.Fatal("an alias in both places was accepted")
	}
	got, err = parse(t, strings.Fields("--network a --network b --network-alias y --ip 10.0.0.5 --ip6 fd00::5 --mac-address 02:00:00:00:00:01 image")...)
	if err != nil {
		t.Fatal(err)
	}
	a := got.Networks["a"]
	if got.HostConfig.NetworkMode != "a" || len(got.Networks) != 2 || a == nil || a.Aliases[0] != "y" ||
		a.IPAMConfig.IPv4Address.String() != "10.0.0.5" || a.IPAMConfig.IPv6Address.String() != "fd00::5" || a.MacAddress.String() != "02:00:00:00:00:01" {
		t.Fatalf("got %s %+v", got.HostConfig.NetworkMode, a)
	}
	if got, err := parse(t, "--network", "none", "image"); err != nil || got.Networks != nil {
		t.Fatalf("got %v, %v", got.Networks, err)
	}
	if got, err := parse(t, "--mac-address", "02:00:00:00:00:01", "image"); err != nil || got.Networks["default"] == nil {
		t.Fatalf("got %v, %v", got.Networks, err)
	}
}

func TestLinks(t *testing.T) {
	got, err := parse(t, "--link", "db:store", "image")
	if err != nil || got.Networks != nil || len(got.HostConfig.Links) != 1 || got.HostConfig.Links[0] != "db:store" {
		t.Errorf("on the default bridge: %v %v, %v", got.Networks, got.HostConfig.Links, err)
	}
	got, err = parse(t, "--network", "own", "--link", "db:store", "image")
	if err != nil || got.Networks["own"] == nil || len(got.Networks["own"].Links) != 1 {
		t.Errorf("on another: %v, %v", got.Networks, err)
	}
	if got, err := parse(t, "--network", "ns:/run/netns/x", "image"); err != nil || got.Networks != nil || got.HostConfig.NetworkMode != "ns:/run/netns/x" {
		t.Errorf("a namespace: %v, %v", got.Networks, err)
	}
	if _, err := parse(t, "--network", "ns:/run/netns/x", "--ip", "10.0.0.1", "image"); err == nil {
		t.Error("an address in a namespace was accepted")
	}
}

func TestPlatformAndName(t *testing.T) {
	got, err := parse(t, "--platform", "linux/arm64", "--name", "web", "image")
	if err != nil || got.Platform == nil || got.Platform.Architecture != "arm64" || got.Name != "web" {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func TestOptionsErrors(t *testing.T) {
	for args, want := range map[string]string{
		"--attach x image":                                    "valid streams are STDIN, STDOUT and STDERR",
		"-e =x image":                                         "invalid environment variable",
		"--env-file /nonexistent image":                       "--env-file: open /nonexistent",
		"--label-file /nonexistent image":                     "--label-file: open /nonexistent",
		"--cpus 1 --cpu-quota 5 image":                        "conflicting options: --cpus",
		"--cpus x image":                                      "rational number",
		"-m 1x image":                                         "invalid suffix",
		"--memory-swappiness 101 image":                       "Valid memory swappiness range is 0-100",
		"--oom-score-adj 2000 image":                          "-1000 to 1000",
		"--pid x image":                                       "--pid: invalid PID mode",
		"--ipc x image":                                       "--ipc: invalid IPC mode",
		"--uts x image":                                       "--uts: invalid UTS mode",
		"--userns x image":                                    "--userns: invalid USER mode",
		"--cgroupns x image":                                  "--cgroupns: invalid CGROUP mode",
		"--restart x image":                                   "unknown policy 'x'",
		"--restart on-failure:x image":                        "maximum retry count must be an integer",
		"--restart always:3 image":                            "can only be used with 'on-failure'",
		"--rm --restart always image":                         "cannot specify both --restart and --rm",
		"--security-opt x image":                              `invalid --security-opt: "x"`,
		"--security-opt seccomp=/nonexistent image":           "opening seccomp profile",
		"--security-opt no-new-privileges=maybe x":            "invalid --security-opt",
		"--log-driver none --log-opt max-size=1 i":            "invalid logging opts for driver none",
		"--device x image":                                    "not an absolute path",
		"--device-cgroup-rule x image":                        "invalid device cgroup format",
		"--mount type=volume,dst=/x,bind-propagation=x image": "cannot mix 'bind-*' options with mount type 'volume'",
		"--mount type=bind,bind-recursive=readonly image":     "requires 'readonly'",
		"--platform a/b/c/d image":                            "invalid platform",
		"--network a --network a image":                       "specified multiple times",
		"--network a --network host image":                    "both user-defined and non-user-defined",
		"--network none --network host image":                 "only one of the networks",
		"--network-alias x image":                             "only supported for user-defined networks",
		"--ip 10.0.0.1 image":                                 "user defined networks only",
		"--mac-address x image":                               "x is not a valid mac address",
		"--ulimit x image":                                    "invalid ulimit argument",
		"--isolation hyperv image":                            "invalid isolation",
		"--add-host x image":                                  "bad format for add-host",
		"--dns x image":                                       "IP address is not correctly formatted",
		"--sysctl x image":                                    "sysctl",
	} {
		t.Run(args, func(t *testing.T) {
			_, err := parse(t, strings.Fields(args)...)
			if err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(want)) {
				t.Fatalf("got %v, want %q", err, want)
			}
		})
	}
}

// A flag that nothing acts upon is an error, never forgotten.
func TestUnsupportedFlags(t *testing.T) {
	for _, args := range []string{
		"--cpu-count 1", "--cpu-percent 1", "--io-maxbandwidth 1", "--io-maxiops 1",
	} {
		_, err := parse(t, append(strings.Fields(args), "image")...)
		if !errdefs.IsNotImplemented(err) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v", args, err)
		}
	}
	if _, err := parse(t, "--init=false", "image"); err != nil {
		t.Errorf("--init=false: %v", err)
	}
}
