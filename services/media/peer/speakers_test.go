package peer

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/timetest"
)

const quietLevel = 127 // dBov below full scale: silence (RFC 6464)

// testVoice is a person with a microphone with a settable level, a camera, and a screen.
type testVoice struct {
	level atomic.Int32
	who   int
	stop  chan struct{}
	wg    sync.WaitGroup
}

// newVoiceClient is a client with the level extension in its offer, as browsers have.
func newVoiceClient(t testing.TB) *webrtc.PeerConnection {
	t.Helper()
	m := &webrtc.MediaEngine{}
	checkError(t, m.RegisterDefaultCodecs())
	checkError(t, m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: levelURI}, webrtc.RTPCodecTypeAudio))
	r := &interceptor.Registry{}
	checkError(t, webrtc.RegisterDefaultInterceptors(m, r))
	var se webrtc.SettingEngine
	se.LoggerFactory = silentLogger{}
	se.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(se), webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(r)).NewPeerConnection(webrtc.Configuration{})
	checkError(t, err)
	t.Cleanup(func() { _ = pc.GracefulClose() })
	return pc
}

func publishVoice(t testing.TB, n media.Node, user string, who int, first bool, sources ...media.Source) *testVoice {
	t.Helper()
	pc := newVoiceClient(t)
	v := &testVoice{who: who, stop: make(chan struct{})}
	v.level.Store(quietLevel)
	mic, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "a", "s")
	checkError(t, err)
	sender, err := pc.AddTrack(mic)
	checkError(t, err)
	tracks := []media.Track{{MID: "0", Source: media.Microphone}}
	var pictures []*webrtc.TrackLocalStaticRTP
	for i, src := range sources {
		p, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, string(src), "s")
		checkError(t, err)
		_, err = pc.AddTrack(p)
		checkError(t, err)
		pictures = append(pictures, p)
		tracks = append(tracks, media.Track{MID: string(rune('1' + i)), Source: src})
	}
	connectClient(t, pc, func(sdp string) (media.Answer, error) {
		return n.Publish(t.Context(), media.Publish{Room: "c1", User: user, Session: user + "-pub", SDP: sdp, First: first, Tracks: tracks})
	})
	var id uint8
	for _, e := range sender.GetParameters().HeaderExtensions {
		if e.URI == levelURI {
			id = uint8(e.ID)
		}
	}
	if id == 0 {
		t.Fatal("the answer takes no levels")
	}
	v.wg.Go(func() { v.talk(mic, id, pictures) })
	t.Cleanup(func() { close(v.stop); v.wg.Wait() })
	return v
}

// talk sends sound each 20 ms, and each 100 ms a key frame of each picture.
func (v *testVoice) talk(mic *webrtc.TrackLocalStaticRTP, id uint8, pictures []*webrtc.TrackLocalStaticRTP) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	rolls := make([]vp8Sequence, len(pictures))
	for i := 0; ; i++ {
		select {
		case <-v.stop:
			return
		case <-tick.C:
		}
		p := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(i), Timestamp: uint32(i) * 960}, Payload: make([]byte, 60)}
		if err := p.SetExtension(id, []byte{uint8(v.level.Load())}); err != nil {
			panic(err)
		}
		_ = mic.WriteRTP(p)
		for j, to := range pictures {
			if i%5 == 0 {
				rolls[j].who = v.who
				for _, p := range rolls[j].frame(true) {
					_ = to.WriteRTP(p)
				}
			}
		}
	}
}

