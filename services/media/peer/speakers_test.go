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
)

const quietLevel = 127 // dBov below full scale: silence (RFC 6464)

// voice is a person with a microphone whose level can be set, and a camera, and a screen.
type voice struct {
	level atomic.Int32
	who   int
	stop  chan struct{}
	wg    sync.WaitGroup
}

// speaking is a client whose offer has the level extension, as browsers' do.
func speaking(t testing.TB) *webrtc.PeerConnection {
	t.Helper()
	m := &webrtc.MediaEngine{}
	check(t, m.RegisterDefaultCodecs())
	check(t, m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: levelURI}, webrtc.RTPCodecTypeAudio))
	r := &interceptor.Registry{}
	check(t, webrtc.RegisterDefaultInterceptors(m, r))
	var se webrtc.SettingEngine
	se.LoggerFactory = quiet{}
	se.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(se), webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(r)).NewPeerConnection(webrtc.Configuration{})
	check(t, err)
	t.Cleanup(func() { _ = pc.GracefulClose() })
	return pc
}

func speak(t testing.TB, n media.Node, user string, who int, first bool, sources ...media.Source) *voice {
	t.Helper()
	pc := speaking(t)
	v := &voice{who: who, stop: make(chan struct{})}
	v.level.Store(quietLevel)
	mic, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "a", "s")
	check(t, err)
	sender, err := pc.AddTrack(mic)
	check(t, err)
	tracks := []media.Track{{MID: "0", Source: media.Microphone}}
	var pictures []*webrtc.TrackLocalStaticRTP
	for i, src := range sources {
		p, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, string(src), "s")
		check(t, err)
		_, err = pc.AddTrack(p)
		check(t, err)
		pictures = append(pictures, p)
		tracks = append(tracks, media.Track{MID: string(rune('1' + i)), Source: src})
	}
	talk(t, pc, func(sdp string) (media.Answer, error) {
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
func (v *voice) talk(mic *webrtc.TrackLocalStaticRTP, id uint8, pictures []*webrtc.TrackLocalStaticRTP) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	rolls := make([]roll, len(pictures))
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
	n := serve(t, Config{})
	e := hear(t, n)
	users := func() []string { return e.last(media.Speakers, "").Users }
	ada, ben := speak(t, n, "ada", 1, true), speak(t, n, "ben", 2, false)
	time.Sleep(500 * time.Millisecond)
	if got := users(); len(got) > 0 {
		t.Errorf("%v speak in silence", got)
	}
	ben.level.Store(20)
	began := time.Now()
	until(t, "ben", func() bool { return slices.Equal(users(), []string{"ben"}) })
	t.Logf("is heard after %v", time.Since(began))
	if took := time.Since(began); took > 700*time.Millisecond {
		t.Errorf("ben is a speaker after %v", took)
	}
	ada.level.Store(10)
	until(t, "both, the louder first", func() bool { return slices.Equal(users(), []string{"ada", "ben"}) })
	ben.level.Store(quietLevel)
	time.Sleep(500 * time.Millisecond) // a pause between words
	if got := users(); len(got) != 2 {
		t.Errorf("after a short pause %v speak", got)
	}
	until(t, "ada alone", func() bool { return slices.Equal(users(), []string{"ada"}) })
	ada.level.Store(quietLevel)
	until(t, "silence", func() bool { return len(users()) == 0 })
	// Who is muted is no speaker.
	ben.level.Store(20)
	until(t, "ben", func() bool { return len(users()) == 1 })
	check(t, n.Mute(t.Context(), "c1", "ben", media.Microphone, true))
	until(t, "silence of who is muted", func() bool { return len(users()) == 0 })
	check(t, n.Close(t.Context(), "ada-pub"))
}

// Two slots, one teacher and three pupils: the teacher always, and of the pupils who spoke
// last.
func TestSlotsGoToTeachersAndWhoSpokeLast(t *testing.T) {
	t.Parallel()
	n := serve(t, Config{})
	e := hear(t, n)
	speak(t, n, "ada", 1, false, media.Camera) // pupils come first, and hold the slots
	ben := speak(t, n, "ben", 2, false, media.Camera)
	s := attend(t, n, nil, "c1", "zoe", 2)
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
	until(t, "ada and ben", shows("ada camera", "ben camera"))
	kept := slices.Index(slots(), "ada camera")
	cid := speak(t, n, "cid", 3, false, media.Camera)
	time.Sleep(1300 * time.Millisecond)
	if got := slots(); !shows("ada camera", "ben camera")() {
		t.Errorf("who came last and is silent has a slot: %v", got)
	}
	cid.level.Store(20)
	until(t, "cid for ben, who came after ada", shows("ada camera", "cid camera"))
	if got := slices.Index(slots(), "ada camera"); got != kept {
		t.Errorf("ada moved from slot %d to %d", kept, got)
	}
	cid.level.Store(quietLevel)
	ben.level.Store(20)
	until(t, "ben for ada, who never spoke", shows("ben camera", "cid camera"))
	speak(t, n, "dan", 4, false, media.Screen)
	until(t, "dan's screen, which came last, for the camera of who spoke before", shows("ben camera", "dan screen"))
	check(t, n.Close(t.Context(), "dan-pub"))
	teacher := speak(t, n, "tea", 9, true, media.Camera, media.Screen)
	until(t, "the teacher's two", shows("tea camera", "tea screen"))
	began := time.Now()
	until(t, "the pictures themselves", func() bool {
		return s.last("video0", time.Second).who == 9 && s.last("video1", time.Second).who == 9
	})
	t.Logf("their pictures after %v", time.Since(began))
	// With one slot the screen is before the camera.
	attend(t, n, nil, "c1", "one", 1)
	until(t, "the screen", func() bool {
		l := e.last(media.SlotsAre, "one").Slots
		return len(l) == 1 && l[0].User == "tea" && l[0].Source == media.Screen
	})
	teacher.level.Store(20)
	check(t, n.Close(t.Context(), "tea-pub"))
	until(t, "the pupils again", shows("ben camera", "cid camera"))
	for _, id := range []string{"video0", "video1"} {
		if err := clean(s.shots(id)); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}
