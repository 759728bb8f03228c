package scenario

import (
	"encoding/json"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/firmware/control"
	"github.com/livelearn/box/services/cluster/link"
	"github.com/livelearn/box/services/cluster/members"
	"github.com/livelearn/box/services/timetest"
)

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// call is what the command line asks of a running box.
func call[T any](t *testing.T, b *boxtest.Box, method, path string, in any) (out T, err error) {
	t.Helper()
	err = control.Call(t.Context(), b.Dir, method, path, in, &out)
	return out, err
}

func linkedTo(t *testing.T, b *boxtest.Box) (linked, all int) {
	t.Helper()
	list, err := call[[]link.Box](t, b, "GET", "/boxes", nil)
	if err != nil {
		t.Fatal(err)
	}
	return len(slices.DeleteFunc(slices.Clone(list), func(x link.Box) bool { return !x.Linked })), len(list)
}

// TestTwoBoxesArePairedAndParted drives two programs as their admins do.
func TestTwoBoxesArePairedAndParted(t *testing.T) {
	a := boxtest.Start(t, t.TempDir(), "--set", "mesh.listen="+freeAddr(t))
	listen := "mesh.listen=" + freeAddr(t)
	b := boxtest.Start(t, t.TempDir(), "--set", listen)
	code, err := call[string](t, a, "POST", "/boxes/code", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := call[[]link.Box](t, b, "POST", "/boxes/join", control.JoinRequest{Address: a.HTTPS, Code: "AAAAAAAA"}); err == nil || !strings.Contains(err.Error(), "the code is wrong; tries left: 4") {
		t.Errorf("a wrong code: %v", err)
	}
	list, err := call[[]link.Box](t, b, "POST", "/boxes/join", control.JoinRequest{Address: a.HTTPS, Code: code})
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, x := range []*boxtest.Box{a, b} {
		timetest.WaitUntil(t, "a link", func() bool { linked, all := linkedTo(t, x); return linked == 1 && all == 2 })
	}
	b.Kill()
	b = b.Restart("--set", listen)
	for _, x := range []*boxtest.Box{a, b} { // a box that is not connected does not hear of its removal
		timetest.WaitUntil(t, "the link after a restart", func() bool { linked, _ := linkedTo(t, x); return linked == 1 })
	}
	if _, err := call[members.Member](t, a, "DELETE", "/boxes/"+list[0].ID, nil); err != nil {
		t.Fatal(err)
	}
	for _, x := range []*boxtest.Box{a, b} {
		timetest.WaitUntil(t, "the box to be alone", func() bool { _, all := linkedTo(t, x); return all == 0 })
	}
	data, err := os.ReadFile(b.Dir + "/members.json")
	var left []members.Member
	if err != nil || json.Unmarshal(data, &left) != nil || len(left) != 0 {
		t.Errorf("the removed box remembers %s, %v", data, err)
	}
}
