package handover

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/session"
	"github.com/livelearn/box/services/supervise"
)

// envRole makes this test binary a new program: what it does.
const envRole = "LIVELEARN_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(envRole); role != "" {
		if err := takeOver(role); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// takeOver is a new program. A good one answers each connection of the first listener.
func takeOver(role string) error {
	old, err := Inherit()
	if err != nil {
		return err
	}
	if role == "hangs at the start" {
		time.Sleep(time.Hour) // it is killed
	}
	format := 1
	if role == "other format" {
		format = 2
	}
	e, err := old.Prepare("new", format)
	if err != nil {
		return err
	}
	switch role {
	case "hangs":
		time.Sleep(time.Hour) // it is killed
	case "fails":
		return old.Fail(errors.New("no room starts"))
	}
	if err := old.Pass(); err != nil {
		return err
	}
	if role == "ends in service" {
		return nil
	}
	ln, err := net.FileListener(e.Listeners[0].File)
	if err != nil {
		return err
	}
	if err := old.Finish(); err != nil {
		return err
	}
	c, err := ln.Accept()
	if err != nil {
		return err
	}
	_, err = io.WriteString(c, "new")
	return errors.Join(err, c.Close())
}

// startRole starts a new program.
func startRole(t *testing.T, role string, p Patience) (*Successor, error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env, cmd.Stderr = append(os.Environ(), envRole+"="+role), os.Stderr
	s, err := Start(t.Context(), cmd, 1, p)
	if err == nil {
		t.Cleanup(s.Kill)
	}
	return s, err
}

// newEstate is the estate of a box with one listener.
func newEstate(t *testing.T) (*Estate, string) {
	t.Helper()
	var l Listeners
	ln, err := l.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	list, err := l.Duplicate()
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	e := &Estate{Listeners: list}
	t.Cleanup(func() { _ = e.Close() })
	return e, addr
}

func TestANewProgramTakesOverAListener(t *testing.T) {
	e, addr := newEstate(t)
	early, err := net.Dial("tcp", addr) // while no program accepts
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	s, err := startRole(t, "good", Patience{Healthy: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Give(e); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(early)
	if err != nil || string(got) != "new" || s.Hello.Version != "new" {
		t.Errorf("got %q of version %q, %v", got, s.Hello.Version, err)
	}
}

func TestAProgramThatFailsLeavesTheListener(t *testing.T) {
	for role, want := range map[string]string{
		"hangs": "not healthy within", "fails": "no room starts", "ends in service": ErrGone.Error(),
	} {
		t.Run(role, func(t *testing.T) {
			e, addr := newEstate(t)
			patience := Patience{Healthy: time.Minute}
			if role == "hangs" {
				patience.Healthy = 50 * time.Millisecond
			}
			s, err := startRole(t, role, patience)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Give(e); err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("got %v, want %q", err, want)
			}
			var l Listeners
			l.Inherit([]Listener{{Addr: "x", File: e.Listeners[0].File}})
			ln, err := l.Listen("x")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			e.Listeners = nil
			l.Release()
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := ln.Accept(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAProgramThatCannotTakeOverIsRefusedBeforeTheBoxStops(t *testing.T) {
	for role, want := range map[string]string{"hangs at the start": "not prepared within", "other format": "data format 2"} {
		if _, err := startRole(t, role, Patience{Prepare: time.Second}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", role, err, want)
		}
	}
	if _, err := Start(context.Background(), exec.Command("/bin/true"), 1, Patience{}); err == nil || !strings.Contains(err.Error(), "ended before") {
		t.Errorf("a program that does not take part: %v", err)
	}
	if _, err := Start(context.Background(), exec.Command("/no/such/program"), 1, Patience{}); err == nil {
		t.Error("a program that is not there")
	}
}

func TestAHeldListenerAcceptsNothingAndCloses(t *testing.T) {
	var l Listeners
	l.Inherit(nil)
	ln, err := l.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", ln.Addr().String()) // it waits in the queue
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ended := make(chan error)
	supervise.Spawn(nil, "accept", func() { _, err := ln.Accept(); ended <- err })
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// TestAListenerThatNoOneTakesIsClosed leaves a listener for an address that the new configuration does
// not have. A client must not wait there for good.
func TestAListenerThatNoOneTakesIsClosed(t *testing.T) {
	e, addr := newEstate(t)
	var l Listeners
	l.Inherit(e.Listeners)
	e.Listeners = nil
	l.Release()
	c, err := net.Dial("tcp", addr)
	if err == nil {
		_ = c.Close()
		t.Error("a connection waits at a listener of which no one accepts")
	}
}

// pair is both ends of a connection.
func pair(t testing.TB) (a, b *conn) {
	t.Helper()
	near, far, err := supervise.SocketPair()
	if err != nil {
		t.Fatal(err)
	}
	other, err := net.FileConn(far)
	if err != nil {
		t.Fatal(err)
	}
	_ = far.Close()
	t.Cleanup(func() { _, _ = near.Close(), other.Close() })
	return &conn{near.(*net.UnixConn)}, &conn{other.(*net.UnixConn)}
}

func TestAnEstateWithManySocketsArrives(t *testing.T) {
	old, now := pair(t)
	sent := &Estate{Listeners: []Listener{{Addr: ":80"}}}
	const sockets = 2*filesAtOnce + 1
	for i := range sockets {
		sent.Sockets = append(sent.Sockets, session.Parked{Unread: []byte{byte(i)}})
	}
	var files []*os.File
	for range sockets + 1 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	if err := sent.setFiles(files); err != nil {
		t.Fatal(err)
	}
	defer sent.Close()
	done := make(chan error)
	supervise.Spawn(nil, "send", func() { done <- old.send(estate, sent, sent.files()...) })
	got := &Estate{}
	passed, err := now.expect(estate, got)
	if err = errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
	if err := got.setFiles(passed); err != nil {
		t.Fatal(err)
	}
	for i, s := range got.Sockets {
		if !cmp.Equal(s.Unread, []byte{byte(i)}) || s.Socket == nil {
			t.Fatalf("socket %d: %+v", i, s)
		}
	}
	if err := got.Close(); err != nil {
		t.Error(err)
	}
	if err := got.setFiles(nil); err == nil {
		t.Error("an estate without its files is taken")
	}
}

func TestAMessageBeyondTheLimitsIsRefused(t *testing.T) {
	for _, c := range []struct {
		text, files int
		field       string
	}{{maxMessage + 1, 0, "length"}, {2, maxFiles + 1, "files"}} {
		old, now := pair(t)
		head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(c.text)), uint32(c.files))
		if _, err := old.Write(head); err != nil {
			t.Fatal(err)
		}
		if _, _, err := now.receive(); err == nil || errs.BodyOf(err).Field != c.field {
			t.Errorf("%+v: got %v", c, err)
		}
	}
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x0f\x00\x00\x00\x00{\"name\":\"go\"}  "))
	f.Add([]byte("\x00\x00\x00\x0d\x00\x00\x00\x01{\"name\":\"go\"}f"))
	f.Add([]byte("\xff\xff\xff\xff\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 64<<10 {
			return // beyond what the kernel keeps for a reader that has not begun
		}
		old, now := pair(t)
		if _, err := old.Write(data); err != nil {
			t.Fatal(err)
		}
		_ = old.Close()
		_, files, err := now.receive()
		if len(files) > 0 {
			t.Errorf("descriptors came that were not sent: %v", err)
		}
	})
}
