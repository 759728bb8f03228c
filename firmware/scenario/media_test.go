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
	"github.com/livelearn/box/services/timetest"
	"github.com/livelearn/box/services/wire/wiretest"
)

// mediaCaller is a person who sends or receives, and who reconnects on request: a page
// without a browser.
type mediaCaller struct {
	t     *testing.T
	m     *wiretest.Member
	event string // call.publish or call.watch
	make  func() *webrtc.PeerConnection
	info  map[string]any

	said  chan string // what came of offers: an SDP, or a refusal's code
	moves chan string // sessions that got a request to move
	n     int

	mu  sync.Mutex
	pcs []*webrtc.PeerConnection // the newest last
}

func newCaller(t *testing.T, p *boxtest.Person, room, event string, info map[string]any) *mediaCaller {
	t.Helper()
	c := &mediaCaller{t: t, m: p.NewMember(room), event: event, info: info, said: make(chan string, 10), moves: make(chan string, 10)}
	c.m.OnCast = func(name string, payload json.RawMessage) {
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
func (c *mediaCaller) do(name string, payload map[string]any) {
	c.t.Helper()
	c.n++
	if _, err := c.m.SendCommand(wiretest.Command{ID: fmt.Sprint(c.event, c.n), Name: name, Payload: payload}); err != nil {
		c.t.Fatal(err)
	}
}

// connect makes a connection with a new session.
func (c *mediaCaller) connect() {
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

func newConnection(t *testing.T) *webrtc.PeerConnection {
	t.Helper()
	var se webrtc.SettingEngine
	se.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(se)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	return pc
}

// newVoice is a teacher who speaks without a pause, over all connections that are open.
func newVoice(t *testing.T, p *boxtest.Person, room string) *mediaCaller {
	t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "a", "s")
	if err != nil {
		t.Fatal(err)
	}
	c := newCaller(t, p, room, "call.publish", map[string]any{"tracks": []media.Track{{MID: "0", Source: media.Microphone}}})
	c.make = func() *webrtc.PeerConnection {
		pc := newConnection(t)
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

// soundListener is a remote pupil who notes when sound came, on whichever connection.
type soundListener struct {
	*mediaCaller
	mu   sync.Mutex
	last time.Time
	gap  time.Duration // the longest since it was asked
	on   int           // the connection that sound came by, the newest one wins
}

func newListener(t *testing.T, p *boxtest.Person, room string) *soundListener {
	t.Helper()
	e := &soundListener{}
	e.mediaCaller = newCaller(t, p, room, "call.watch", map[string]any{"mode": "full"})
	e.do("call.place", map[string]any{"place": "remote"})
	made := 0
	e.make = func() *webrtc.PeerConnection {
		pc := newConnection(t)
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

func (e *soundListener) heard(on int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.last.IsZero() {
		e.gap = max(e.gap, time.Since(e.last))
	}
	e.last, e.on = time.Now(), max(e.on, on)
}

// hears waits until sound comes by connection number n.
func (e *soundListener) hears(n int) {
	e.t.Helper()
	timetest.WaitUntil(e.t, fmt.Sprintf("sound on connection %d", n), func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.on >= n
	})
}

// longest is the longest silence since it was asked last.
func (e *soundListener) longest() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	gap := e.gap
	e.gap = 0
	return gap
}

// followCalls reconnects on each request, until the test ends.
func followCalls(t *testing.T, c *mediaCaller) {
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

// mediaNodes asks the admin page for the active node and the standby.
func mediaNodes(t *testing.T, admin *boxtest.Person) (charge, standby string) {
	t.Helper()
	timetest.WaitUntil(t, "two nodes", func() bool {
		var list []media.NodeState
		if _, err := admin.CallAPI("GET", "/api/admin/media", nil, &list); err != nil {
			t.Fatal(err)
		}
		charge, standby = "", ""
		for _, n := range list {
			switch n.Role {
			case media.Active:
				charge = n.Name
			case media.Standby:
				standby = n.Name
			}
		}
		return charge != "" && standby != ""
	})
	return charge, standby
}

// findProcess finds a media process of a box.
func findProcess(t *testing.T, box *boxtest.Box, name string) int {
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
// restarted on purpose. No person presses a button, and the chat continues.
func TestSoundComesBackByItselfWhenAMediaNodeDies(t *testing.T) {
	box := boxtest.Start(t, t.TempDir(), "--set", "media.udp=127.0.0.1:0")
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 3), "Sound")
	teacher := newVoice(t, ada, lesson.Room)
	pupil := newListener(t, box.JoinLesson(lesson, lesson.Names[0].ID), lesson.Room)
	mediaNodes(t, ada)
	pupil.connect()
	teacher.connect()
	pupil.hears(1)
	followCalls(t, teacher)
	followCalls(t, pupil.mediaCaller)
	pupil.longest()

	chat := ada.NewMember(lesson.Room)
	if _, err := chat.Connect(); err != nil {
		t.Fatal(err)
	}
	stop, chatted := make(chan struct{}), make(chan time.Duration)
	go func() {
		slowest := time.Duration(0)
		defer func() { chatted <- slowest }()
		for n := 0; ; n++ {
			began := time.Now()
			if _, err := chat.SendCommand(wiretest.Command{ID: fmt.Sprint("c", n), Name: "chat.say", Payload: map[string]any{"text": "hello", "to": "all"}}); err != nil {
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
		{"killed", func(name string) error { return syscall.Kill(findProcess(t, box, name), syscall.SIGKILL) }, 3 * time.Second},
		{"stopped", func(name string) error { return syscall.Kill(findProcess(t, box, name), syscall.SIGSTOP) }, 3 * time.Second},
		{"started anew", func(name string) error {
			_, err := ada.CallAPI("POST", "/api/admin/media/"+name+"/drain", nil, nil)
			return err
		}, time.Second},
	} {
		charge, _ := mediaNodes(t, ada)
		if err := c.hit(charge); err != nil {
			t.Fatal(err)
		}
		pupil.hears(n + 2)
		time.Sleep(500 * time.Millisecond) // the sound lasts
		timetest.CheckBudget(t, c.what+": the silence", pupil.longest(), c.limit)
	}
	close(stop)
	timetest.CheckBudget(t, "chat", <-chatted, time.Second)
}