func TestSpeakersAreThoseWhoAreLoud(t *testing.T) {
	t.Parallel()
	n := startNode(t, Config{})
	e := collectEvents(t, n)
	users := func() []string { return e.last(media.Speakers, "").Users }
	ada, ben := publishVoice(t, n, "ada", 1, true), publishVoice(t, n, "ben", 2, false)
	time.Sleep(500 * time.Millisecond) // 25 packets of silence
	if got := users(); len(got) > 0 {
		t.Errorf("%v speak in silence", got)
	}
	ben.level.Store(20)
	took := waitUntil(t, "ben", func() bool { return slices.Equal(users(), []string{"ben"}) })
	timetest.CheckBudget(t, "a new speaker", took, 700*time.Millisecond)
	ada.level.Store(10)
	waitUntil(t, "both, the louder first", func() bool { return slices.Equal(users(), []string{"ada", "ben"}) })
	ben.level.Store(quietLevel)
	time.Sleep(500 * time.Millisecond) // a pause between words
	if got := users(); len(got) != 2 {
		t.Errorf("after a short pause %v speak", got)
	}
	waitUntil(t, "ada alone", func() bool { return slices.Equal(users(), []string{"ada"}) })
	ada.level.Store(quietLevel)
	waitUntil(t, "silence", func() bool { return len(users()) == 0 })
	// A muted person is no speaker.
	ben.level.Store(20)
	waitUntil(t, "ben", func() bool { return len(users()) == 1 })
	checkError(t, n.Mute(t.Context(), "c1", "ben", media.Microphone, true))
	waitUntil(t, "silence of who is muted", func() bool { return len(users()) == 0 })
	checkError(t, n.Close(t.Context(), "ada-pub"))
}

// Two slots, one teacher and three pupils: the teacher always has one, and the latest speaker
// of the pupils has the other.
func TestSlotsGoToTeachersAndWhoSpokeLast(t *testing.T) {
	t.Parallel()
	n := startNode(t, Config{})
	e := collectEvents(t, n)
	publishVoice(t, n, "ada", 1, false, media.Camera) // pupils come first, and hold the slots
	ben := publishVoice(t, n, "ben", 2, false, media.Camera)
	s := watchPackets(t, n, nil, "c1", "zoe", 2)
	slots := func() (list []string) {
		for _, x := range e.last(media.SlotsAre, "zoe").Slots {
			list = append(list, x.User+" "+string(x.Source))
		}
		return list
	}
	shows := func(want ...string) func() bool {
		return func() bool {
			got := slots()
			slices.Sort(got)
			slices.Sort(want)
			return slices.Equal(got, want)
		}
	}
	waitUntil(t, "ada and ben", shows("ada camera", "ben camera"))
	kept := slices.Index(slots(), "ada camera")
	cid := publishVoice(t, n, "cid", 3, false, media.Camera)
	time.Sleep(1300 * time.Millisecond) // the slots are given each second
	if got := slots(); !shows("ada camera", "ben camera")() {
		t.Errorf("who came last and is silent has a slot: %v", got)
	}
	cid.level.Store(20)
	waitUntil(t, "cid for ben, who came after ada", shows("ada camera", "cid camera"))
	if got := slices.Index(slots(), "ada camera"); got != kept {
		t.Errorf("ada moved from slot %d to %d", kept, got)
	}
	cid.level.Store(quietLevel)
	ben.level.Store(20)
	waitUntil(t, "ben for ada, who never spoke", shows("ben camera", "cid camera"))
	publishVoice(t, n, "dan", 4, false, media.Screen)
	waitUntil(t, "dan's screen, which came last, for the camera of who spoke before", shows("ben camera", "dan screen"))
	checkError(t, n.Close(t.Context(), "dan-pub"))
	teacher := publishVoice(t, n, "tea", 9, true, media.Camera, media.Screen)
	waitUntil(t, "the teacher's two", shows("tea camera", "tea screen"))
	took := waitUntil(t, "the pictures themselves", func() bool {
		return s.last("video0", time.Second).who == 9 && s.last("video1", time.Second).who == 9
	})
	t.Logf("their pictures after %v", took)
	// With one slot the screen is before the camera.
	watchPackets(t, n, nil, "c1", "one", 1)
	waitUntil(t, "the screen", func() bool {
		l := e.last(media.SlotsAre, "one").Slots
		return len(l) == 1 && l[0].User == "tea" && l[0].Source == media.Screen
	})
	teacher.level.Store(20)
	checkError(t, n.Close(t.Context(), "tea-pub"))
	waitUntil(t, "the pupils again", shows("ben camera", "cid camera"))
	for _, id := range []string{"video0", "video1"} {
		checkPictures(t, s.shots(id))
	}
}
