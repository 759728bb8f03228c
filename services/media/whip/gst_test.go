package whip

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"testing"

	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media/samplebuilder"
	"golang.org/x/image/vp8"
)

// gstPackages are the Debian packages with the parts of GStreamer that testdata/gst.py needs.
const gstPackages = "python3-gi gir1.2-gst-plugins-bad-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-nice"

// programReport is one line of the program.
type programReport struct {
	State   string
	Status  int
	Error   string
	Decoded string
	Count   int
	Bytes   int
	Deleted int
}

// gstProgram is the program in testdata. It shares no code with pion or this box: it uses
// libnice, OpenSSL, libsrtp, libvpx.
type gstProgram struct {
	t     *testing.T
	stdin io.Closer
	mu    sync.Mutex
	lines []programReport
	done  chan struct{}
	err   error // of its end, set when done is closed
}

func (r *realServer) gst(mode, url, token string) *gstProgram {
	r.t.Helper()
	const python = "/usr/bin/python3" // Debian's: the bindings are made for no other
	if out, err := exec.CommandContext(r.t.Context(), python, "-c",
		`import gi; gi.require_version("GstWebRTC", "1.0"); from gi.repository import Gst; Gst.init(None); assert Gst.ElementFactory.find("webrtcbin") and Gst.ElementFactory.find("nicesrc")`).CombinedOutput(); err != nil {
		r.t.Fatalf("GStreamer is missing; apt-get install %s\n%s", gstPackages, out)
	}
	cmd := exec.CommandContext(r.t.Context(), python, "testdata/gst.py", mode, url, token)
	var faults bytes.Buffer
	cmd.Stderr = &faults
	out, err := cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	g := &gstProgram{t: r.t, stdin: in, done: make(chan struct{})}
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			g.line(s.Bytes())
		}
		g.err = cmd.Wait()
		close(g.done)
	}()
	r.t.Cleanup(func() {
		_ = in.Close()
		<-g.done // the context of the test has ended, and kills it
		if r.t.Failed() {
			r.t.Logf("%s said %+v\n%s", mode, g.said(), faults.String())
		}
	})
	return g
}

func (g *gstProgram) line(data []byte) {
	var h programReport
	if err := json.Unmarshal(data, &h); err != nil {
		h.Error = string(data)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lines = append(g.lines, h)
}

func (g *gstProgram) said() []programReport {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]programReport{}, g.lines...)
}

// has reports whether the program reported it. A fault in its report ends the test.
func (g *gstProgram) has(what func(programReport) bool) bool {
	g.t.Helper()
	for _, h := range g.said() {
		if h.Error != "" {
			g.t.Fatalf("the program failed: %s", h.Error)
		}
		if what(h) {
			return true
		}
	}
	return false
}

// end has the program delete its session and waits for it.
func (g *gstProgram) end() {
	g.t.Helper()
	_ = g.stdin.Close()
	<-g.done
	if g.err != nil {
		g.t.Errorf("the program ended with %v", g.err)
	}
	if !g.has(func(h programReport) bool { return h.Deleted == 200 }) {
		g.t.Errorf("the session was not deleted: %+v", g.said())
	}
}

// pictureCheck decodes the key frames that come: each must be whole and of the right size.
type pictureCheck struct {
	mu     sync.Mutex
	good   int
	colors int // different ones in the last
	fault  error
}

func (p *pictureCheck) follow(t *webrtc.TrackRemote) {
	whole := samplebuilder.New(64, &codecs.VP8Packet{}, 90000) // as a player does: UDP keeps no order
	for {
		pkt, _, err := t.ReadRTP()
		if err != nil {
			return
		}
		whole.Push(pkt)
		for s := whole.Pop(); s != nil; s = whole.Pop() {
			if s.Data[0]&1 == 0 { // RFC 6386 9.1: a key frame
				p.decoded(s.Data)
			}
		}
	}
}

func (p *pictureCheck) decoded(frame []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := vp8.NewDecoder()
	d.Init(bytes.NewReader(frame), len(frame))
	h, err := d.DecodeFrameHeader()
	if err != nil || h.Width != 320 || h.Height != 240 {
		p.fault = fmt.Errorf("%d x %d: %w", h.Width, h.Height, err)
		return
	}
	img, err := d.DecodeFrame()
	if err != nil {
		p.fault = err
		return
	}
	seen := map[[2]byte]bool{}
	for x := range 320 {
		seen[[2]byte{img.Cb[img.COffset(x, 40)] / 16, img.Cr[img.COffset(x, 40)] / 16}] = true
	}
	p.good, p.colors = p.good+1, len(seen)
}

func (p *pictureCheck) seen() (good, colors int, fault error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.good, p.colors, p.fault
}

func TestGStreamerPublishesAPictureThatCanBeDecoded(t *testing.T) {
	r := newReal(t)
	g := r.gst("publish", r.url+"/whip/l_1", inToken)
	r.until("GStreamer's connection", func() bool { return g.has(func(h programReport) bool { return h.State == "connected" }) })
	p := r.player()
	seen := &pictureCheck{}
	p.pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		if tr.Kind() == webrtc.RTPCodecTypeVideo {
			seen.follow(tr)
			return
		}
		for {
			if _, _, err := tr.ReadRTP(); err != nil {
				return
			}
			p.sounds.Add(1)
		}
	})
	p.begin()
	r.until("three key frames and a second of sound", func() bool { good, _, _ := seen.seen(); return good >= 3 && p.sounds.Load() >= 50 })
	if _, colors, fault := seen.seen(); colors < 6 || fault != nil { // the bars of the test picture
		t.Errorf("%d colours, %v", colors, fault)
	}
	g.end()
	r.until("the end", func() bool { return r.load().Publishers == 0 })
}

func TestGStreamerWatchesWhatGStreamerPublishes(t *testing.T) {
	r := newReal(t)
	in := r.gst("publish", r.url+"/whip/l_1", inToken)
	out := r.gst("watch", r.url+"/whep/l_1", outToken)
	r.until("30 decoded pictures and 30 sounds", func() bool {
		in.has(func(programReport) bool { return false })
		return out.has(func(h programReport) bool { return h.Decoded == "video" && h.Count >= 30 && h.Bytes == 320*240*3 }) &&
			out.has(func(h programReport) bool { return h.Decoded == "audio" && h.Count >= 30 && h.Bytes > 0 })
	})
	out.end()
	in.end()
}
