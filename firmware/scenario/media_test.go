package scenario

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/wire/wiretest"
)

// caller is a person who sends or receives, and who connects anew when told to: a page
// without a browser.
type caller struct {
	t     *testing.T
	m     *wiretest.Member
	event string // call.publish or call.watch
	make  func() *webrtc.PeerConnection
	info  map[string]any

	said  chan string // what came of offers: an SDP, or a refusal's code
	moves chan string // sessions that were told to move
	n     int

	mu  sync.Mutex
	pcs []*webrtc.PeerConnection // the newest last
}

func newCaller(t *testing.T, p *boxtest.Person, room, event string, info map[string]any) *caller {
	t.Helper()
	c := &caller{t: t, m: p.Member(room), event: event, info: info, said: make(chan string, 10), moves: make(chan string, 10)}
	c.m.Cast = func(name string, payload json.RawMessage) {
		var in struct{ SDP, Code, Session string }
		_ = json.Unmarshal(payload, &in) // then it is empty
		switch name {
		case "call.answer":
			c.said <- in.SDP
		case "call.refused":
			c.said <- in.Code
		case "call.moved":
			c.moves <- in.Session
		}
	}
	if _, err := c.m.Connect(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, pc := range c.pcs {
			_ = pc.GracefulClose()
		}
	})
	return c
}

// do sends a command.
func (c *caller) do(name string, payload map[string]any) {
	c.t.Helper()
	c.n++
	if _, err := c.m.Do(wiretest.Command{ID: fmt.Sprint(c.event, c.n), Name: name, Payload: payload}); err != nil {
		c.t.Fatal(err)
	}
}

// connect makes a connection with a new session.
func (c *caller) connect() {
	c.t.Helper()
	pc := c.make()
	c.mu.Lock()
	c.pcs = append(c.pcs, pc)
	c.mu.Unlock()
	o, err := pc.CreateOffer(nil)
	if err == nil {
		err = pc.SetLocalDescription(o)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	in := map[string]any{"session": fmt.Sprintf("session-number-%d", c.n), "sdp": pc.LocalDescription().SDP}
	maps.Copy(in, c.info)
	c.do(c.event, in)
	sdp := <-c.said
	if !strings.HasPrefix(sdp, "v=0") {
		c.t.Fatalf("%s: refused: %s", c.event, sdp)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: sdp}); err != nil {
		c.t.Fatal(err)
	}
}

func connection(t *testing.T) *webrtc.PeerConnection {
	t.Helper()
	var se webrtc.SettingEngine
	se.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(se)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	return pc
}

// voice is a teacher who speaks without a pause, over all connections that are open.
func voice(t *testing.T, p *boxtest.Person, room string) *caller {
	t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "a", "s")
	if err != nil {
		t.Fatal(err)
	}
	c := newCaller(t, p, room, "call.publish", map[string]any{"tracks": []media.Track{{MID: "0", Source: media.Microphone}}})
	c.make = func() *webrtc.PeerConnection {
		pc := connection(t)
		if _, err := pc.AddTrack(track); err != nil {
			t.Fatal(err)
		}
		return pc
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for seq := uint16(0); ; seq++ {
			_ = track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: uint32(seq) * 960}, Payload: make([]byte, 80)})
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-done })
	return c
}

// ear is a remote pupil who notes when sound came, on whichever connection.
type ear struct {
	*caller
	mu   sync.Mutex
	last time.Time
	gap  time.Duration // the longest since it was asked
	on   int           // the connection that sound came by, the newest one wins
}

func listen(t *testing.T, p *boxtest.Person, room string) *ear {
	t.Helper()
	e := &ear{}
	e.caller = newCaller(t, p, room, "call.watch", map[string]any{"mode": "full"})
	e.do("call.place", map[string]any{"place": "remote"})
	made := 0
	e.make = func() *webrtc.PeerConnection {
		pc := connection(t)
		for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
			if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
				t.Fatal(err)
			}
		}
		made++
		is := made
		pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
			for {
				if _, _, err := track.ReadRTP(); err != nil {
					return
				}
				e.heard(is)
			}
		})
		return pc
	}
	return e
}

func (e *ear) heard(on int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.last.IsZero() {
		e.gap = max(e.gap, time.Since(e.last))
	}
	e.last, e.on = time.Now(), max(e.on, on)
}

