package whip

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/media/peer"
	"github.com/livelearn/box/services/timetest"
)

// realServer is a Handler with a real node, on a real port.
type realServer struct {
	t    *testing.T
	url  string
	door *Handler
	node *peer.Node
}

func newReal(t *testing.T) *realServer {
	t.Helper()
	node, err := peer.New(peer.Config{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- node.Serve(ctx) }()
	quiet := make(chan struct{})
	go func() {
		defer close(quiet)
		for {
			select {
			case <-node.Events():
			case <-ctx.Done():
				return
			}
		}
	}()
	r := &rig{grants: map[string]Grant{
		inToken:  {ID: "in", Use: Ingest, Lesson: "l_1", Room: "c_1", User: "t_1", Source: media.Camera, First: true},
		outToken: {ID: "out", Use: Egress, Lesson: "l_1", Room: "c_1", User: "whep:out"},
	}}
	door := New(node, r.grantOf, slog.New(slog.DiscardHandler))
	srv := httptest.NewServer(door)
	t.Cleanup(func() {
		srv.Close()
		http.DefaultClient.CloseIdleConnections()
		cancel()
		<-quiet
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	out := &realServer{t: t, url: srv.URL, door: door, node: node}
	out.until("the node", func() bool { _, err := node.Load(ctx); return err == nil })
	return out
}

func (r *realServer) until(what string, ok func() bool) {
	r.t.Helper()
	timetest.WaitUntil(r.t, what, ok)
}

// send makes a request and returns its answer with the body read.
func (r *realServer) send(method, url, token, kind, body string, head ...string) (*http.Response, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", kind)
	for i := 0; i+1 < len(head); i += 2 {
		req.Header.Set(head[i], head[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res, string(data)
}

func TestAnEncoderReachesAPlayer(t *testing.T) {
	r := newReal(t)
	e := r.encoder().begin()
	p := r.player().begin()
	p.hundred()
	for _, answer := range []string{e.answer, p.answer} {
		if strings.Count(answer, "a=rtcp-mux-only\r\n") != 2 || !strings.Contains(answer, "a=candidate:") || !strings.Contains(answer, "a=ice-lite") {
			t.Errorf("answered\n%s", answer)
		}
	}
	if strings.Count(p.answer, "a=msid:live0 ") != 2 {
		t.Errorf("more than one MediaStream:\n%s", p.answer)
	}
	if res, body := r.send("DELETE", e.at, inToken, "", ""); res.StatusCode != 200 {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	r.until("the encoder's end", func() bool {
		return e.pc.ConnectionState() == webrtc.PeerConnectionStateClosed || p.load().Publishers == 0
	})
	n := p.packets.Load()
	tick := time.NewTimer(300 * time.Millisecond)
	<-tick.C
	if more := p.packets.Load() - n; more > 20 {
		t.Errorf("%d packets after the end", more)
	}
}

func (r *realServer) load() media.Load {
	l, err := r.node.Load(r.t.Context())
	if err != nil {
		r.t.Error(err)
	}
	return l
}

func TestCandidatesTrickle(t *testing.T) {
	r := newReal(t)
	e := r.encoder().begin()
	gathered := webrtc.GatheringCompletePromise(e.pc)
	<-gathered
	var f strings.Builder
	for line := range strings.Lines(e.pc.LocalDescription().SDP) {
		for _, key := range []string{"a=ice-ufrag", "a=ice-pwd", "m=audio", "a=candidate"} {
			if strings.HasPrefix(line, key) {
				f.WriteString(line)
			}
		}
	}
	if res, body := r.send("PATCH", e.at, inToken, typeFragment, f.String(), "If-Match", e.tag); res.StatusCode != 204 || body != "" || res.Header.Get("ETag") != "" {
		t.Errorf("%d %q %v", res.StatusCode, body, res.Header)
	}
}

func TestMediaGoesOnAfterAnICERestart(t *testing.T) {
	r := newReal(t)
	e := r.encoder().begin()
	p := r.player().begin()
	p.hundred()
	e.restart()
	p.hundred()
	p.restart()
	p.hundred()
	e.restart() // and once more, from the second ICE session
	p.hundred()
	if r.load().Publishers != 1 || r.load().Watchers != 1 {
		t.Errorf("%+v", r.load())
	}
}

func TestAnEncoderThatBeginsAnewTakesItsOwnPlace(t *testing.T) {
	r := newReal(t)
	first := r.encoder().begin()
	p := r.player().begin()
	p.hundred()
	r.encoder().begin()
	p.hundred()
	r.until("one publisher", func() bool { return r.load().Publishers == 1 })
	if res, _ := r.send("DELETE", first.at, inToken, "", ""); res.StatusCode != http.StatusGone {
		t.Errorf("the first: %d", res.StatusCode)
	}
}

func TestACodecThatNobodyKnowsIsRefusedByTheRealNode(t *testing.T) {
	r := newReal(t)
	res, body := r.send("POST", r.url+"/whip/l_1", inToken, typeSDP,
		strings.NewReplacer("96 VP8/90000", "96 theora/90000", "sha-256 DA:7B", "sha-256 "+strings.TrimSuffix(strings.Repeat("DA:", 32), ":")).Replace(offerOf("sendonly")))
	if res.StatusCode != http.StatusBadRequest || r.load().Publishers != 0 {
		t.Errorf("%d %s, %+v", res.StatusCode, body, r.load())
	}
}
