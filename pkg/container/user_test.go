package container

import (
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
)

var plainAccounts = accounts{
	passwd: []byte("root:x:0:0:root:/root:/bin/sh\nbin:x:1:2::/:\napp:x:1000:1001::/home/app:/bin/sh\n\n# no comment syntax\n"),
	group:  []byte("root:x:0:\nwheel:x:10:root,app\napp:x:1001:\nextra:x:20:app\n"),
}

func TestLookUp(t *testing.T) {
	for _, c := range []struct {
		user     string
		add      []string
		uid, gid uint32
		groups   []uint32
	}{
		{"", nil, 0, 0, []uint32{0, 10}},
		{"root", nil, 0, 0, []uint32{0, 10}},
		{"0", nil, 0, 0, []uint32{0, 10}},
		{"app", nil, 1000, 1001, []uint32{10, 20, 1001}},
		{"1000", nil, 1000, 1001, []uint32{10, 20, 1001}},
		{"app:", nil, 1000, 1001, []uint32{10, 20, 1001}},
		{"app:wheel", nil, 1000, 10, []uint32{10}},
		{"app:7", nil, 1000, 7, []uint32{7}},
		{"4711", nil, 4711, 0, []uint32{0}},
		{"4711:12", nil, 4711, 12, []uint32{12}},
		{":wheel", nil, 0, 10, []uint32{10}},
		{"bin", []string{"wheel", "99", "wheel"}, 1, 2, []uint32{2, 10, 99}},
		{"2147483647:2147483647", nil, maxID, maxID, []uint32{maxID}},
	} {
		u, err := lookUp(c.user, c.add, plainAccounts)
		if err != nil || u.UID != c.uid || u.GID != c.gid || !slices.Equal(u.Groups, c.groups) {
			t.Errorf("%q %v: %+v, %v", c.user, c.add, u, err)
		}
	}
	for _, c := range []struct{ user, add string }{
		{"nosuch", ""},
		{"app:nosuch", ""},
		{"app", "nosuch"},
		{"2147483648", ""},
		{"4294967296", ""},
		{"99999999999999999999", ""},
		{"-1", ""},
		{"+1", ""},
		{"0x1", ""},
		{"app:2147483648", ""},
		{"app:-1", ""},
		{"# no comment syntax", ""},
		{"root x", ""},
	} {
		var add []string
		if c.add != "" {
			add = []string{c.add}
		}
		if u, err := lookUp(c.user, add, plainAccounts); !errdefs.IsNotFound(err) && !errdefs.IsInvalidArgument(err) {
			t.Errorf("%q %q: %+v, %v", c.user, c.add, u, err)
		}
	}
	if u, err := lookUp("1000", nil, accounts{}); err != nil || u.UID != 1000 || u.GID != 0 {
		t.Errorf("an image without accounts: %+v, %v", u, err)
	}
}

// Whoever made the image wrote these files.
func TestLookUpHostile(t *testing.T) {
	for _, c := range []struct {
		name, user, passwd, group string
	}{
		{"negative uid", "app", "app:x:-1:0::/:", ""},
		{"uid above the range", "app", "app:x:2147483648:0::/:", ""},
		{"uid that wraps to 0", "app", "app:x:4294967296:0::/:", ""},
		{"uid beyond 64 bits", "app", "app:x:99999999999999999999:0::/:", ""},
		{"gid that wraps to 0", "app", "app:x:5:4294967296::/:", ""},
		{"group that wraps to 0", "1:evil", "", "evil:x:4294967296:"},
		{"negative group", "1:evil", "", "evil:x:-1:"},
		{"an endless line", "app", strings.Repeat("x", 1<<20), ""},
	} {
		if u, err := lookUp(c.user, nil, accounts{[]byte(c.passwd), []byte(c.group)}); err == nil {
			t.Errorf("%s: %+v", c.name, u)
		}
	}
	// A number is not looked up as a name, whatever the image calls its users.
	u, err := lookUp("1000", nil, accounts{[]byte("1000:x:0:0::/:"), []byte("1000:x:0:1000")})
	if err != nil || u.UID != 1000 || u.GID != 0 {
		t.Errorf("a user called 1000: %+v, %v", u, err)
	}
	if u, err := lookUp("7:1000", nil, accounts{nil, []byte("1000:x:0:")}); err != nil || u.GID != 1000 {
		t.Errorf("a group called 1000: %+v, %v", u, err)
	}
	// Group ids out of range are not passed on with the user's memberships.
	u, err = lookUp("app", nil, accounts{[]byte("app:x:5:6::/:"), []byte("a:x:4294967296:app\nb:x:-1:app\nc:x:7:app\n")})
	if err != nil || !slices.Equal(u.Groups, []uint32{6, 7}) {
		t.Errorf("memberships: %+v, %v", u, err)
	}
}

func FuzzLookUp(f *testing.F) {
	f.Add("app:wheel", plainAccounts.passwd, plainAccounts.group)
	f.Add("1000", []byte("1000:x:0:0"), []byte("::::"))
	f.Add("-1", []byte("-1:x:-1:-1::"), []byte(""))
	f.Fuzz(func(t *testing.T, text string, passwd, group []byte) {
		u, err := lookUp(text, nil, accounts{passwd, group})
		if err != nil {
			return
		}
		for _, id := range append(u.Groups, u.UID, u.GID) {
			if id > maxID {
				t.Errorf("%q: %+v is out of range", text, u)
			}
		}
		name, _, _ := strings.Cut(text, ":")
		if n, ok := number(name); ok && n != u.UID {
			t.Errorf("%q became the user %d", text, u.UID)
		}
		if !slices.Contains(u.Groups, u.GID) {
			t.Errorf("%q: the groups %v lack %d", text, u.Groups, u.GID)
		}
	})
}

func TestHome(t *testing.T) {
	for uid, want := range map[uint32]string{0: "/root", 1000: "/home/app", 7: "/"} {
		if got := home(uid, plainAccounts); got != want {
			t.Errorf("of %d: %s", uid, got)
		}
	}
	for _, c := range []struct{ env, want []string }{
		{nil, []string{"HOME=/h"}},
		{[]string{"A=b", "HOME=/x"}, []string{"A=b", "HOME=/x"}},
		{[]string{"HOME=", "HOMER=1"}, []string{"HOMER=1", "HOME=/h"}},
	} {
		if got := withHome(c.env, "/h"); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v", c.env, got)
		}
	}
}
