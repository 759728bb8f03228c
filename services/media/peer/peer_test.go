package peer

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
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
	"github.com/livelearn/box/services/media/forward"
)

// paths are the ways of sending packets. All keep the same promises.
var paths = map[string]Config{"fast": {}, "plain": {Plain: true}, "one by one": {NoGSO: true}, "no AES": {Profiles: []forward.Profile{forward.AES128CMSHA180}}}

func TestPictureAndSoundReachAWatcher(t *testing.T) {
	for name, cfg := range paths {
		t.Run(name, func(t *testing.T) {
			n := startNode(t, cfg)
			publishCamera(t, n, "c1", "ada", true)
			v := newViewer(t, n, "c1", "ben", 1, 2)
			waitUntil(t, "a hundred packets", func() bool { return v.seen("video0").packets > 100 && v.seen("audio0").packets > 20 })
			checkLost(t, v.seen("video0").gaps, 0)
			if c := v.seen("video1"); c.packets != 0 {
				t.Error("a slot without a source is fed")
			}
		})
	}
}

func TestALateClassHasItsPictureAtOnceAndDoesNotStormThePublisher(t *testing.T) {
	n := startNode(t, Config{})
	ada := publishCamera(t, n, "c1", "ada", true)
	newViewer(t, n, "c1", "first", 1, 1)
	time.Sleep(1200 * time.Millisecond) // the newest key frame is not at hand for long
	asked := len(ada.plis)
	for i := range 10 {
		v := newViewer(t, n, "c1", "p"+string(rune('a'+i)), 1, 1)
		waitUntil(t, "a picture", func() bool { return v.seen("video0").packets > 0 })
	}
	if got := len(ada.plis) - asked; got > 4 {
		t.Errorf("ten who came within seconds made %d requests for key frames", got)
	}
}

func TestMuteIsTheNodesAndNotThePublishers(t *testing.T) {
	n := startNode(t, Config{})
	publishCamera(t, n, "c1", "ada", true)
	v := newViewer(t, n, "c1", "ben", 1, 1)
	waitUntil(t, "sound", func() bool { return v.seen("audio0").packets > 5 })
	checkError(t, n.Mute(t.Context(), "c1", "ada", media.Microphone, true))
	waitStill(t, "sound", func() int { return v.seen("audio0").packets })
	before := v.seen("audio0").packets
	pictures := v.seen("video0").packets
	waitUntil(t, "more pictures", func() bool { return v.seen("video0").packets > pictures+50 })
	if after := v.seen("audio0").packets; after > before {
		t.Errorf("%d packets of a muted microphone", after-before)
	}
	checkError(t, n.Mute(t.Context(), "c1", "ada", media.Microphone, false))
	waitUntil(t, "sound again", func() bool { return v.seen("audio0").packets > before+10 })
}

func TestModes(t *testing.T) {
	n := startNode(t, Config{})
	publishCamera(t, n, "c1", "ada", true)
	v := newViewer(t, n, "c1", "ben", 1, 1)
	waitUntil(t, "a picture", func() bool { return v.seen("video0").packets > 0 })
	checkError(t, n.Want(t.Context(), media.Want{Session: "ben-watch", Mode: media.Sound}))
	waitStill(t, "the picture", func() int { return v.seen("video0").packets })
	was, heard := v.seen("video0").packets, v.seen("audio0").packets
	waitUntil(t, "sound", func() bool { return v.seen("audio0").packets > heard+20 })
	if is := v.seen("video0").packets; is > was {
		t.Errorf("%d packets of an unwanted picture", is-was)
	}
	if err := n.Want(t.Context(), media.Want{Session: "ben-watch", Mode: "loud"}); errs.KindOf(err) != errs.Invalid {
		t.Errorf("got %v", err)
	}
	if err := n.Want(t.Context(), media.Want{Session: "nobody", Mode: media.Full}); errs.KindOf(err) != errs.Missing {
		t.Errorf("got %v", err)
	}
}

// Five of a hundred packets are lost, others doubled and swapped. The player must miss less
// than one in a thousand.
func TestRepairOfALossyLink(t *testing.T) {
	for name, cfg := range map[string]Config{"fast": {}, "no AES": paths["no AES"]} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNode(t, cfg)
			publishCamera(t, n, "c1", "ada", true)
			l := newLink(t, n, nil)
			v := watchOver(t, n, l, "c1", "ben", 1, 1)
			waitUntil(t, "a picture", func() bool { return v.seen("video0").packets > 0 })
			l.loss.Store(50)
			l.messy.Store(true)
			waitUntil(t, "many gaps", func() bool { return v.seen("video0").gaps > 40 })
			l.loss.Store(0)
			time.Sleep(time.Second) // the last ones are sent again
			c := v.seen("video0")
			t.Logf("%d packets, %d gaps as they came, %d missing after repair", c.packets, c.gaps, c.missing())
			if c.gaps < 20 {
				t.Error("the link lost nothing")
			}
			checkLost(t, c.missing(), c.packets/1000)
			load, _ := n.Load(t.Context())
			if load.Retransmits == 0 {
				t.Error("nothing was sent again")
			}
		})
	}
}

