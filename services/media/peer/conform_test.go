package peer

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media"
)

// nodes are all that implements media.Node: the fast path, the plain path, and a client of a
// node over a control connection.
var nodes = map[string]func(t *testing.T) media.Node{
	"fast":   func(t *testing.T) media.Node { return serve(t, Config{Capacity: 3}) },
	"plain":  func(t *testing.T) media.Node { return serve(t, Config{Capacity: 3, Plain: true}) },
	"client": func(t *testing.T) media.Node { return remote(t, serve(t, Config{Capacity: 3})) },
}

// remote is a node at the other end of a connection.
func remote(t *testing.T, n *Node) media.Node {
	t.Helper()
	near, far := net.Pipe()
	log := slog.New(slog.DiscardHandler)
	c := media.NewClient(near, log)
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = media.Serve(ctx, far, n, log) })
	wg.Go(func() { _ = c.Serve(ctx) })
	t.Cleanup(func() { stop(); wg.Wait() })
	return c
}

// TestConformance is what the room relies on, whichever node it has.
func TestConformance(t *testing.T) {
	for name, fresh := range nodes {
		t.Run(name, func(t *testing.T) {
			for what, run := range map[string]func(*testing.T, media.Node){
				"errors":       conformErrors,
				"sessions":     conformSessions,
				"tracks":       conformTracks,
				"capacity":     conformCapacity,
				"mute early":   conformMuteEarly,
				"mute and see": conformMute,
				"want":         conformWant,
				"lost":         conformLost,
			} {
				t.Run(what, func(t *testing.T) { run(t, fresh(t)) })
			}
		})
	}
}

// refusedAs checks the kind and the code of a refusal.
func refusedAs(t *testing.T, err error, kind errs.Kind, code string) {
	t.Helper()
	if errs.KindOf(err) != kind || errs.BodyOf(err).Code != code {
		t.Errorf("got %v (%v, %q), want %v, %q", err, errs.KindOf(err), errs.BodyOf(err).Code, kind, code)
	}
}

func conformErrors(t *testing.T, n media.Node) {
	ctx := t.Context()
	refusedAs(t, n.Close(ctx, "nobody"), errs.Missing, "no_session")
	refusedAs(t, n.Want(ctx, media.Want{Session: "nobody", Mode: media.Full}), errs.Missing, "no_session")
	_, err := n.Patch(ctx, media.Patch{Session: "nobody"})
	refusedAs(t, err, errs.Missing, "no_session")
	_, err = n.Publish(ctx, media.Publish{Room: "c1", User: "u", Session: "s", SDP: "hello"})
	refusedAs(t, err, errs.Invalid, "bad_sdp")
	_, err = n.Watch(ctx, media.Watch{Room: "c1", User: "u", Session: "s", SDP: "hello"})
	refusedAs(t, err, errs.Invalid, "bad_sdp")
	_, err = n.Publish(ctx, media.Publish{Room: "c1", User: "u", SDP: "v=0\r\n"})
	refusedAs(t, err, errs.Invalid, "too_long")
	refusedAs(t, n.Record(ctx, media.Record{Room: "c1", Dir: "here"}), errs.Invalid, "bad_path")
	check(t, n.Record(ctx, media.Record{Room: "c1"})) // there is none to end
	empty(t, n)
}

func empty(t *testing.T, n media.Node) {
	t.Helper()
	l, err := n.Load(t.Context())
	if err != nil || l.Publishers+l.Watchers != 0 {
		t.Errorf("left behind: %+v, %v", l, err)
	}
}

