package container

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestReadAccounts(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(secret, []byte("host:x:1:1::/:"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		make func(etc string) error
		ok   bool
		want string
	}{
		{"none", func(string) error { return nil }, true, ""},
		{"plain", func(etc string) error { return os.WriteFile(etc+"/passwd", []byte("x"), 0o600) }, true, "x"},
		{"a link inside", func(etc string) error {
			if err := os.WriteFile(etc+"/real", []byte("y"), 0o600); err != nil {
				return err
			}
			return os.Symlink("real", etc+"/passwd")
		}, true, "y"},
		{"an absolute link inside", func(etc string) error {
			if err := os.WriteFile(etc+"/real", []byte("z"), 0o600); err != nil {
				return err
			}
			return os.Symlink("/etc/real", etc+"/passwd")
		}, true, "z"},
		{"a link outside", func(etc string) error { return os.Symlink(secret, etc+"/passwd") }, true, ""},
		{"a link upwards", func(etc string) error { return os.Symlink("../../../../../../../../"+secret, etc+"/passwd") }, true, ""},
		{"a link in a circle", func(etc string) error { return os.Symlink("passwd", etc+"/passwd") }, false, ""},
		{"a link through a folder outside", func(etc string) error {
			if err := os.Remove(etc); err != nil {
				return err
			}
			return os.Symlink(filepath.Dir(secret), etc)
		}, true, ""},
		{"a pipe", func(etc string) error { return unix.Mkfifo(etc+"/passwd", 0o600) }, false, ""},
		{"a link to a device", func(etc string) error {
			if err := unix.Mknod(etc+"/null", unix.S_IFCHR|0o600, int(unix.Mkdev(1, 5))); err != nil {
				return os.Mkdir(etc+"/passwd", 0o700) // nobody but root makes devices
			}
			return os.Symlink("null", etc+"/passwd")
		}, false, ""},
		{"a socket", func(etc string) error {
			_, err := new(net.ListenConfig).Listen(t.Context(), "unix", etc+"/passwd")
			return err
		}, false, ""},
		{"a folder", func(etc string) error { return os.Mkdir(etc+"/passwd", 0o700) }, false, ""},
		{"too large", func(etc string) error {
			return os.WriteFile(etc+"/passwd", bytes.Repeat([]byte("x"), maxPasswdFile+1), 0o600)
		}, false, ""},
		{"as large as can be", func(etc string) error {
			return os.WriteFile(etc+"/passwd", bytes.Repeat([]byte("x"), maxPasswdFile), 0o600)
		}, true, strings.Repeat("x", maxPasswdFile)},
	} {
		root := t.TempDir()
		if err := os.Mkdir(root+"/etc", 0o700); err != nil {
			t.Fatal(err)
		}
		if err := c.make(root + "/etc"); err != nil {
			t.Fatal(err)
		}
		acc, err := readAccounts(root)
		if (err == nil) != c.ok || string(acc.passwd) != c.want {
			t.Errorf("%s: %d bytes, %v", c.name, len(acc.passwd), err)
		}
	}
}
