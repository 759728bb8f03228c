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
	"github.com/livelearn/box/services/timetest"
)

// nodes are all implementations of media.Node: the fast path, the plain path, and a client of a
// node over a control connection.
var nodes = map[string]func(t *testing.T) media.Node{
	"fast":   func(t *testing.T) media.Node { return startNode(t, Config{Capacity: 3}) },
	"plain":  func(t *testing.T) media.Node { return startNode(t, Config{Capacity: 3, Plain: true}) },
	"client": func(t *testing.T) media.Node { return remoteNode(t, startNode(t, Config{Capacity: 3})) },
}

// remoteNode is a node at the other end of a connection.
func remoteNode(t *testing.T, n *Node) media.Node {
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

// TestConformance checks the promises that the room relies on, with each node.
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
	checkError(t, n.Record(ctx, media.Record{Room: "c1"})) // there is no recording to end
	checkEmpty(t, n)
}

func checkEmpty(t *testing.T, n media.Node) {
	t.Helper()
	l, err := n.Load(t.Context())
	if err != nil || l.Publishers+l.Watchers != 0 {
		t.Errorf("left behind: %+v, %v", l, err)
	}
}

// A session belongs to one person and is of one kind. It ends once.
func conformSessions(t *testing.T, n media.Node) {
	e := collectEvents(t, n)
	c := publishCamera(t, n, "c1", "ada", true)
	v := newViewer(t, n, "c1", "ben", 1, 1)
	waitUntil(t, "media", func() bool { return v.seen("video0").packets > 0 && v.seen("audio0").packets > 0 })
	l, err := n.Load(t.Context())
	checkError(t, err)
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
		checkError(t, n.Close(t.Context(), id))
		refusedAs(t, n.Close(t.Context(), id), errs.Missing, "no_session")
	}
	waitUntil(t, "both ends", func() bool {
		return e.last(media.SessionDown, "ada").Session == "ada-pub" && e.last(media.SessionDown, "ben").Session == "ben-watch"
	})
	checkEmpty(t, n)
}

// The same session again: a screen joins a camera. Then the camera's track leaves the list and
// stops, and the screen continues. Then a camera comes on a new m-line, which is the only way
// back.
func conformTracks(t *testing.T, n media.Node) {
	e := collectEvents(t, n)
	c := publishCamera(t, n, "c1", "ada", true)
	s := watchPackets(t, n, nil, "c1", "ben", 2)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer func() { close(stop); wg.Wait() }()
	add := func(who int) {
		tr, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "more", "s")
		checkError(t, err)
		_, err = c.pc.AddTrack(tr)
		checkError(t, err)
		wg.Go(func() { sendScreen(tr, who, stop) })
	}
	sees := func(who int) func() bool {
		return func() bool {
			return s.last("video0", time.Second).who == who || s.last("video1", time.Second).who == who
		}
	}
	waitUntil(t, "the camera", func() bool { return slotShows(e, "ben", media.Camera) })
	camera, voice, screen := media.Track{MID: "0", Source: media.Camera}, media.Track{MID: "1", Source: media.Microphone}, media.Track{MID: "2", Source: media.Screen}
	add(7)
	renegotiate(t, n, c.pc, camera, voice, screen)
	waitUntil(t, "the screen", func() bool { return slotShows(e, "ben", media.Camera) && slotShows(e, "ben", media.Screen) })
	waitUntil(t, "its picture", sees(7))
	renegotiate(t, n, c.pc, voice, screen)
	waitUntil(t, "the camera's end", func() bool { return e.last(media.TrackDown, "ada").Source == media.Camera })
	waitUntil(t, "the screen alone", func() bool { return slotShows(e, "ben", media.Screen) && !slotShows(e, "ben", media.Camera) })
	was := len(s.shots("video0")) + len(s.shots("video1"))
	waitUntil(t, "its picture to go on", func() bool { return len(s.shots("video0"))+len(s.shots("video1")) > was+20 })
	if answer := renegotiate(t, n, c.pc, camera, voice, screen); !strings.Contains(answer, "a=inactive") {
		t.Error("the answer promises what cannot be received")
	}
	add(8)
	renegotiate(t, n, c.pc, voice, screen, media.Track{MID: "3", Source: media.Camera})
	waitUntil(t, "the new camera", func() bool { return slotShows(e, "ben", media.Camera) && sees(7)() && sees(8)() })
}

// slotShows reports whether a user's source is in one of the slots of the last event.
func slotShows(e *eventLog, watcher string, what media.Source) bool {
	return slices.ContainsFunc(e.last(media.SlotsAre, watcher).Slots, func(s media.Slot) bool { return s.Source == what })
}