// A session is one person's, and of one kind; it ends once.
func conformSessions(t *testing.T, n media.Node) {
	e := hear(t, n)
	c := publish(t, n, "c1", "ada", true)
	v := watch(t, n, "c1", "ben", 1, 1)
	until(t, "media", func() bool { return v.seen("video0").packets > 0 && v.seen("audio0").packets > 0 })
	l, err := n.Load(t.Context())
	check(t, err)
	if l.Publishers != 1 || l.Watchers != 1 || l.PacketsIn == 0 || l.PacketsOut == 0 || l.Capacity != 3 {
		t.Errorf("load is %+v", l)
	}
	sdp := c.pc.LocalDescription().SDP
	for user, session := range map[string]string{"ben": "ada-pub", "ada": "ben-watch"} {
		_, err := n.Publish(t.Context(), media.Publish{Room: "c1", User: user, Session: session, SDP: sdp})
		refusedAs(t, err, errs.Invalid, "taken")
	}
	refusedAs(t, n.Want(t.Context(), media.Want{Session: "ada-pub", Mode: media.Full}), errs.Missing, "no_session")
	for _, id := range []string{"ada-pub", "ben-watch"} {
		check(t, n.Close(t.Context(), id))
		refusedAs(t, n.Close(t.Context(), id), errs.Missing, "no_session")
	}
	until(t, "both ends", func() bool {
		return e.last(media.SessionDown, "ada").Session == "ada-pub" && e.last(media.SessionDown, "ben").Session == "ben-watch"
	})
	empty(t, n)
}

// The same session again: a screen comes to a camera; then the camera's track leaves the
// list and stops, and the screen goes on; then a camera comes on a new m-line, which is the
// only way back.
func conformTracks(t *testing.T, n media.Node) {
	e := hear(t, n)
	c := publish(t, n, "c1", "ada", true)
	s := attend(t, n, nil, "c1", "ben", 2)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer func() { close(stop); wg.Wait() }()
	add := func(who int) {
		tr, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "more", "s")
		check(t, err)
		_, err = c.pc.AddTrack(tr)
		check(t, err)
		wg.Go(func() { showing(tr, who, stop) })
	}
	sees := func(who int) func() bool {
		return func() bool {
			return s.last("video0", time.Second).who == who || s.last("video1", time.Second).who == who
		}
	}
	until(t, "the camera", func() bool { return feeds(e, "ben", media.Camera) })
	camera, voice, screen := media.Track{MID: "0", Source: media.Camera}, media.Track{MID: "1", Source: media.Microphone}, media.Track{MID: "2", Source: media.Screen}
	add(7)
	again(t, n, c.pc, camera, voice, screen)
	until(t, "the screen", func() bool { return feeds(e, "ben", media.Camera) && feeds(e, "ben", media.Screen) })
	until(t, "its picture", sees(7))
	again(t, n, c.pc, voice, screen)
	until(t, "the camera's end", func() bool { return e.last(media.TrackDown, "ada").Source == media.Camera })
	until(t, "the screen alone", func() bool { return feeds(e, "ben", media.Screen) && !feeds(e, "ben", media.Camera) })
	was := len(s.shots("video0")) + len(s.shots("video1"))
	until(t, "its picture to go on", func() bool { return len(s.shots("video0"))+len(s.shots("video1")) > was+20 })
	if answer := again(t, n, c.pc, camera, voice, screen); !strings.Contains(answer, "a=inactive") {
		t.Error("the answer promises what cannot be received")
	}
	add(8)
	again(t, n, c.pc, voice, screen, media.Track{MID: "3", Source: media.Camera})
	until(t, "the new camera", func() bool { return feeds(e, "ben", media.Camera) && sees(7)() && sees(8)() })
}

// feeds tells that a user's source is in one of the slots as last told.
func feeds(e *events, watcher string, what media.Source) bool {
	return slices.ContainsFunc(e.last(media.SlotsAre, watcher).Slots, func(s media.Slot) bool { return s.Source == what })
}

// again offers once more on the same session.
func again(t *testing.T, n media.Node, pc *webrtc.PeerConnection, tracks ...media.Track) (answer string) {
	t.Helper()
	o, err := pc.CreateOffer(nil)
	check(t, err)
	check(t, pc.SetLocalDescription(o))
	a, err := n.Publish(t.Context(), media.Publish{Room: "c1", User: "ada", Session: "ada-pub", First: true, SDP: o.SDP, Tracks: tracks})
	check(t, err)
	check(t, pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: a.SDP}))
	return a.SDP
}

func showing(screen *webrtc.TrackLocalStaticRTP, who int, stop <-chan struct{}) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	r := roll{who: who}
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			for _, p := range r.frame(true) {
				_ = screen.WriteRTP(p)
			}
		}
	}
}

