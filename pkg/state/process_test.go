package state

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestSelfIsAlive(t *testing.T) {
	p, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	if p.PID != os.Getpid() || p.Start == 0 || !p.Alive() {
		t.Errorf("self is %+v, alive %t", p, p.Alive())
	}
	if (Process{PID: p.PID, Start: p.Start + 1}).Alive() {
		t.Error("a process that started at another time counts as this one")
	}
	for _, pid := range []int{0, -1, 1 << 30} {
		if (Process{PID: pid}).Alive() {
			t.Errorf("process %d is alive", pid)
		}
	}
	if _, err := FindProcess(1 << 30); err == nil {
		t.Error("an impossible process id was found")
	}
}

func TestZombieIsNotAlive(t *testing.T) {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p, err := FindProcess(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Alive() {
		t.Error("a running child is not alive")
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); p.Alive(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a child that ended and was not waited for is still alive")
		}
	}
	if _, err := FindProcess(p.PID); err != nil {
		t.Errorf("the zombie is not there, so the test proved nothing: %v", err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestProcessText(t *testing.T) {
	p := Process{PID: 12, Start: 345}
	if p.String() != "12-345" {
		t.Errorf("text is %q", p)
	}
	for text, ok := range map[string]bool{
		"12-345": true, "": false, "12": false, "-": false, "12-": false, "-345": false, "a-1": false, "1-a": false,
		"12-345-6": false, "12--345": false, "12 -345": false, "1-99999999999999999999": false,
	} {
		got, err := ParseProcess(text)
		if (err == nil) != ok {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
		if ok && got != p {
			t.Errorf("%q reads as %+v", text, got)
		}
	}
}

// statLine is /proc/PID/stat with the given name, state and start time.
func statLine(name, state, start string) string {
	return "7 (" + name + ") " + state + strings.Repeat(" 1", 18) + " " + start + " 9 9 9\n"
}

func TestParseStat(t *testing.T) {
	for _, name := range []string{"sh", "a b", "a) S 1 2", ")", "((", "x\ny", ""} {
		start, state, err := parseStat([]byte(statLine(name, "S", "4711")))
		if err != nil || start != 4711 || state != 'S' {
			t.Errorf("name %q: %d %c %v", name, start, state, err)
		}
	}
	for _, bad := range []string{"", "7", "7 (sh", "7 (sh)", "7 (sh) S 1 2 3", statLine("sh", "S", "x"), statLine("sh", "S", "-1")} {
		if _, _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("sh", uint64(4711))
	f.Add("a) R 1 (", uint64(0))
	f.Fuzz(func(t *testing.T, name string, want uint64) {
		line := statLine(name, "R", fmt.Sprint(want))
		start, state, err := parseStat([]byte(line))
		if err != nil || start != want || state != 'R' {
			t.Errorf("%q: %d %c %v", line, start, state, err)
		}
		_, _, _ = parseStat([]byte(name)) // anything must not panic
	})
}

func FuzzParseProcess(f *testing.F) {
	for _, s := range []string{"12-345", "-", "1--1", "+1-2", "99999999999999999999-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParseProcess(s)
		if err != nil {
			return
		}
		again, err := ParseProcess(p.String())
		if err != nil || again != p {
			t.Errorf("%q reads as %+v, which reads as %+v, %v", s, p, again, err)
		}
		if p.PID < 0 {
			t.Errorf("%q reads as the negative process id %d", s, p.PID)
		}
	})
}
