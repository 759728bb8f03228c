package members

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/livelearn/box/services/errs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func tlsServer(conn net.Conn, l *List, isMember func(*List, string) bool) *tls.Conn {
	return tls.Server(conn, l.own.TLS(func(key string) bool { return isMember(l, key) }))
}

func tlsDial(addr string, l *List, isMember func(*List, string) bool) (*tls.Conn, error) {
	return tls.Dial("tcp", addr, l.own.TLS(func(key string) bool { return isMember(l, key) }))
}

// pairBox is a box that answers pairings over HTTPS.
type pairBox struct {
	*Pairing
	addr string

	mu    sync.Mutex
	asked [][]byte // bodies of all requests, guarded by mu
}

func startPairBox(t *testing.T, l *List) *pairBox {
	t.Helper()
	b := &pairBox{Pairing: NewPairing(l, func() (string, []string) { return "Box", []string{"192.0.2.1:7445"} })}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		b.mu.Lock()
		b.asked = append(b.asked, body)
		b.mu.Unlock()
		reply, _, err := b.Accept(r.TLS, r.Header.Get("Network"), body)
		if err != nil {
			w.WriteHeader(errs.KindOf(err).HTTPStatus())
			_ = json.NewEncoder(w).Encode(errs.BodyOf(err))
			return
		}
		_, _ = w.Write(reply)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	b.addr = s.Listener.Addr().String()
	return b
}

func (b *pairBox) members() int { return len(b.list.Others()) }

func TestACodePairsTwoBoxes(t *testing.T) {
	a, b := startPairBox(t, newList(t)), startPairBox(t, newList(t))
	code := a.ShowCode()
	typed := strings.ToLower(code[:4]) + "-" + code[4:] + " "
	if err := b.Join(t.Context(), a.addr, typed); err != nil {
		t.Fatal(err)
	}
	if a.members() != 1 || b.members() != 1 || a.list.Others()[0].Key != b.list.own.Key || b.list.Others()[0].Key != a.list.own.Key {
		t.Fatalf("a has %+v, b has %+v", a.list.Others(), b.list.Others())
	}
	if got := b.list.Others()[0]; got.Name != "Box" || len(got.Addresses) != 1 || got.AddedBy != a.list.own.ID {
		t.Errorf("got %+v", got)
	}
	c := startPairBox(t, newList(t))
	if err := c.Join(t.Context(), a.addr, code); codeOf(err) != "no_code" || c.members() != 0 {
		t.Errorf("a code counts twice: %v", err)
	}
	if err := b.Join(t.Context(), c.addr, c.ShowCode()); codeOf(err) != "not_alone" {
		t.Errorf("a member joins another school: %v", err)
	}
	if err := c.Join(t.Context(), b.addr, b.ShowCode()); err != nil || c.members() != 2 {
		t.Errorf("a third box: %v, %d others", err, c.members())
	}
	if err := remove(b.list, c.list.own.ID); err != nil {
		t.Fatal(err)
	}
	if err := remove(c.list, c.list.own.ID); err != nil || c.members() != 0 {
		t.Fatalf("c leaves: %v", err)
	}
	if err := c.Join(t.Context(), b.addr, b.ShowCode()); err != nil || b.members() != 2 || c.members() != 2 {
		t.Errorf("a removed box that is paired again: %v, %d and %d others", err, b.members(), c.members())
	}
}

// While a box joins a school, another one may join it.
func TestABoxThatIsNoLongerAloneKeepsItsSchool(t *testing.T) {
	l, school := newList(t), newList(t)
	grow(t, l, 1)
	grow(t, school, 1)
	before := l.All()
	if err := l.replace(school.All()); codeOf(err) != "not_alone" || len(l.All()) != len(before) {
		t.Errorf("%v, knows %+v", err, l.All())
	}
}

func TestAWrongCodeCountsFiveTimes(t *testing.T) {
	a, b := startPairBox(t, newList(t)), startPairBox(t, newList(t))
	if err := b.Join(t.Context(), a.addr, "AAAAAAAA"); codeOf(err) != "no_code" {
		t.Errorf("no code is shown: %v", err)
	}
	right := a.ShowCode()
	for i := range maxTries {
		if err := b.Join(t.Context(), a.addr, "AAAAAAAA"); codeOf(err) != "wrong_code" || !strings.HasSuffix(err.Error(), fmt.Sprint("tries left: ", maxTries-1-i)) {
			t.Errorf("try %d: %v", i+1, err)
		}
	}
	if err := b.Join(t.Context(), a.addr, right); codeOf(err) != "code_void" || a.members()+b.members() != 0 {
		t.Errorf("the right code after five wrong ones: %v", err)
	}
	if err := b.Join(t.Context(), a.addr, "SHORT"); codeOf(err) != "bad_length" {
		t.Errorf("got %v", err)
	}
	if err := b.Join(t.Context(), strings.Repeat("x", 200), right); codeOf(err) != "bad_address" {
		t.Errorf("got %v", err)
	}
	if err := b.Join(t.Context(), "127.0.0.1:1", right); codeOf(err) != "unreachable" {
		t.Errorf("got %v", err)
	}
}

