package link

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/livelearn/box/services/cluster/members"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/timetest"
)

// The test program is the engine too, as the product's program is.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "mesh" {
		control, bus, err := Inherit()
		if err == nil {
			err = Serve(context.Background(), control, bus, supervise.NotifyReady)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "livelearn:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// box is a box with a real engine on the loopback.
type box struct {
	*Mesh
	t      *testing.T
	list   *members.List
	listen string
	health *health.Health
	stop   func()
}

func newIdentity(t *testing.T) members.Identity {
	t.Helper()
	own, err := members.OpenIdentity(filepath.Join(t.TempDir(), "box.key"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return own
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func newBox(t *testing.T) *box {
	t.Helper()
	list, err := members.Open(filepath.Join(t.TempDir(), "members.json"), newIdentity(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	b := &box{t: t, list: list, listen: freeAddress(t), health: health.New(nil)}
	b.Mesh = New(Config{Listen: b.listen}, Deps{
		List: list, Name: func() string { return "Box" }, Health: b.health, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
		Memory: 1 << 45, // the race detector maps terabytes
	})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = b.Serve(ctx) })
	b.stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	t.Cleanup(b.stop)
	return b
}

func (b *box) entry() members.Member {
	own := b.list.Own()
	return members.Member{ID: own.ID, Key: own.Key, Name: "Box", Addresses: []string{b.listen}, Revision: 1, Term: 1, Added: 1, AddedBy: own.ID}
}

// pair makes boxes of one school of them.
func pair(t *testing.T, boxes ...*box) {
	t.Helper()
	var list []members.Member
	for _, b := range boxes {
		list = append(list, b.entry())
	}
	for _, b := range boxes {
		if err := b.list.Learn(list); err != nil {
			t.Fatal(err)
		}
	}
}

func (b *box) waitLinked(others ...*box) {
	b.t.Helper()
	want := []string{}
	for _, o := range others {
		want = append(want, o.list.Own().ID)
	}
	slices.Sort(want)
	timetest.WaitUntil(b.t, fmt.Sprint("links to ", want), func() bool { return slices.Equal(b.Linked(), want) })
}

// receive collects what comes to a subject.
func (b *box) receive(subject string) (got func() []string) {
	b.t.Helper()
	var mu sync.Mutex
	var list []string
	stop, err := b.Subscribe(subject, func(data []byte, _ func([]byte)) {
		mu.Lock()
		defer mu.Unlock()
		list = append(list, string(data))
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(stop)
	return func() []string { mu.Lock(); defer mu.Unlock(); return slices.Clone(list) }
}

// heardBy publishes until the other box hears it, because a subscription reaches the publisher's
// engine a little later.
func (b *box) heardBy(subject string, got func() []string) {
	b.t.Helper()
	before := len(got())
	timetest.WaitUntil(b.t, "a message to arrive", func() bool {
		_ = b.Publish(subject, []byte("probe"))
		return len(got()) > before
	})
}

func (b *box) engines() (pids []int) {
	b.t.Helper()
	dirs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, d := range dirs {
		text, _ := os.ReadFile(d)
		pid, _ := strconv.Atoi(strings.Split(d, "/")[2])
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if bytes.HasSuffix(text, []byte("\x00mesh\x00")) && bytes.Contains(stat, fmt.Appendf(nil, "PPid:\t%d\n", os.Getpid())) && b.owns(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// owns says whether the process listens at the box's address.
func (b *box) owns(pid int) bool {
	_, port, _ := net.SplitHostPort(b.listen)
	n, _ := strconv.Atoi(port)
	table, _ := os.ReadFile("/proc/net/tcp")
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) < 10 || f[1] != fmt.Sprintf("0100007F:%04X", n) || f[3] != "0A" {
			continue
		}
		fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, fd := range fds {
			if to, _ := os.Readlink(fd); to == "socket:["+f[9]+"]" {
				return true
			}
		}
	}
	return false
}

func TestMessagesCrossBetweenBoxes(t *testing.T) {
	a, b, c := newBox(t), newBox(t), newBox(t)
	inC := c.receive("in.c") // before there is an engine
	own := a.receive("in.c")
	pair(t, a, b, c)
	a.waitLinked(b, c)
	b.waitLinked(a, c)
	c.waitLinked(a, b)
	a.heardBy("in.c", inC)
	for i := range 1000 {
		if err := a.Publish("in.c", []byte(strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
	}
	numbers := func() []string { return slices.DeleteFunc(inC(), func(s string) bool { return s == "probe" }) }
	timetest.WaitUntil(t, "1000 messages", func() bool { return len(numbers()) >= 1000 })
	for i, got := range numbers() {
		if got != strconv.Itoa(i) {
			t.Fatalf("message %d is %s", i, got)
		}
	}
	if len(own()) > 0 {
		t.Errorf("a box hears itself: %q", own()[:1])
	}
	checkAsk(t, a, c)
	if err := a.Publish("bad subject", nil); errs.BodyOf(err).Field != "subject" {
		t.Errorf("got %v", err)
	}
	if err := a.Publish("x", make([]byte, maxMessage+1)); errs.BodyOf(err).Limit != maxMessage {
		t.Errorf("got %v", err)
	}
}

// ask asks and waits for a second: a question may be lost.
func (b *box) ask(subject, text string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Second)
	defer cancel()
	return b.Ask(ctx, subject, []byte(text))
}

func checkAsk(t *testing.T, a, c *box) {
	t.Helper()
	stop, err := c.Subscribe("who", func(data []byte, reply func([]byte)) {
		switch string(data) {
		case "crash":
			panic("on purpose")
		case "silence":
			return
		}
		reply(append([]byte("re: "), data...))
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	timetest.WaitUntil(t, "an answer", func() bool {
		got, err = a.ask("who", "you")
		return err == nil
	})
	if string(got) != "re: you" {
		t.Errorf("got %q", got)
	}
	for _, q := range []string{"crash", "silence"} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if _, err := a.Ask(ctx, "who", []byte(q)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", q, err)
		}
		cancel()
	}
	timetest.WaitUntil(t, "an answer after the crash", func() bool {
		got, err := a.ask("who", "still there")
		return err == nil && string(got) == "re: still there"
	})
	if _, err := a.ask("nobody", ""); errs.KindOf(err) != errs.Missing {
		t.Errorf("nobody listens: %v", err)
	}
	stop()
	timetest.WaitUntil(t, "the subscription to end", func() bool {
		_, err := a.ask("who", "you") // is lost where the engine of a does not know yet that c has stopped
		return errs.KindOf(err) == errs.Missing
	})
}

func TestABoxAloneRunsNothing(t *testing.T) {
	a := newBox(t)
	got := a.receive("x")
	if err := a.Publish("x", nil); errs.KindOf(err) != errs.Down {
		t.Errorf("publish: %v", err)
	}
	if _, err := a.Ask(t.Context(), "x", nil); errs.KindOf(err) != errs.Down {
		t.Errorf("ask: %v", err)
	}
	if _, err := net.Dial("tcp", a.listen); err == nil {
		t.Error("a box that is alone listens")
	}
	if len(got()) > 0 || len(a.Linked()) > 0 || len(a.engines()) > 0 || len(a.health.List()) > 0 {
		t.Errorf("got %q, links %q, engines %d, checks %+v", got(), a.Linked(), a.engines(), a.health.List())
	}
}

func TestAnEngineThatDiesComesBack(t *testing.T) {
	a, b := newBox(t), newBox(t)
	pair(t, a, b)
	in := b.receive("in.b")
	a.waitLinked(b)
	a.heardBy("in.b", in)
	for range 2 {
		old := b.engines()
		if len(old) != 1 {
			t.Fatalf("engines: %d", old)
		}
		if err := syscall.Kill(old[0], syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		timetest.WaitUntil(t, "another engine", func() bool { now := b.engines(); return len(now) == 1 && now[0] != old[0] })
		a.heardBy("in.b", in)
	}
}

func TestARemovedBoxLosesItsConnection(t *testing.T) {
	a, b, c := newBox(t), newBox(t), newBox(t)
	pair(t, a, b, c)
	for _, x := range []*box{a, b, c} {
		timetest.WaitUntil(t, "two links", func() bool { return len(x.Linked()) == 2 })
	}
	c.stop() // it does not hear of its removal
	engine, err := startEngine(spec{Key: c.list.Own().PEM(), Listen: c.listen, Life: "x", Members: []string{a.list.Own().Key, b.list.Own().Key}, Routes: []string{a.listen, b.listen}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { engine.server.Shutdown(); engine.server.WaitForShutdown() }()
	timetest.WaitUntil(t, "the engine of c alone to be linked", func() bool { return engine.server.NumRoutes() == 2 })
	if _, err := a.Remove(t.Context(), c.list.Own().ID); err != nil {
		t.Fatal(err)
	}
	timetest.WaitUntil(t, "c to lose its routes", func() bool { return engine.server.NumRoutes() == 0 })
	a.waitLinked(b)
	b.waitLinked(a)
	if len(b.list.Others()) != 1 {
		t.Errorf("b did not hear of the removal: %+v", b.list.Others())
	}
	if _, err := a.Remove(t.Context(), b.list.Own().ID); err != nil {
		t.Fatal(err)
	}
	timetest.WaitUntil(t, "b to hear that it is alone", func() bool { return len(b.list.All()) == 0 && len(b.engines()) == 0 })
	timetest.WaitUntil(t, "a to run nothing", func() bool { return len(a.engines()) == 0 })
}

func TestTheListReachesAllMembers(t *testing.T) {
	a, b, c := newBox(t), newBox(t), newBox(t)
	pair(t, a, b)
	a.waitLinked(b)
	// c is paired with b; a hears of it from b.
	list := []members.Member{b.entry(), a.entry(), c.entry()}
	if err := errors.Join(b.list.Learn(list), c.list.Learn(list)); err != nil {
		t.Fatal(err)
	}
	a.waitLinked(b, c)
	if got := len(a.list.Others()); got != 2 {
		t.Errorf("a knows %d others", got)
	}
}

func TestStrangersGetNoWord(t *testing.T) {
	a, b := newBox(t), newBox(t)
	pair(t, a, b)
	a.waitLinked(b)
	conn, err := net.Dial("tcp", a.listen)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("CONNECT {\"verbose\":false}\r\nPING\r\nINFO {}\r\n")); err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(conn); bytes.Contains(got, []byte("INFO")) || bytes.Contains(got, []byte("PONG")) || len(got) > 7 { // a TLS alert has 7 bytes
		t.Errorf("without TLS: %q", got)
	}
	all := func(string) bool { return true }
	for who, cfg := range map[string]*tls.Config{
		"another key": newIdentity(t).TLS(all),
		"no key":      {InsecureSkipVerify: true, MinVersion: tls.VersionTLS13},
	} {
		conn, err := tls.Dial("tcp", a.listen, cfg)
		if err == nil { // in TLS 1.3 the client has done its part before it is refused
			var got []byte
			if got, err = io.ReadAll(conn); len(got) > 0 {
				t.Errorf("%s: told %q", who, got)
			}
			_ = conn.Close()
		}
		if err == nil {
			t.Errorf("%s is taken", who)
		}
	}
	old := b.list.Own().TLS(all)
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	if _, err := tls.Dial("tcp", a.listen, old); err == nil {
		t.Error("a member with TLS 1.2 is taken")
	}
	member, err := tls.Dial("tcp", a.listen, b.list.Own().TLS(all))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = member.Close() }()
	_ = member.SetReadDeadline(time.Now().Add(timetest.Patience))
	if got := make([]byte, 4); func() bool { _, err := io.ReadFull(member, got); return err != nil || string(got) != "INFO" }() {
		t.Errorf("a member is told %q: this test would not notice a word", got)
	}
}

func TestAPortThatIsTakenIsReported(t *testing.T) {
	a, b := newBox(t), newBox(t)
	taken, err := net.Listen("tcp", a.listen)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	_, err = startEngine(spec{Key: a.list.Own().PEM(), Listen: a.listen})
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Fatalf("got %v", err)
	}
	pair(t, a, b)
	timetest.WaitUntil(t, "the fault to be known", func() bool {
		a.watch.mu.Lock()
		defer a.watch.mu.Unlock()
		return a.watch.fault != nil && strings.Contains(describeFault(a.watch.fault), "address already in use")
	})
	_ = taken.Close()
	a.waitLinked(b)
}

func TestHealthTellsOfALostBox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list, err := members.Open(filepath.Join(t.TempDir(), "members.json"), newIdentity(t), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		other := newIdentity(t)
		if err := list.Learn([]members.Member{{ID: other.ID, Key: other.Key, Name: "Library", Term: 1, Added: 1}}); err != nil {
			t.Fatal(err)
		}
		linked := []string{other.ID}
		h := health.New(nil)
		w := &watch{list: list, linked: func() []string { return linked }, health: h, lost: map[string]time.Time{}}
		want := func(level health.Level, code string) {
			t.Helper()
			w.check(time.Now())
			if got := h.List()[0]; got.Name != "mesh" || got.Level != level || got.Code != code {
				t.Errorf("got %+v, want %v %s", got, level, code)
			}
		}
		want(health.OK, "")
		linked = nil
		want(health.OK, "")
		time.Sleep(lostAfter - time.Second)
		want(health.OK, "")
		time.Sleep(time.Second)
		want(health.Warn, "unreachable")
		if text := h.List()[0].Text; !strings.Contains(text, `"Library"`) {
			t.Errorf("got %q", text)
		}
		linked = []string{other.ID}
		want(health.OK, "")
		w.noteFault(errors.New("no"))
		want(health.OK, "")
		time.Sleep(faultAfter)
		want(health.Warn, "no_engine")
		w.noteFault(nil)
		want(health.OK, "")
		linked = nil
		want(health.OK, "")
		gone, err := list.Removal(other.ID)
		if err != nil || list.Learn([]members.Member{gone}) != nil {
			t.Fatal(err)
		}
		want(health.OK, "")
		if len(w.lost) != 0 {
			t.Errorf("a box that was removed counts as lost: %v", w.lost)
		}
		w.clear()
		if len(h.List()) != 0 {
			t.Errorf("a box that is alone has %+v", h.List())
		}
	})
}

func TestTheAddressIsConfiguredWithinReason(t *testing.T) {
	for listen, good := range map[string]bool{"": true, ":7445": true, "10.0.0.1:1": true, "7445": false, ":0": false, ":70000": false, ":http": false} {
		err := Config{Listen: listen}.Validate()
		if (err == nil) != good || err != nil && errs.BodyOf(err).Field != "mesh.listen" {
			t.Errorf("%q: %v", listen, err)
		}
	}
}