// Hazard: a nonce of GCM is (SSRC, rollover counter, sequence number). Every packet on the wire
// to a watcher, including retransmissions, has another. And pion writes none of them.
func TestEachPacketOnTheWireHasItsOwnNumber(t *testing.T) {
	n := startNode(t, Config{})
	publishCamera(t, n, "c1", "ada", true)
	var mu sync.Mutex
	seen := map[uint64]int{}
	l := newLink(t, n, func(p []byte) {
		if len(p) < 12 || p[1] >= 192 && p[1] <= 223 { // RTCP (RFC 5761 4)
			return
		}
		mu.Lock()
		seen[uint64(binary.BigEndian.Uint32(p[8:]))<<16|uint64(binary.BigEndian.Uint16(p[2:]))]++
		mu.Unlock()
	})
	v := watchOver(t, n, l, "c1", "ben", 1, 1)
	l.loss.Store(100)
	waitUntil(t, "three hundred packets", func() bool { return v.seen("video0").packets > 300 })
	mu.Lock()
	defer mu.Unlock()
	for id, times := range seen {
		if times > 1 {
			t.Fatalf("SSRC %d number %d went out %d times", id>>16, id&0xffff, times)
		}
	}
	if len(seen) < 300 {
		t.Fatalf("only %d packets passed", len(seen))
	}
}

// Hazard: the address changes. The client restarts ICE on the same session and DTLS, and media
// follows to the new address.
func TestMediaFollowsAnAddressThatChanges(t *testing.T) {
	n := startNode(t, Config{})
	publishCamera(t, n, "c1", "ada", true)
	v := newViewer(t, n, "c1", "ben", 1, 1)
	waitUntil(t, "a picture", func() bool { return v.seen("video0").packets > 0 })
	l := newLink(t, n, nil)
	o, err := v.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	checkError(t, err)
	checkError(t, v.pc.SetLocalDescription(o))
	a, err := n.Watch(t.Context(), media.Watch{Room: "c1", User: "ben", Session: "ben-watch", SDP: o.SDP, Mode: media.Full})
	checkError(t, err)
	checkError(t, v.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: l.through(a.SDP)}))
	waitUntil(t, "media on the new way", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.ways) > 0
	})
	l.loss.Store(1000) // nothing arrives if media takes the new way
	waitStill(t, "packets on the old way", func() int { return v.seen("video0").packets })
	was := v.seen("video0").packets
	l.loss.Store(0)
	waitUntil(t, "the picture again", func() bool { return v.seen("video0").packets > was+30 })
}

// Hazard: key material in logs or errors.
func TestNoKeyIsLogged(t *testing.T) {
	t.Setenv("PION_LOG_TRACE", "all")
	var log bytes.Buffer
	n, err := New(Config{UDP: "127.0.0.1:0"}, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	checkError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Serve(ctx) }()
	waitUntil(t, "the node", func() bool { _, err := n.Load(ctx); return err == nil })
	publishCamera(t, n, "c1", "ada", true)
	v := newViewer(t, n, "c1", "ben", 1, 1)
	waitUntil(t, "a picture", func() bool { return v.seen("video0").packets > 0 })
	n.mu.Lock()
	k := n.sessions["ben-watch"].(*watcher).keys
	n.mu.Unlock()
	cancel()
	checkError(t, <-done)
	for _, secret := range [][]byte{k.exported.Key, k.exported.Salt} {
		if bytes.Contains(log.Bytes(), []byte(hex.EncodeToString(secret))) || bytes.Contains(log.Bytes(), secret) {
			t.Error("a key is in the log")
		}
	}
	if k.masterSecret != nil {
		t.Error("the master secret is kept")
	}
}

