package gateway

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/livelearn/box/services/gateway/staff"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/roster"
)

// fakeNode is a media node that accepts all calls and forwards no media.
type fakeNode struct {
	mu        sync.Mutex
	published []media.Publish
	watched   []media.Watch
	closed    []string
	fail      error
}

func (c *fakeNode) Publish(_ context.Context, p media.Publish) (media.Answer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.published = append(c.published, p)
	return media.Answer{SDP: strings.ReplaceAll(p.SDP, "sendonly", "recvonly")}, c.fail
}

func (c *fakeNode) Watch(_ context.Context, p media.Watch) (media.Answer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watched = append(c.watched, p)
	return media.Answer{SDP: strings.ReplaceAll(p.SDP, "recvonly", "sendonly")}, c.fail
}

func (c *fakeNode) Patch(context.Context, media.Patch) (media.Answer, error) {
	return media.Answer{}, nil
}

func (c *fakeNode) Close(_ context.Context, session string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail == nil {
		c.closed = append(c.closed, session)
	}
	return c.fail
}

func (c *fakeNode) set(fail error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail = fail
}

const anOffer = "v=0\r\no=- 1 1 IN IP4 0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n" +
	"a=mid:0\r\na=sendonly\r\na=rtcp-mux\r\na=setup:actpass\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=fingerprint:sha-256 AA\r\n"

// addPass makes a pass for the teacher.
func (r *rig) addPass(use string) (roster.Pass, string) {
	r.t.Helper()
	var out staff.NewPass
	r.ok("teacher", "POST", "/api/lessons/"+r.lesson.ID+"/tokens", map[string]string{"use": use, "label": "OBS"}, &out)
	if out.Token == "" || out.URL != "http://192.168.1.5/"+use+"/"+r.lesson.ID {
		r.t.Fatalf("%+v", out)
	}
	return out.Pass, out.Token
}

// bearer sends a request with a token, from a page of another site.
func (r *rig) bearer(method, path, token, kind, body string) *httptest.ResponseRecorder {
	r.t.Helper()
	req := r.request("nobody", method, path, body)
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Origin", "https://encoder.example")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	return r.do(req)
}

// onAir posts an offer and gives the session's path.
func (r *rig) onAir(use, token, offer string) string {
	r.t.Helper()
	w := r.bearer("POST", "/"+use+"/"+r.lesson.ID, token, "application/sdp", offer)
	if w.Code != http.StatusCreated {
		r.t.Fatalf("%d %s", w.Code, w.Body)
	}
	return strings.TrimPrefix(w.Header().Get("Location"), "https://192.168.1.5:8080")
}

func TestAnEncoderPublishesForTheTeacherWhoLetItIn(t *testing.T) {
	r := newRig(t).school()
	node := r.WHIP.(*fakeNode)
	path := r.onAir("whip", r.secret, anOffer)
	p := node.published[0]
	teacher, err := r.Roster.Authenticate(r.tokens["teacher"])
	checkError(t, err)
	if p.User != teacher.User || p.Room != r.class.ID || !p.First || len(p.Tracks) != 1 || p.Tracks[0].Source != media.Camera {
		t.Errorf("published %+v", p)
	}
	if w := r.bearer("DELETE", path, r.secret, "", ""); w.Code != 200 || len(node.closed) != 1 {
		t.Errorf("%d, closed %v", w.Code, node.closed)
	}
	var screen staff.NewPass
	r.ok("teacher", "POST", "/api/lessons/"+r.lesson.ID+"/tokens", map[string]string{"use": "whip", "source": "screen", "label": "Desk"}, &screen)
	r.onAir("whip", screen.Token, anOffer)
	if p := node.published[1]; p.Tracks[0].Source != media.Screen {
		t.Errorf("published %+v", p)
	}
}

func TestAPlayerWatchesAsNobodyInTheLesson(t *testing.T) {
	r := newRig(t).school()
	pass, token := r.addPass("whep")
	r.onAir("whep", token, strings.ReplaceAll(anOffer, "sendonly", "recvonly"))
	if a := r.WHIP.(*fakeNode).watched[0]; a.User != "whep:"+pass.ID || a.Room != r.class.ID {
		t.Errorf("watched %+v", a)
	}
	if w := r.bearer("POST", "/whip/"+r.lesson.ID, token, "application/sdp", anOffer); w.Code != 403 {
		t.Errorf("a player publishes: %d", w.Code)
	}
}