// One machine cannot void the code for the others; a hundred tries end it for all.
func TestWrongCodesOfOneNetworkEndTheCodeForItAlone(t *testing.T) {
	a, b := startPairBox(t, newList(t)), startPairBox(t, newList(t))
	try := func(network string) string {
		t.Helper()
		conn, err := dialBox(t.Context(), a.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		state := conn.ConnectionState()
		_, _, err = a.Accept(&state, network, []byte("{}"))
		return codeOf(err)
	}
	a.ShowCode()
	for range maxTries {
		try("192.0.2.66")
	}
	if code := try("192.0.2.66"); code != "code_void" || a.CodeLeft() == 0 {
		t.Errorf("the network that tried: %q, %v left", code, a.CodeLeft())
	}
	if err := b.Join(t.Context(), a.addr, a.code); err != nil {
		t.Errorf("another network: %v", err)
	}
	a.ShowCode()
	a.wrong = maxWrong - 1
	if code := try("192.0.2.67"); code != "wrong_code" || a.CodeLeft() != 0 {
		t.Errorf("the last try: %q, %v left", code, a.CodeLeft())
	}
}

func TestACopiedCardIsRefused(t *testing.T) {
	l := newList(t)
	twin, err := Open(t.TempDir()+"/members.json", l.own, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, b := startPairBox(t, l), startPairBox(t, twin)
	if err := b.Join(t.Context(), a.addr, a.ShowCode()); codeOf(err) != "same_key" || !strings.Contains(err.Error(), "delete tls/box.key") || a.members()+b.members() != 0 {
		t.Errorf("got %v", err)
	}
}

// middle passes requests on over a TLS connection of its own, as one between two boxes must.
func TestOneInTheMiddleGetsNothing(t *testing.T) {
	a, b := startPairBox(t, newList(t)), startPairBox(t, newList(t))
	relay := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}, DisableKeepAlives: true}}
	middle := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		resp, err := relay.Post("https://"+a.addr+JoinPath, "application/json", r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	}))
	t.Cleanup(middle.Close)
	code := a.ShowCode()
	if err := b.Join(t.Context(), middle.Listener.Addr().String(), code); codeOf(err) != "wrong_code" || a.members()+b.members() != 0 {
		t.Errorf("got %v, members %d and %d", err, a.members(), b.members())
	}
	// What was heard does not fit another connection.
	resp, err := relay.Post("https://"+a.addr+JoinPath, "application/json", bytes.NewReader(a.asked[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusForbidden || a.members() != 0 {
		t.Errorf("a replayed proof: %s", resp.Status)
	}
	if err := b.Join(t.Context(), a.addr, code); err != nil {
		t.Errorf("the boxes themselves: %v", err)
	}
}

// A box that was asked and does not know the code cannot put itself on the list of the asker.
func TestAnAnswerNeedsTheCodeToo(t *testing.T) {
	liar := newList(t)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q joinRequest
		_ = json.NewDecoder(r.Body).Decode(&q)
		_ = liar.add(profile{key: liar.own.Key}, profile{key: q.Key})
		_ = json.NewEncoder(w).Encode(joinReply{Members: liar.All(), Proof: q.Proof}) // sends the asker's own proof back
	}))
	t.Cleanup(s.Close)
	b := startPairBox(t, newList(t))
	if err := b.Join(t.Context(), s.Listener.Addr().String(), "AAAAAAAA"); codeOf(err) != "wrong_proof" || b.members() != 0 {
		t.Errorf("got %v", err)
	}
}

// A port that is open and silent, as behind some firewalls, is given up.
func TestASilentAddressIsGivenUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	b := startPairBox(t, newList(t))
	if err := b.Join(t.Context(), l.Addr().String(), "AAAAAAAA"); codeOf(err) != "unreachable" {
		t.Errorf("got %v", err)
	}
	if 2*dialTimeout >= joinTimeout {
		t.Error("no time is left for the second port and the answer")
	}
}

func TestWhatTheOtherSideSaysIsCut(t *testing.T) {
	err := refusal([]byte(`{"code":"<b>","message":"` + strings.Repeat("x", 1000) + `"}`))
	if b := errs.BodyOf(err); b.Code != "" || len(b.Message) > maxRefusal+len("the other box says: ") {
		t.Errorf("got %+v", b)
	}
	if err := refusal([]byte(`{"code":"no_code","message":"x"}`)); codeOf(err) != "no_code" {
		t.Errorf("got %v", err)
	}
}

func TestPairingNeedsTLS(t *testing.T) {
	p := startPairBox(t, newList(t))
	p.ShowCode()
	if _, _, err := p.Accept(nil, "", nil); codeOf(err) != "no_tls" {
		t.Errorf("got %v", err)
	}
}

func TestAnAddressIsTakenAsABrowserShowsIt(t *testing.T) {
	both := func(host string) []string { return []string{host + ":443", host + ":8443"} }
	for given, want := range map[string][]string{
		"192.168.1.20":                    both("192.168.1.20"),
		" room-12.local ":                 both("room-12.local"),
		"192.168.1.20:8443":               {"192.168.1.20:8443"},
		"https://192.168.1.20/":           both("192.168.1.20"),
		"https://192.168.1.20:8443/admin": {"192.168.1.20:8443"},
		"http://192.168.1.20:8080/":       both("192.168.1.20"), // boxes meet over TLS
		"fd00::20":                        both("[fd00::20]"),
		"[fd00::20]":                      both("[fd00::20]"),
		"https://[fd00::20]:8443":         {"[fd00::20]:8443"},
	} {
		if got := addressesToTry(given); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", given, got, want)
		}
	}
}
