package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long anything may take that happens in the background.
const patience = time.Minute

type command = func(ts *testscript.TestScript, neg bool, args []string)

// commands are the words that scripts have beside testscript's own.
//
//	[!] nerd ARGS...                    the target
//	[!] ctr ARGS...                     containerd's own client, see foreign_test.go
//	status CODE PROGRAM ARGS...         runs it and wants this exit code
//	fails CODE REGEXP PROGRAM ARGS...   wants this exit code and a message that matches, in
//	                                    any case; with nerd it is one line, and stdout is empty
//	[!] until [-stdout RE] PROGRAM ...  repeats it until it succeeds (fails) and matches
//	httpget URL REGEXP                  repeats a request until the answer matches
//	json FILE PATH WANT                 compares a value, such as 0.State.ExitCode
//	setenv NAME FILE                    sets a variable to a file's (or stdout's) text
//	image KIND                          loads app as $APP, config as $CFG or volumes as $VOL
//	archive KIND FILE                   writes an image as an archive that can be loaded (rootfs: imported)
//	hostile DIR                         writes archives of images that attack whoever loads them
//	registry [KIND]                     sets $REGISTRY to a registry that holds $REGISTRY/$NAME/busybox:1:
//	                                    -auth wants a password, -token a token, -tls a certificate (of
//	                                    $REGISTRY_FILES), -faulty DIR fails as the files in DIR say
//	pty [-size ROWSxCOLS] FILE PROGRAM  see pty_test.go
//	killmonitor [-all] ID               kills nerd's companion of a container; with -all also
//	                                    the process that would start it again
//	noprocess ID                        waits until no process belongs to a container
//	logserver KIND NETWORK FILE         starts a server for log driver syslog, fluentd or gelf at
//	                                    $ADDR that writes a line a message into FILE
func commands(e *environment) map[string]command {
	return map[string]command{
		"nerd":        cmdNerd,
		"ctr":         e.cmdCtr,
		"status":      cmdStatus,
		"fails":       e.cmdFails,
		"until":       e.cmdUntil,
		"httpget":     cmdHTTPGet,
		"udpget":      cmdUDPGet,
		"json":        cmdJSON,
		"setenv":      cmdSetenv,
		"image":       e.cmdImage,
		"archive":     e.cmdArchive,
		"hostile":     cmdHostile,
		"registry":    e.cmdRegistry,
		"pty":         e.cmdPTY,
		"killmonitor": cmdKillMonitor,
		"noprocess":   cmdNoProcess,
		"logserver":   cmdLogServer,
	}
}

// need stops a script that uses a word wrongly.
func need(ts *testscript.TestScript, ok bool, usage string) {
	if !ok {
		ts.Fatalf("usage: %s", usage)
	}
}

// exitCode is the exit code of a finished program, 128+n if signal n ended it.
func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		return -1
	}
	if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return exit.ExitCode()
}

func cmdNerd(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, len(args) > 0 && args[len(args)-1] != "&", "nerd ARGS... (in the background: exec nerd ARGS... &name&)")
	err := ts.Exec("nerd", args...)
	switch {
	case err != nil && !neg:
		ts.Fatalf("unexpected failure: %v", err)
	case err == nil && neg:
		ts.Fatalf("unexpected success")
	}
}

func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) >= 2, "status CODE PROGRAM ARGS...")
	if got := fmt.Sprint(exitCode(ts.Exec(args[1], args[2:]...))); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

func (e *environment) cmdFails(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) >= 3, "fails CODE REGEXP PROGRAM ARGS...")
	cmdStatus(ts, false, append([]string{args[0]}, args[2:]...))
	// Docker prints the id of a detached container before it starts it.
	if out := ts.ReadFile("stdout"); out != "" && e.target == "nerd" {
		ts.Fatalf("a failure wrote to stdout: %q", out)
	}
	message := ts.ReadFile("stderr")
	if !compile(ts, "(?i)"+args[1]).MatchString(message) {
		ts.Fatalf("the message does not match %s: %q", args[1], message)
	}
	if e.target != "nerd" {
		return
	}
	// Docker's words before a pull, after start and after a wrong flag come besides.
	message = compile(ts, "^(Unable to find image '.*' locally|nerd: failed to start containers: .*|See 'nerd .*--help'\\.)\n").ReplaceAllString(message, "")
	if strings.Count(message, "\n") != 1 || !strings.HasSuffix(message, "\n") {
		ts.Fatalf("the message is not one line: %q", message)
	}
}

func compile(ts *testscript.TestScript, expr string) *regexp.Regexp {
	re, err := regexp.Compile("(?m)" + expr)
	ts.Check(err)
	return re
}

func (e *environment) cmdUntil(ts *testscript.TestScript, neg bool, args []string) {
	match := compile(ts, "")
	if len(args) > 2 && args[0] == "-stdout" {
		match, args = compile(ts, args[1]), args[2:]
	}
	need(ts, len(args) > 0, "until [-stdout REGEXP] PROGRAM ARGS...")
	var stdout, stderr bytes.Buffer
	err := poll(patience, func() error {
		stdout.Reset()
		stderr.Reset()
		cmd := e.program(ts, args[0], args[1:]...)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		switch {
		case neg && err == nil:
			return errors.New("it still succeeds")
		case neg:
			return nil
		case err == nil && !match.Match(stdout.Bytes()):
			return fmt.Errorf("stdout still does not match %s", match)
		}
		return err
	})
	// Only the last attempt is shown.
	fmt.Fprint(ts.Stdout(), stdout.String())
	fmt.Fprint(ts.Stderr(), stderr.String())
	ts.Check(err)
}