func TestAnotherSiteMayCallWithATokenAndWithNothingElse(t *testing.T) {
	r := newRig(t).school()
	w := r.bearer("POST", "/whip/"+r.lesson.ID, r.secret, "application/sdp", anOffer)
	if w.Code != 201 || w.Header().Get("Access-Control-Allow-Origin") != "*" || w.Header().Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	for path, want := range map[string]int{"/whip/" + r.lesson.ID: 401, "/api/lessons/" + r.lesson.ID + "/tokens": 403} {
		req := r.request("teacher", "POST", path, anOffer) // the browser sends the cookie along
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		req.Header.Set("Content-Type", "application/sdp")
		if w := r.do(req); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	if w := r.bearer("POST", "/whip/"+r.lesson.ID, r.tokens["teacher"], "application/sdp", anOffer); w.Code != 401 {
		t.Errorf("a teacher's own token: %d", w.Code)
	}
	if w := r.bearer("GET", "/api/lessons", r.secret, "", ""); w.Code != 401 {
		t.Errorf("an encoder's token at the API: %d", w.Code)
	}
	req := r.request("nobody", "POST", "/whip/"+r.lesson.ID, anOffer)
	req.Host = "rebound.example"
	if w := r.do(req); w.Code != http.StatusMisdirectedRequest {
		t.Errorf("under another name: %d", w.Code)
	}
}

func TestARedirectKeepsThePost(t *testing.T) {
	r := newRig(t).school()
	req := r.request("nobody", "POST", "/whip//"+r.lesson.ID, anOffer)
	req.Header.Set("Authorization", "Bearer "+r.secret)
	if w := r.do(req); w.Code != http.StatusTemporaryRedirect { // RFC 9725 4.5: neither 301 nor 302
		t.Errorf("%d", w.Code)
	}
}

func TestATokenIsShownOnceAndTakenBackWithWhatItCarries(t *testing.T) {
	r := newRig(t).school()
	node := r.WHIP.(*fakeNode)
	r.onAir("whip", r.secret, anOffer)
	list := "/api/lessons/" + r.lesson.ID + "/tokens"
	if w := r.do(r.request("teacher", "GET", list, nil)); strings.Contains(w.Body.String(), r.secret) || !strings.Contains(w.Body.String(), r.pass.ID) {
		t.Errorf("listed: %s", w.Body)
	}
	node.set(errs.Newf("node", errs.Down, "no answer"))
	if w := r.do(r.request("teacher", "DELETE", list+"/"+r.pass.ID, nil)); w.Code != 503 {
		t.Errorf("while it may be on: %d", w.Code)
	}
	node.set(nil)
	for _, want := range []int{204, 404} {
		if w := r.do(r.request("teacher", "DELETE", list+"/"+r.pass.ID, nil)); w.Code != want {
			t.Errorf("%d, want %d: %s", w.Code, want, w.Body)
		}
	}
	if len(node.closed) != 1 {
		t.Errorf("closed %v", node.closed)
	}
	if w := r.bearer("POST", "/whip/"+r.lesson.ID, r.secret, "application/sdp", anOffer); w.Code != 401 {
		t.Errorf("with the token: %d", w.Code)
	}
	if strings.Contains(r.log.String(), r.secret) {
		t.Error("the token is in the log")
	}
}

func TestTheEndOfALessonEndsItsEncoders(t *testing.T) {
	r := newRig(t).school()
	r.onAir("whip", r.secret, anOffer)
	r.peers.EndPasses(t.Context())
	node := r.WHIP.(*fakeNode)
	if len(node.closed) != 0 {
		t.Fatal("ended while the lesson is open")
	}
	r.ok("teacher", "POST", "/api/lessons/"+r.lesson.ID+"/end", nil, nil)
	if len(node.closed) != 1 || r.peers.HasSessions() {
		t.Errorf("closed %v, live %v", node.closed, r.peers.HasSessions())
	}
}

func TestAnEncoderEndsWithItsTeacher(t *testing.T) {
	r := newRig(t).school()
	r.onAir("whip", r.secret, anOffer)
	checkError(t, r.Roster.DeleteStaff(r.pass.By))
	r.peers.EndPasses(t.Context())
	if node := r.WHIP.(*fakeNode); len(node.closed) != 1 {
		t.Errorf("closed %v", node.closed)
	}
}

func TestABoxWithoutMediaSaysSo(t *testing.T) {
	r := newRig(t).school()
	r.WHIP = nil
	r.Gateway = New(r.cfg, r.Deps)
	w := r.do(r.request("teacher", "POST", "/api/lessons/"+r.lesson.ID+"/tokens", map[string]string{"use": "whip", "label": "OBS"}))
	if b := readRefusal(t, w); w.Code != 503 || b.Code != "no_media" {
		t.Errorf("%d %+v", w.Code, b)
	}
	w = r.bearer("POST", "/whip/"+r.lesson.ID, r.secret, "application/sdp", anOffer)
	if b := readRefusal(t, w); w.Code != 503 || b.Code != "no_media" {
		t.Errorf("%d %+v", w.Code, b)
	}
}

func TestATokenIsAskedForInWords(t *testing.T) {
	r := newRig(t).school()
	for _, in := range []map[string]string{
		{"use": "rtmp", "label": "x"}, {"use": "whip", "label": ""}, {"use": "whip", "source": "microphone", "label": "x"}, {"label": "x"},
	} {
		w := r.do(r.request("teacher", "POST", "/api/lessons/"+r.lesson.ID+"/tokens", in))
		if b := readRefusal(t, w); w.Code != 400 || b.Message == "" {
			t.Errorf("%v: %d %+v", in, w.Code, b)
		}
	}
	w := r.do(r.request("teacher", "POST", "/api/lessons/l_none/tokens", map[string]string{"use": "whip", "label": "x"}))
	if b := readRefusal(t, w); w.Code != 404 || b.Code != "no_lesson" {
		t.Errorf("%d %+v", w.Code, b)
	}
}
