package main

import "syscall"

// leaveCgroups moves this process out of its creator's cgroups, so that the end
// of a login, a CI step or a systemd unit does not take it along: to "nerd" at
// the root of each v1 hierarchy, to "nerd/monitors" of v2. What cannot be done,
// for want of rights, is left.
func leaveCgroups() {
	buf := mapMemory(64 << 10)
	defer syscall.Munmap(buf)
	groups := string(readFile("/proc/self/cgroup", buf))
	mounts := string(readFile("/proc/self/mountinfo", buf))
	for line := range lines(groups) {
		controllers, path, ok := parseCgroup(line)
		if !ok || path == "/" || path == "/nerd" || path == "/nerd/monitors" {
			continue
		}
		for mount := range lines(mounts) {
			if dir, ok := cgroupMount(mount, controllers); ok {
				moveTo(dir, controllers == "")
				break
			}
		}
	}
}

// moveTo makes the group below dir and enters it.
func moveTo(dir string, v2 bool) {
	dir += "/nerd"
	syscall.Mkdir(dir, 0o755)
	if v2 {
		dir += "/monitors"
		syscall.Mkdir(dir, 0o755)
	}
	fd, err := syscall.Open(dir+"/cgroup.procs", syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer syscall.Close(fd)
	if _, err := syscall.Write(fd, []byte{'0'}); err != syscall.ENOSPC {
		return
	}
	// A new cpuset has no processors and takes no process until it has.
	for _, name := range [...]string{"/cpuset.cpus", "/cpuset.mems"} {
		copyFile(dir+"/.."+name, dir+name)
	}
	syscall.Write(fd, []byte{'0'})
}

func copyFile(from, to string) {
	var buf [4096]byte
	data := readFile(from, buf[:])
	if fd, err := syscall.Open(to, syscall.O_WRONLY|syscall.O_CLOEXEC, 0); err == nil {
		syscall.Write(fd, data)
		syscall.Close(fd)
	}
}

// parseCgroup reads a line of /proc/self/cgroup: number, controllers, path. The
// controllers of v2 are empty.
func parseCgroup(line string) (controllers, path string, ok bool) {
	_, rest, ok1 := cut(line, ':')
	controllers, path, ok2 := cut(rest, ':')
	return controllers, path, ok1 && ok2
}

// cgroupMount is the mount point in a line of /proc/self/mountinfo if it is the
// root of the hierarchy with these controllers.
func cgroupMount(line, controllers string) (dir string, ok bool) {
	var f [16]string
	n, sep := 0, 0
	for rest := line; n < len(f) && rest != ""; n++ {
		f[n], rest, _ = cut(rest, ' ')
		if f[n] == "-" {
			sep = n
		}
	}
	if sep < 6 || sep+3 >= n || f[3] != "/" {
		return "", false
	}
	fstype, options := f[sep+1], f[sep+3]
	if controllers == "" && fstype == "cgroup2" {
		return f[4], true
	}
	if controllers == "" || fstype != "cgroup" {
		return "", false
	}
	for rest := controllers; rest != ""; {
		var c string
		c, rest, _ = cut(rest, ',')
		if !hasOption(options, c) {
			return "", false
		}
	}
	return f[4], true
}

func hasOption(options, want string) bool {
	for options != "" {
		var o string
		o, options, _ = cut(options, ',')
		if o == want {
			return true
		}
	}
	return false
}

func cut(s string, sep byte) (before, after string, found bool) {
	for i := range len(s) {
		if s[i] == sep {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// lines yields the lines of s.
func lines(s string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for s != "" {
			var line string
			line, s, _ = cut(s, '\n')
			if !yield(line) {
				return
			}
		}
	}
}

// startTime is when a process was started, in clock ticks after boot, or 0 if
// it does not run any more.
func startTime(pid int) uint64 {
	var num [20]byte
	n := len(num)
	for v := pid; v > 0; v /= 10 {
		n--
		num[n] = byte('0' + v%10)
	}
	var buf [1024]byte
	return parseStartTime(readFile("/proc/"+string(num[n:])+"/stat", buf[:]))
}

// parseStartTime takes field 22 out of /proc/PID/stat. The command's name may
// contain anything, so fields count from its closing parenthesis.
func parseStartTime(stat []byte) uint64 {
	i := len(stat) - 1
	for i >= 0 && stat[i] != ')' {
		i--
	}
	if i < 0 || i+2 >= len(stat) || stat[i+2] == 'Z' || stat[i+2] == 'X' {
		return 0
	}
	field, v := 2, uint64(0)
	for _, c := range stat[i:] {
		switch {
		case c == ' ':
			field++
		case field == 22 && c >= '0' && c <= '9':
			v = v*10 + uint64(c-'0')
		}
	}
	return v
}