// renegotiate makes another offer on the same session.
func renegotiate(t *testing.T, n media.Node, pc *webrtc.PeerConnection, tracks ...media.Track) (answer string) {
	t.Helper()
	o, err := pc.CreateOffer(nil)
	checkError(t, err)
	checkError(t, pc.SetLocalDescription(o))
	a, err := n.Publish(t.Context(), media.Publish{Room: "c1", User: "ada", Session: "ada-pub", First: true, SDP: o.SDP, Tracks: tracks})
	checkError(t, err)
	checkError(t, pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: a.SDP}))
	return a.SDP
}

func sendScreen(screen *webrtc.TrackLocalStaticRTP, who int, stop <-chan struct{}) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	r := vp8Sequence{who: who}
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
		newViewer(t, n, "c1", user, 1, 1)
	}
	pc := newClient(t)
	(&viewer{pc: pc}).slot(t, webrtc.RTPCodecTypeVideo)
	o, err := pc.CreateOffer(nil)
	checkError(t, err)
	_, err = n.Watch(t.Context(), media.Watch{Room: "c1", User: "d", Session: "d", SDP: o.SDP})
	refusedAs(t, err, errs.Busy, "full")
	publishCamera(t, n, "c1", "ada", true) // a publisher is not a watcher
	checkError(t, n.Close(t.Context(), "a-watch"))
	_, err = n.Watch(t.Context(), media.Watch{Room: "c1", User: "d", Session: "d", SDP: o.SDP})
	checkError(t, err)
}

// A user that is muted before publishing stays muted.
func conformMuteEarly(t *testing.T, n media.Node) {
	checkError(t, n.Mute(t.Context(), "c1", "ada", media.Microphone, true))
	publishCamera(t, n, "c1", "ada", true)
	v := newViewer(t, n, "c1", "ben", 1, 1)
	waitUntil(t, "the picture", func() bool { return v.seen("video0").packets > 100 })
	if c := v.seen("audio0"); c.packets > 0 {
		t.Errorf("%d packets of a muted microphone", c.packets)
	}
	checkError(t, n.Mute(t.Context(), "c1", "ada", media.Microphone, false))
	waitUntil(t, "sound", func() bool { return v.seen("audio0").packets > 10 })
}

func conformMute(t *testing.T, n media.Node) {
	e := collectEvents(t, n)
	publishCamera(t, n, "c1", "ada", true)
	v := newViewer(t, n, "c1", "ben", 1, 1)
	waitUntil(t, "the picture", func() bool { return v.seen("video0").packets > 10 })
	checkError(t, n.Mute(t.Context(), "c1", "ada", media.Camera, true))
	waitUntil(t, "an empty slot", func() bool { return !slotShows(e, "ben", media.Camera) && slotShows(e, "ben", media.Microphone) })
	waitStill(t, "the picture", func() int { return v.seen("video0").packets })
	was, heard := v.seen("video0").packets, v.seen("audio0").packets
	waitUntil(t, "sound to go on", func() bool { return v.seen("audio0").packets > heard+20 })
	if is := v.seen("video0").packets; is > was {
		t.Errorf("%d packets of a muted camera", is-was)
	}
	checkError(t, n.Mute(t.Context(), "c1", "ada", media.Camera, false))
	waitUntil(t, "the picture again", func() bool { return v.seen("video0").packets > was+20 })
	checkLost(t, v.seen("video0").gaps, 0)
}

func conformWant(t *testing.T, n media.Node) {
	e := collectEvents(t, n)
	publishLayers(t, n, "c1", "ada")
	s := watchPackets(t, n, nil, "c1", "ben", 1)
	s.turns(t, "video0", "f")
	setWant(t, n, "ben", media.Saver, nil)
	s.turns(t, "video0", "q")
	setWant(t, n, "ben", media.Full, map[string]int{"0": 300})
	s.turns(t, "video0", "h")
	setWant(t, n, "ben", media.Sound, nil)
	waitUntil(t, "an empty slot", func() bool { return !slotShows(e, "ben", media.Camera) })
	setWant(t, n, "ben", media.Full, nil)
	s.turns(t, "video0", "f")
	checkPictures(t, s.shots("video0"))
	err := n.Want(t.Context(), media.Want{Session: "ben-watch", Mode: "loud"})
	refusedAs(t, err, errs.Invalid, "unknown")
}

// A connection that its client ends gets a SessionDown event: at once by DTLS's alert, or when
// ICE notices.
func conformLost(t *testing.T, n media.Node) {
	t.Parallel()
	e := collectEvents(t, n)
	c := publishCamera(t, n, "c1", "ada", true)
	v := newViewer(t, n, "c1", "ben", 1, 1)
	waitUntil(t, "the picture", func() bool { return v.seen("video0").packets > 0 })
	checkError(t, errors.Join(c.pc.Close(), v.pc.Close()))
	took := waitUntil(t, "the ends of both", func() bool {
		return e.last(media.SessionDown, "ada").Kind != "" && e.last(media.SessionDown, "ben").Kind != ""
	})
	timetest.CheckBudget(t, "the end of a lost connection", took, iceDisconnectedTimeout+iceFailedTimeout+5*time.Second)
	checkEmpty(t, n)
}