// program is a command in the folder and with the variables of a script.
func (e *environment) program(ts *testscript.TestScript, name string, args ...string) *exec.Cmd {
	if name == "nerd" {
		name = e.bin
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = ts.MkAbs(".")
	for _, key := range append([]string{
		"PATH", "HOME", "WORK", "TMPDIR", "NERD_NAMESPACE", "NAME", "IMG", "APP", "CFG", "PORT", "PORT2", "PORT3", "HOSTIP", "NET", "NET6", "REGISTRY", "ID", "LOG", "COMPOSE_PROJECT_NAME",
	}, e.pass...) {
		if v := ts.Getenv(key); v != "" {
			cmd.Env = append(cmd.Env, key+"="+v)
		}
	}
	return cmd
}

func cmdHTTPGet(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 2, "httpget URL REGEXP")
	match := compile(ts, args[1])
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	ts.Check(poll(patience, func() error {
		resp, err := client.Get(args[0])
		if err != nil {
			return err
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close() // the whole body was read
		if err == nil && !match.Match(body) {
			err = fmt.Errorf("%s answers %q, which does not match %s", args[0], body, match)
		}
		return err
	}))
}

func cmdJSON(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, len(args) == 3, "json FILE PATH WANT")
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &v))
	for key := range strings.SplitSeq(args[1], ".") {
		switch node := v.(type) {
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(node) {
				ts.Fatalf("%s: there is no element %s of %d", args[1], key, len(node))
			}
			v = node[i]
		case map[string]any:
			v = node[key]
		default:
			ts.Fatalf("%s: %s is looked for in %v", args[1], key, node)
		}
	}
	got, ok := v.(string)
	if !ok {
		data, err := json.Marshal(v)
		ts.Check(err)
		got = string(data)
	}
	if (got == args[2]) == neg {
		ts.Fatalf("%s is %s, want %s", args[1], got, args[2])
	}
}

func cmdSetenv(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 2, "setenv NAME FILE")
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

func (e *environment) cmdImage(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 1, "image app|config|volumes")
	ref, err := e.load(e.program(ts, "nerd").Env, ts.Getenv("NAME"), args[0])
	ts.Check(err)
	ts.Setenv(map[string]string{"busybox": "IMG", "app": "APP", "config": "CFG", "volumes": "VOL"}[args[0]], ref)
}

func (e *environment) cmdArchive(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 2, "archive KIND FILE")
	path, _, err := e.archive(ts.Getenv("NAME"), args[0])
	ts.Check(err)
	data, err := os.ReadFile(path)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), data, 0o644))
}

func (e *environment) cmdRegistry(ts *testscript.TestScript, neg bool, args []string) {
	kinds := map[string]string{"": "", "-auth": "auth", "-tls": "tls", "-token": "token", "-faulty": ""}
	flag := ""
	if len(args) > 0 {
		flag = args[0]
	}
	kind, known := kinds[flag]
	need(ts, !neg && known && len(args) <= 2 && (len(args) == 2) == (flag == "-faulty"), "registry [-auth | -tls | -token | -faulty DIR]")
	r, err := e.registry(kind)
	ts.Check(err)
	path, _, err := e.archive(ts.Getenv("NAME"), "busybox")
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ts.Check(r.push(ctx, path, r.addr+"/"+ts.Getenv("NAME")+"/busybox:1"))
	ts.Setenv("REGISTRY", r.addr)
	ts.Setenv("REGISTRY_FILES", r.dir)
	if flag == "-faulty" {
		cmdFaulty(ts, args[1])
	}
}

func cmdKillMonitor(ts *testscript.TestScript, neg bool, args []string) {
	all := len(args) == 2 && args[0] == "-all"
	need(ts, !neg && (len(args) == 1 || all), "killmonitor [-all] ID")
	id := args[len(args)-1]
	pids := processes(func(cmdline, _ string) bool {
		return strings.HasPrefix(cmdline, "nerd-monitor ") && strings.Contains(cmdline, id)
	})
	killed := 0
	for _, pid := range pids {
		// The monitor's child waits for its death, to start another.
		comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		ts.Check(err)
		if all || strings.TrimSpace(string(comm)) != "nerd-keeper" {
			ts.Check(syscall.Kill(pid, syscall.SIGKILL))
			killed++
		}
	}
	if killed == 0 {
		ts.Fatalf("no companion of %s runs", id)
	}
}

func cmdNoProcess(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 1, "noprocess ID")
	ts.Check(poll(patience, func() error {
		pids := processes(func(cmdline, cgroup string) bool {
			return strings.Contains(cmdline, args[0]) || strings.Contains(cgroup, args[0])
		})
		if len(pids) > 0 {
			return fmt.Errorf("processes of %s: %v", args[0], pids)
		}
		return nil
	}))
}

// processes are the pids of the processes whose command line and cgroups match.
func processes(match func(cmdline, cgroup string) bool) []int {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	var pids []int
	for _, dir := range dirs {
		cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil {
			continue
		}
		cgroup, err := os.ReadFile(filepath.Join(dir, "cgroup"))
		if err != nil {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err == nil && pid != os.Getpid() && match(strings.ReplaceAll(string(cmdline), "\x00", " "), string(cgroup)) {
			pids = append(pids, pid)
		}
	}
	return pids
}