func TestWhatIsNoOfferIsRefusedAndLeavesNothing(t *testing.T) {
	n := startNode(t, Config{})
	good := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
	for name, sdp := range map[string]string{
		"empty": "", "words": "hello", "no media": good, "long": good + strings.Repeat("a=x\r\n", 20000),
		"no ICE": good + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=recvonly\r\na=rtpmap:96 VP8/90000\r\n",
		"many":   good + strings.Repeat("m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n", 100),
	} {
		_, err := n.Watch(t.Context(), media.Watch{Room: "c1", User: "u", Session: "s", SDP: sdp})
		if errs.KindOf(err) != errs.Invalid || !strings.Contains(err.Error(), "sdp") {
			t.Errorf("watch, %s: got %v", name, err)
		}
		_, err = n.Publish(t.Context(), media.Publish{Room: "c1", User: "u", Session: "s", SDP: sdp})
		if errs.KindOf(err) != errs.Invalid {
			t.Errorf("publish, %s: got %v", name, err)
		}
	}
	if l, err := n.Load(t.Context()); err != nil || l.Publishers+l.Watchers != 0 {
		t.Errorf("left behind: %+v %v", l, err)
	}
}

func TestAdmissionEndsAtTheCapacity(t *testing.T) {
	n := startNode(t, Config{Capacity: 1})
	newViewer(t, n, "c1", "ben", 1, 1)
	pc := newClient(t)
	(&viewer{pc: pc}).slot(t, webrtc.RTPCodecTypeVideo)
	o, err := pc.CreateOffer(nil)
	checkError(t, err)
	_, err = n.Watch(t.Context(), media.Watch{Room: "c1", User: "cid", Session: "x", SDP: o.SDP})
	if errs.KindOf(err) != errs.Busy || !strings.Contains(err.Error(), "1 watchers") {
		t.Errorf("got %v", err)
	}
	checkError(t, n.Close(t.Context(), "ben-watch"))
	if _, err = n.Watch(t.Context(), media.Watch{Room: "c1", User: "cid", Session: "x", SDP: o.SDP}); err != nil {
		t.Error(err)
	}
}

func TestEventsTellWhoIsSeenAndWhoIsGone(t *testing.T) {
	n := startNode(t, Config{})
	var mu sync.Mutex
	var events []media.Event
	go func() {
		for e := range n.Events() {
			mu.Lock()
			events = append(events, e)
			mu.Unlock()
		}
	}()
	told := func(ok func(media.Event) bool) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.ContainsFunc(events, ok)
		}
	}
	publishCamera(t, n, "c1", "ada", true)
	newViewer(t, n, "c1", "ben", 1, 2)
	waitUntil(t, "the camera", told(func(e media.Event) bool {
		return e.Kind == media.TrackUp && e.User == "ada" && e.Source == media.Camera
	}))
	waitUntil(t, "the slots", told(func(e media.Event) bool {
		return e.Kind == media.SlotsAre && e.User == "ben" && slices.Contains(e.Slots, media.Slot{MID: "1", User: "ada", Source: media.Camera})
	}))
	checkError(t, n.Close(t.Context(), "ada-pub"))
	waitUntil(t, "the end", told(func(e media.Event) bool { return e.Kind == media.SessionDown && e.Session == "ada-pub" }))
	waitUntil(t, "empty slots", told(func(e media.Event) bool {
		return e.Kind == media.SlotsAre && !slices.ContainsFunc(e.Slots, func(s media.Slot) bool { return s.User != "" })
	}))
}

// A flood of packets like STUN and DTLS, and of noise, does not disturb the media of others.
func TestAFloodLeavesTheMediaOfOthersWhole(t *testing.T) {
	n := startNode(t, Config{})
	publishCamera(t, n, "c1", "ada", true)
	v := newViewer(t, n, "c1", "ben", 1, 1)
	waitUntil(t, "a picture", func() bool { return v.seen("video0").packets > 0 })
	stun := append([]byte{0, 1, 0, 16, 0x21, 0x12, 0xa4, 0x42}, make([]byte, 12)...)
	stun = append(stun, append([]byte{0, 6, 0, 9}, []byte("nobody:me\x00\x00\x00")...)...)
	hello := append([]byte{22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60}, make([]byte, 60)...)
	noise := bytes.Repeat([]byte{0x80, 0xff}, 300)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		c, err := net.DialUDP("udp4", nil, n.Addr().(*net.UDPAddr))
		checkError(t, err)
		wg.Go(func() {
			defer func() { _ = c.Close() }()
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					_, _ = c.Write([][]byte{stun, hello, noise}[i%3])
				}
				if i%200 == 0 {
					time.Sleep(time.Millisecond) // the flood leaves the receiver a share of the processor
				}
			}
		})
	}
	was := v.seen("video0")
	waitUntil(t, "300 packets during the flood", func() bool { return v.seen("video0").packets >= was.packets+300 })
	is := v.seen("video0")
	close(stop)
	wg.Wait()
	checkLost(t, is.missing()-was.missing(), (is.packets-was.packets)/100)
	v2 := newViewer(t, n, "c1", "cid", 1, 1) // and others still come in
	waitUntil(t, "a picture", func() bool { return v2.seen("video0").packets > 0 })
}
