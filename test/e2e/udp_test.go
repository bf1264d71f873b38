package e2e

import (
	"fmt"
	"net"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdUDPGet sends a packet with a word until one comes back that matches.
func cmdUDPGet(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 3, "udpget ADDRESS WORD REGEXP")
	match := compile(ts, args[2])
	ts.Check(poll(patience, func() error {
		conn, err := net.Dial("udp", args[0])
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
			return err
		}
		if _, err := conn.Write([]byte(args[1])); err != nil {
			return err
		}
		buf := make([]byte, 1<<16)
		n, err := conn.Read(buf)
		if err == nil && !match.Match(buf[:n]) {
			err = fmt.Errorf("%s answers %q, which does not match %s", args[0], buf[:n], match)
		}
		return err
	}))
}
