package e2e

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestKilledRunWithVolumes kills run at random moments while it makes, fills and
// mounts volumes. Repair has to leave none that nobody named, nothing mounted,
// and the named one whole.
func TestKilledRunWithVolumes(t *testing.T) {
	if suite.target != "nerd" {
		t.Skip("about nerd's own repair")
	}
	s := newShell(t, "killedvolumes")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	named, scratch := s.name+"-named", s.name+"-scratch"
	args := []string{
		"run", "--name", s.name + "-k", "--network", "none", "-v", "/etc", "-v", "/anon", "-v", named + ":/www", "-v", scratch + ":/scratch",
		"--mount", "type=volume,src=" + named + ",dst=/part,volume-subpath=index.html", "--mount", "type=image,src=" + s.img + ",dst=/image",
	}
	s.must("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", scratch)
	begin := time.Now()
	s.must(append(args, "--rm", s.img, "true")...)
	full := time.Since(begin)
	for i := range 24 {
		round := args
		if i%2 == 0 {
			round = append(args[:len(args):len(args)], "--rm")
			s.must("volume", "rm", "-f", named) // to be filled anew
		}
		cmd := s.nerd(append(round[:len(round):len(round)], s.img, "sleep", "0.05")...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Int64N(int64(full))))
		_ = cmd.Process.Kill() // it may be done
		_ = cmd.Wait()         // killed
		s.must("rm", "-f", "-v", s.name+"-k")
	}
	s.must("system", "repair")
	for _, line := range strings.Split(s.must("system", "repair", "--dry-run"), "\n") {
		if strings.Contains(line, s.name) || strings.Contains(line, "volume") || strings.Contains(line, "mount") {
			t.Errorf("repair is not done: %s", line)
		}
	}
	s.must(append(args, "--rm", s.img, "cmp", "/www/index.html", "/part")...)
	volumes := strings.Fields(s.must("volume", "ls", "-q"))
	if strings.Join(volumes, " ") != named+" "+scratch {
		t.Errorf("volumes: %v", volumes)
	}
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, "/"+s.name+"/") {
			t.Errorf("still mounted: %s", line)
		}
	}
	for _, dir := range []string{root("NERD_DATA_ROOT", "/var/lib/nerd"), root("NERD_RUN_ROOT", "/run/nerd")} {
		left, err := filepath.Glob(filepath.Join(dir, s.name, "volumes", ".*"))
		more, _ := filepath.Glob(filepath.Join(dir, s.name, "mounts", "*"))
		if left = append(left, more...); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	}
	s.must("volume", "rm", named, scratch)
}
