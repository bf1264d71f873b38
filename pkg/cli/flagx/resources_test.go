package flagx_test

import (
	"strings"
	"testing"

	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// A value that a resource flag cannot take is one line that names both.
func TestBadResources(t *testing.T) {
	for flag, values := range map[string][]string{
		"memory":              {"x", "-5", "1.2.3m", "1 zb"},
		"memory-reservation":  {"x", "-1"},
		"memory-swap":         {"x", "-2"},
		"memory-swappiness":   {"x"},
		"kernel-memory":       {"x"},
		"shm-size":            {"x", "-1"},
		"oom-score-adj":       {"x", "2000", "-1001"},
		"cpus":                {"x", "1e-20"},
		"cpu-shares":          {"x", "99999999999999999999"},
		"cpu-period":          {"x"},
		"cpu-quota":           {"x"},
		"cpu-rt-period":       {"x"},
		"cpu-rt-runtime":      {"x"},
		"pids-limit":          {"x"},
		"blkio-weight":        {"x", "70000", "-1"},
		"blkio-weight-device": {"x", "/dev/a:5", "/dev/a:x", "a:100"},
		"device-read-bps":     {"x", "/dev/a:x", "a:1mb", "/dev/a:-1"},
		"device-write-bps":    {"x", "/dev/a:x"},
		"device-read-iops":    {"x", "/dev/a:x", "/dev/a:-1", "/dev/a:1k"},
		"device-write-iops":   {"x", "/dev/a:x"},
		"ulimit":              {"x", "nofile", "nofile=x", "nofile=5:4", "nosuch=1", "nofile=1:2:3", "=1"},
		"sysctl":              {"x", "x=1", "net"},
		"device":              {"x", "/a:/b:r:w", "/a:/b:q", "/a:b"},
		"device-cgroup-rule":  {"x", "d 1:1 r", "c 1 r", "c 1:1 q", "c x:1 r", "c 1:1"},
		"gpus":                {"x", "count=x", "count=1,device=0,count=2", "nosuch=1"},
		"stop-timeout":        {"x"},
	} {
		for _, value := range values {
			_, err := parse(t, "--"+flag+"="+value, "image")
			if err == nil {
				t.Errorf("--%s=%s was accepted", flag, value)
				continue
			}
			text, _, _ := strings.Cut(err.Error(), "\nSee ")
			if strings.Contains(text, "\n") || !strings.Contains(text, "--"+flag) || !strings.Contains(text, value) {
				t.Errorf("--%s=%s: %q", flag, value, text)
			}
		}
	}
}

func FuzzParseDevice(f *testing.F) {
	for _, s := range []string{"/dev/a", "/dev/a:/dev/b:rwm", "/a::r", "vendor.com/class=name", ":::", "/a:/b:c:d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := flagx.ParseDevice(s)
		if err != nil {
			return
		}
		if !strings.HasPrefix(d.PathOnHost, "/") || !strings.HasPrefix(d.PathInContainer, "/") || d.CgroupPermissions == "" || strings.Trim(d.CgroupPermissions, "rwm") != "" {
			t.Errorf("%q: %+v", s, d)
		}
	})
}

// Whatever is given to a resource flag, the outcome is a value in range or an error.
func FuzzResources(f *testing.F) {
	for _, s := range []string{"1", "1g", "-1", "nofile=1:2", "/dev/a:1mb", "c 1:* rwm", "1.5", "0.0001", "all", "device=0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, flag := range []string{"memory", "memory-swap", "memory-reservation", "shm-size", "cpus", "ulimit", "device-read-bps", "device-write-iops", "blkio-weight-device", "device-cgroup-rule", "gpus", "device"} {
			o, err := parse(t, "--"+flag+"="+s, "image")
			if err != nil {
				continue
			}
			hc := o.HostConfig
			if hc.Memory < 0 || hc.MemoryReservation < 0 || hc.MemorySwap < -1 || hc.ShmSize < 0 {
				t.Errorf("--%s=%q: %+v", flag, s, hc.Resources)
			}
			for _, u := range hc.Ulimits {
				if u.Hard != -1 && (u.Soft > u.Hard || u.Soft == -1) {
					t.Errorf("%q: %+v", s, u)
				}
			}
			for _, w := range hc.BlkioWeightDevice {
				if w.Weight != 0 && (w.Weight < 10 || w.Weight > 1000) {
					t.Errorf("%q: %+v", s, w)
				}
			}
		}
	})
}
