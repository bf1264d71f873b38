package main

import "strconv"

// config is the monitor's argv, one key=value word each; "--" and the helper's
// argv follow.
type config struct {
	mode      string // spawn: detach and run; run: first start; keep: started by the keeper
	id        string
	dir       string
	tty       bool
	openStdin bool
	stdinOnce bool
	logPath   string
	maxSize   int64
	maxFile   int
	attrs     bool   // every log line carries the JSON object in the file wire.AttrsName
	lines     bool   // the log is not JSON but lines that begin with a time, a stream and a tag
	compress  bool   // rotated logs
	logger    string // path of nerd-logger, which compresses and sends
	remote    bool   // output goes to nerd-logger
	drop      bool   // the container never waits for its log: what finds no room is lost
	buffer    uint64 // bytes held for a log that does not keep up; 0: the default
	pid       int    // of the running container; 0: not started yet
	ports     int    // number of inherited port sockets
	fifos     int    // number of inherited FIFOs (keep)
	nonce     uint64 // of the journal that the keeper left behind (keep)
	health    int64  // milliseconds from the start to the first health check; 0: there are none
	helper    []string
}

// parseConfig reads argv without its first word. It returns the word that it
// does not understand, if there is one.
func parseConfig(args []string) (c config, bad string) {
	c.maxFile = 1
	for i, arg := range args {
		if arg == "--" {
			c.helper = args[i+1:]
			break
		}
		key, value := arg, ""
		for j := range len(arg) {
			if arg[j] == '=' {
				key, value = arg[:j], arg[j+1:]
				break
			}
		}
		if !c.set(key, value) {
			return c, arg
		}
	}
	switch {
	case c.id == "":
		return c, "id="
	case c.dir == "" || c.dir[0] != '/':
		return c, "dir=" + c.dir
	}
	return c, ""
}

func (c *config) set(key, value string) bool {
	var err error
	switch key {
	case "mode":
		c.mode = value
	case "id":
		c.id = value
	case "dir":
		c.dir = value
	case "tty":
		c.tty = value == "1"
	case "stdin":
		c.openStdin = value == "1"
	case "once":
		c.stdinOnce = value == "1"
	case "log":
		c.logPath = value
	case "attrs":
		c.attrs = value == "1"
	case "format":
		c.lines = value == "lines"
	case "compress":
		c.compress = value == "1"
	case "logger":
		c.logger = value
	case "remote":
		c.remote = value == "1"
	case "drop":
		c.drop = value == "1"
	case "buffer":
		c.buffer, err = strconv.ParseUint(value, 10, 64)
	case "max-size":
		c.maxSize, err = strconv.ParseInt(value, 10, 64)
	case "max-file":
		c.maxFile, err = strconv.Atoi(value)
	case "pid":
		c.pid, err = strconv.Atoi(value)
	case "ports":
		c.ports, err = strconv.Atoi(value)
	case "fifos":
		c.fifos, err = strconv.Atoi(value)
	case "health":
		c.health, err = strconv.ParseInt(value, 10, 64)
	case "nonce":
		c.nonce, err = strconv.ParseUint(value, 10, 64)
	default:
		return false
	}
	return err == nil
}

// ring is the size of each of the journal's rings: the buffer in whole pages.
func (c *config) ring() uint64 {
	if c.mode == "write" {
		return defaultRing
	}
	return (min(max(c.buffer, defaultRing), largestRing) + 4095) &^ 4095
}

// splitArgs cuts the content of /proc/self/cmdline into words.
func splitArgs(cmdline []byte) []string {
	var args []string
	start := 0
	for i, b := range cmdline {
		if b == 0 {
			args = append(args, string(cmdline[start:i]))
			start = i + 1
		}
	}
	return args
}
