// Command app is what the end-to-end tests run where a shell would get in the
// way: it is the container's only file, so it is process 1 and sees signals.
package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const usage = `usage: app serve PORT | packets PORT | signals | spam LINES [WIDTH] | tick [MS] | hold MIB | status KEY`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
		os.Exit(2)
	}
}

func run(args []string) error {
	arg := func(i, otherwise int) int {
		if i < len(args) {
			if n, err := strconv.Atoi(args[i]); err == nil {
				return n
			}
		}
		return otherwise
	}
	if len(args) == 0 {
		return fmt.Errorf("%s", usage)
	}
	switch args[0] {
	case "serve":
		return serve(arg(1, 80))
	case "packets":
		return packets(arg(1, 53))
	case "signals":
		return signals()
	case "spam":
		return spam(arg(1, 1000), arg(2, 60))
	case "tick":
		return tick(time.Duration(arg(1, 5)) * time.Millisecond)
	case "hold":
		return hold(arg(1, 8))
	case "status":
		return status(args[1])
	}
	return fmt.Errorf("%s", usage)
}

// serve answers every request with its path and the client's address.
func serve(port int) error {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "path %s from %s\n", r.URL.Path, r.RemoteAddr)
	})
	fmt.Println("serving on", port)
	return http.ListenAndServe(fmt.Sprintf(":%d", port), nil)
}

// packets answers every packet of UDP with what is in it and the client's address.
func packets(port int) error {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{Port: port})
	if err != nil {
		return err
	}
	fmt.Println("answering on", port)
	buf := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFromUDP(buf)
		if err != nil {
			return err
		}
		if _, err := conn.WriteToUDP(fmt.Appendf(nil, "%s from %s\n", buf[:n], from), from); err != nil {
			return err
		}
	}
}

// signals prints the name of each signal it gets; SIGQUIT ends it with status 3.
func signals() error {
	ch := make(chan os.Signal, 16)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGQUIT)
	fmt.Println("ready")
	for sig := range ch {
		fmt.Println("got", sig)
		if sig == syscall.SIGQUIT {
			os.Exit(3)
		}
	}
	return nil
}

// spam writes numbered lines: even ones to stdout, odd ones to stderr.
func spam(lines, width int) error {
	out, errs := bufio.NewWriter(os.Stdout), bufio.NewWriter(os.Stderr)
	pad := strings.Repeat("x", width)
	for i := range lines {
		w := out
		if i%2 == 1 {
			w = errs
		}
		fmt.Fprintf(w, "line %07d %s\n", i, pad)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return errs.Flush()
}

// tick writes a counted line at intervals until SIGTERM, and then a last one.
func tick(every time.Duration) error {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGTERM)
	for i := 0; ; i++ {
		select {
		case <-ch:
			fmt.Println("last", i)
			return nil
		case <-time.After(every):
			fmt.Println("tick", i)
		}
	}
}

// hold touches memory and stays.
func hold(mib int) error {
	data := make([]byte, mib<<20)
	for i := 0; i < len(data); i += 4096 {
		data[i] = 1
	}
	fmt.Println("holding", mib)
	select {}
}

// status prints a line of /proc/self/status.
func status(key string) error {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, key+":") {
			fmt.Print(line)
		}
	}
	return nil
}
