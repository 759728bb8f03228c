package record

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"github.com/livelearn/box/services/media/forward"
)

func TestTimesFollowTimestampsAcrossTheirWrap(t *testing.T) {
	l := timeline{clock: 48000}
	ts := uint32(1<<32 - 960)
	for i := range 5 {
		late := time.Duration(i%2) * 15 * time.Millisecond // a new anchor would show
		l.recordArrival(ts, 7*time.Second+time.Duration(i)*20*time.Millisecond+late)
		if got, want := l.timeOf(ts), 7*time.Second+time.Duration(i)*20*time.Millisecond; got != want {
			t.Errorf("%d: got %v, want %v", i, got, want)
		}
		ts += 960
	}
}

func TestJitterDoesNotShow(t *testing.T) {
	l := timeline{clock: 90000}
	l.recordArrival(0, time.Second)
	for i := 1; i < 300; i++ {
		l.recordArrival(uint32(i*3000), time.Second+time.Duration(i)*time.Second/30+time.Duration(i%7)*10*time.Millisecond)
	}
	if got := l.timeOf(299 * 3000); got != time.Second+299*time.Second/30 {
		t.Errorf("got %v", got)
	}
}

// The packets that a node kept since the last key frame come at once. Only the newest of them
// is now.
func TestBurstOfKeptPacketsEndsNow(t *testing.T) {
	l := timeline{clock: 90000}
	for i := range 100 {
		l.recordArrival(uint32(i*3000), 5*time.Second)
	}
	if got := l.timeOf(99 * 3000); got != 5*time.Second {
		t.Errorf("got %v, want 5s", got)
	}
}

func TestDriftIsFollowedAndAJumpBeginsAnew(t *testing.T) {
	l := timeline{clock: 90000}
	at := func(i int) time.Duration { // the publisher's clock is 100 ppm slow
		return time.Duration(float64(i) * 1.0001 * float64(time.Second) / 30)
	}
	const hour = 3600 * 30
	for i := range hour {
		l.recordArrival(uint32(i*3000), at(i))
	}
	if off := l.timeOf((hour-1)*3000) - at(hour-1); off.Abs() > 5*time.Millisecond {
		t.Errorf("after an hour: %v off", off)
	}
	l.recordArrival(12345, 2*time.Hour)
	if got := l.timeOf(12345); got != 2*time.Hour {
		t.Errorf("after a jump: got %v", got)
	}
}

func TestSilenceKeepsItsLength(t *testing.T) {
	clips := encodeClips(t, "320x240")
	for _, codec := range []forward.Codec{forward.VP8, forward.H264} {
		w := beginWriter(t, Config{Tracks: tracksOf(codec)})
		var list []timedPacket
		for i, p := range mergedPackets(clips, codec, 0) {
			if p.track == 1 && p.at > 2*time.Second && p.at < 3*time.Second {
				continue // discontinuous transmission: timestamps go on
			}
			if p.track == 1 && p.at >= 3*time.Second {
				p.data = shiftSequence(t, p.data, -50+1)
			}
			list = append(list, p)
			_ = i
		}
		writePackets(t, w, list)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		at := packetTimes(t, w.cfg.Name+extensionOf(codec), 1, 0)
		gap := 0.0
		for i := range at[1:] {
			gap = max(gap, at[i+1]-at[i])
		}
		if !isNear(gap, 1, 0.03) || !isNear(at[len(at)-1], clipS-0.02, 0.03) {
			t.Errorf("%s: gap %v, end %v", pictures[codec], gap, at[len(at)-1])
		}
	}
}

func shiftSequence(t *testing.T, b []byte, by int) []byte {
	var p rtp.Packet
	if err := p.Unmarshal(b); err != nil {
		t.Fatal(err)
	}
	p.SequenceNumber += uint16(by)
	b, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSoundAndPictureLineUp(t *testing.T) {
	clips := encodeClips(t, "320x240")
	for _, codec := range []forward.Codec{forward.VP8, forward.H264} {
		w := beginWriter(t, Config{Tracks: tracksOf(codec)})
		picture := stream{clip: clips[codec], ssrc: 1, ts: 5, start: 10*time.Second + 400*time.Millisecond}
		sound := stream{clip: clips[forward.Opus], track: 1, ssrc: 2, ts: 99, start: 10 * time.Second}
		writePackets(t, w, mergePackets(picture.packets(), sound.packets()))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		path := w.cfg.Name + extensionOf(codec)
		v, a := packetTimes(t, path, 0, 0), packetTimes(t, path, 1, 0)
		if !isNear(v[0]-a[0], 0.4, 0.002) || w.Parts()[0].StartMS != 10000 {
			t.Errorf("%s: picture at %v, sound at %v, file at %d ms", pictures[codec], v[0], a[0], w.Parts()[0].StartMS)
		}
	}
}

// A camera that is switched off leaves nothing waiting for the next packet.
func TestNothingWaitsLongerThanASecond(t *testing.T) {
	clips := encodeClips(t, "320x240")
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		for codec := range pictures {
			w := beginWriter(t, Config{Name: filepath.Join(dir, pictures[codec]), Tracks: tracksOf(codec)})
			list := stream{clip: clips[codec], ssrc: 1}.packets()
			writePackets(t, w, list[:len(list)/2])
			time.Sleep(time.Second)
			synctest.Wait()
			want := list[len(list)/2].at - 2*time.Second/fps
			if d, err := ReadDuration(w.cfg.Name + extensionOf(codec)); err != nil || d < want {
				t.Errorf("%s: got %v, %v, want %v", pictures[codec], d, err, want)
			}
			// the timer works more than once
			last := list[len(list)/2]
			size := sizeOf(t, w)
			if err := w.Write(0, last.data, last.at); err != nil {
				t.Fatal(err)
			}
			writePackets(t, w, list[len(list)/2+1:len(list)/2+8])
			time.Sleep(time.Second)
			synctest.Wait()
			if now := sizeOf(t, w); now <= size {
				t.Errorf("%s: %d bytes before and %d after", pictures[codec], size, now)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func sizeOf(t *testing.T, w *Writer) int64 {
	t.Helper()
	info, err := os.Stat(filepath.Join(filepath.Dir(w.cfg.Name), w.Parts()[0].File))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