func conformCapacity(t *testing.T, n media.Node) {
	for _, user := range []string{"a", "b", "c"} {
		watch(t, n, "c1", user, 1, 1)
	}
	pc := client(t)
	(&viewer{pc: pc}).slot(t, webrtc.RTPCodecTypeVideo)
	o, err := pc.CreateOffer(nil)
	check(t, err)
	_, err = n.Watch(t.Context(), media.Watch{Room: "c1", User: "d", Session: "d", SDP: o.SDP})
	refusedAs(t, err, errs.Busy, "full")
	publish(t, n, "c1", "ada", true) // who publishes is not a watcher
	check(t, n.Close(t.Context(), "a-watch"))
	_, err = n.Watch(t.Context(), media.Watch{Room: "c1", User: "d", Session: "d", SDP: o.SDP})
	check(t, err)
}

// Who is muted before they publish is.
func conformMuteEarly(t *testing.T, n media.Node) {
	check(t, n.Mute(t.Context(), "c1", "ada", media.Microphone, true))
	publish(t, n, "c1", "ada", true)
	v := watch(t, n, "c1", "ben", 1, 1)
	until(t, "the picture", func() bool { return v.seen("video0").packets > 100 })
	if c := v.seen("audio0"); c.packets > 0 {
		t.Errorf("%d packets of a muted microphone", c.packets)
	}
	check(t, n.Mute(t.Context(), "c1", "ada", media.Microphone, false))
	until(t, "sound", func() bool { return v.seen("audio0").packets > 10 })
}

func conformMute(t *testing.T, n media.Node) {
	e := hear(t, n)
	publish(t, n, "c1", "ada", true)
	v := watch(t, n, "c1", "ben", 1, 1)
	until(t, "the picture", func() bool { return v.seen("video0").packets > 10 })
	check(t, n.Mute(t.Context(), "c1", "ada", media.Camera, true))
	until(t, "an empty slot", func() bool { return !feeds(e, "ben", media.Camera) && feeds(e, "ben", media.Microphone) })
	time.Sleep(50 * time.Millisecond)
	was, heard := v.seen("video0").packets, v.seen("audio0").packets
	until(t, "sound to go on", func() bool { return v.seen("audio0").packets > heard+20 })
	if is := v.seen("video0").packets; is > was {
		t.Errorf("%d packets of a muted camera", is-was)
	}
	check(t, n.Mute(t.Context(), "c1", "ada", media.Camera, false))
	until(t, "the picture again", func() bool { return v.seen("video0").packets > was+20 })
	if c := v.seen("video0"); c.gaps > 0 {
		t.Errorf("%d gaps in the numbers", c.gaps)
	}
}

func conformWant(t *testing.T, n media.Node) {
	e := hear(t, n)
	climb(t, n, "c1", "ada")
	s := attend(t, n, nil, "c1", "ben", 1)
	s.turns(t, "video0", "f", 5*time.Second)
	want(t, n, "ben", media.Saver, nil)
	s.turns(t, "video0", "q", 2*time.Second)
	want(t, n, "ben", media.Full, map[string]int{"0": 300})
	s.turns(t, "video0", "h", 2*time.Second)
	want(t, n, "ben", media.Sound, nil)
	until(t, "an empty slot", func() bool { return !feeds(e, "ben", media.Camera) })
	want(t, n, "ben", media.Full, nil)
	s.turns(t, "video0", "f", 2*time.Second)
	if err := clean(s.shots("video0")); err != nil {
		t.Error(err)
	}
	err := n.Want(t.Context(), media.Want{Session: "ben-watch", Mode: "loud"})
	refusedAs(t, err, errs.Invalid, "unknown")
}

// A connection that its person ends is told as ended: at once by DTLS's alert, or when ICE
// notices.
func conformLost(t *testing.T, n media.Node) {
	t.Parallel()
	e := hear(t, n)
	c := publish(t, n, "c1", "ada", true)
	v := watch(t, n, "c1", "ben", 1, 1)
	until(t, "the picture", func() bool { return v.seen("video0").packets > 0 })
	check(t, errors.Join(c.pc.Close(), v.pc.Close()))
	began := time.Now()
	for end := began.Add(iceGone + iceFailed + 5*time.Second); e.last(media.SessionDown, "ada").Kind == "" || e.last(media.SessionDown, "ben").Kind == ""; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody noticed")
		}
	}
	t.Logf("noticed after %v", time.Since(began))
	empty(t, n)
}