// hears waits until sound comes by connection number n.
func (e *ear) hears(n int) {
	e.t.Helper()
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		e.mu.Lock()
		on := e.on
		e.mu.Unlock()
		if on >= n {
			return
		}
		if time.Since(began) > 20*time.Second {
			e.t.Fatalf("no sound on connection %d", n)
		}
	}
}

// longest is the longest silence since it was asked last.
func (e *ear) longest() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	gap := e.gap
	e.gap = 0
	return gap
}

// follow connects anew whenever it is told to, until the test ends.
func follow(t *testing.T, c *caller) {
	t.Helper()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-c.moves:
				c.connect()
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-done })
}

// nodes asks the admin's page who is in charge and who stands by.
func nodes(t *testing.T, admin *boxtest.Person) (charge, standby string) {
	t.Helper()
	for range 1500 {
		var list []media.NodeState
		if _, err := admin.Call("GET", "/api/admin/media", nil, &list); err != nil {
			t.Fatal(err)
		}
		charge, standby = "", ""
		for _, n := range list {
			switch n.Standing {
			case media.InCharge:
				charge = n.Name
			case media.Standby:
				standby = n.Name
			}
		}
		if charge != "" && standby != "" {
			return charge, standby
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("no two nodes")
	return "", ""
}

// process finds a media process of a box.
func process(t *testing.T, box *boxtest.Box, name string) int {
	t.Helper()
	list, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range list {
		env, _ := os.ReadFile(filepath.Join(dir, "environ"))
		stat, _ := os.ReadFile(filepath.Join(dir, "stat"))
		_, after, _ := strings.Cut(string(stat), ") ")
		if f := strings.Fields(after); len(f) > 1 && f[1] == strconv.Itoa(box.PID()) && strings.Contains(string(env), fmt.Sprintf(`"name":%q`, name)) {
			pid, _ := strconv.Atoi(filepath.Base(dir))
			return pid
		}
	}
	t.Fatalf("no process %s", name)
	return 0
}

// TestSoundComesBackByItselfWhenAMediaNodeDies: one node is killed, one is stopped, one is
// started anew on purpose. Nobody presses anything, and chat notices nothing.
func TestSoundComesBackByItselfWhenAMediaNodeDies(t *testing.T) {
	box := boxtest.Start(t, t.TempDir(), "--set", "media.udp=127.0.0.1:0")
	ada := box.Claim("Ada")
	lesson := ada.Lesson(ada.Class("7B", 3), "Sound")
	teacher := voice(t, ada, lesson.Room)
	pupil := listen(t, box.Join(lesson, lesson.Names[0].ID), lesson.Room)
	nodes(t, ada)
	pupil.connect()
	teacher.connect()
	pupil.hears(1)
	follow(t, teacher)
	follow(t, pupil.caller)
	pupil.longest()

	chat := ada.Member(lesson.Room)
	if _, err := chat.Connect(); err != nil {
		t.Fatal(err)
	}
	stop, chatted := make(chan struct{}), make(chan time.Duration)
	go func() {
		slowest := time.Duration(0)
		defer func() { chatted <- slowest }()
		for n := 0; ; n++ {
			began := time.Now()
			if _, err := chat.Do(wiretest.Command{ID: fmt.Sprint("c", n), Name: "chat.say", Payload: map[string]any{"text": "hello", "to": "all"}}); err != nil {
				t.Error(err)
				return
			}
			slowest = max(slowest, time.Since(began))
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()

	for n, c := range []struct {
		what  string
		hit   func(charge string) error
		limit time.Duration
	}{
		{"killed", func(name string) error { return syscall.Kill(process(t, box, name), syscall.SIGKILL) }, 3 * time.Second},
		{"stopped", func(name string) error { return syscall.Kill(process(t, box, name), syscall.SIGSTOP) }, 3 * time.Second},
		{"started anew", func(name string) error {
			_, err := ada.Call("POST", "/api/admin/media/"+name+"/drain", nil, nil)
			return err
		}, time.Second},
	} {
		charge, _ := nodes(t, ada)
		if err := c.hit(charge); err != nil {
			t.Fatal(err)
		}
		pupil.hears(n + 2)
		time.Sleep(500 * time.Millisecond)
		gap := pupil.longest()
		if t.Logf("%s: silence of %v", c.what, gap); gap > c.limit {
			t.Errorf("%s: silence of %v, at most %v", c.what, gap, c.limit)
		}
	}
	close(stop)
	if slowest := <-chatted; slowest > time.Second {
		t.Errorf("chat took %v", slowest)
	} else {
		t.Logf("chat took %v at most", slowest)
	}
}
