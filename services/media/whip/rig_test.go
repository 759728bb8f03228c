package whip

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media"
)

// Words that must not be in the log.
const (
	inToken  = "canary-token-of-an-encoder"
	outToken = "canary-token-of-a-player"
)

// fakeNode answers each offer as a real one does on the wire and remembers its calls.
type fakeNode struct {
	mu        sync.Mutex
	live      map[string]bool // sessions
	published []media.Publish
	watched   []media.Watch
	patched   []media.Patch
	closed    []string
	fail      error               // of the next calls
	edit      func(string) string // of the answers
	ice       int                 // how many ICE sessions there were
}

func (n *fakeNode) negotiated(session, offer string) (media.Answer, error) {
	n.live[session] = true
	n.ice++
	a := answerTo(offer, n.ice)
	if n.edit != nil {
		a = n.edit(a)
	}
	return media.Answer{SDP: a}, nil
}

func (n *fakeNode) Publish(_ context.Context, p media.Publish) (media.Answer, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fail != nil {
		return media.Answer{}, n.fail
	}
	n.published = append(n.published, p)
	return n.negotiated(p.Session, p.SDP)
}

func (n *fakeNode) Watch(_ context.Context, p media.Watch) (media.Answer, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fail != nil {
		return media.Answer{}, n.fail
	}
	n.watched = append(n.watched, p)
	return n.negotiated(p.Session, p.SDP)
}

func (n *fakeNode) Patch(_ context.Context, p media.Patch) (media.Answer, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.live[p.Session] {
		return media.Answer{}, errs.NewCode("node", errs.Missing, "no_session", "no such session")
	}
	n.patched = append(n.patched, p)
	return media.Answer{}, nil
}

func (n *fakeNode) Close(_ context.Context, session string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.fail != nil:
		return n.fail
	case !n.live[session]:
		return errs.NewCode("node", errs.Missing, "no_session", "no such session")
	}
	delete(n.live, session)
	n.closed = append(n.closed, session)
	return nil
}

func (n *fakeNode) set(fail error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fail = fail
}

// answerTo is a lite agent's answer. The directions are turned round.
func answerTo(offer string, ice int) string {
	var b strings.Builder
	b.WriteString("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-lite\r\na=group:BUNDLE 0 1\r\n")
	turn := strings.NewReplacer("recvonly", "sendonly", "sendonly", "recvonly")
	for line := range strings.SplitSeq(offer, "\r\n") {
		switch {
		case strings.HasPrefix(line, "m="):
			b.WriteString(strings.Replace(line, " 0 ", " 9 ", 1) + "\r\nc=IN IP4 0.0.0.0\r\na=setup:passive\r\na=rtcp-mux\r\n")
			fmt.Fprintf(&b, "a=ice-ufrag:node%d\r\na=ice-pwd:nodenodenodenodenodenode%d\r\na=fingerprint:sha-256 AA\r\n", ice, ice)
			b.WriteString("a=candidate:1 1 udp 2130706431 192.0.2.1 7000 typ host\r\n")
		case strings.HasPrefix(line, "a=mid:"), strings.HasPrefix(line, "a=rtpmap:"):
			b.WriteString(line + "\r\n")
		case line == "a=sendonly", line == "a=recvonly":
			b.WriteString(turn.Replace(line) + "\r\n")
		}
	}
	return b.String()
}

// offerOf is an encoder's (sendonly) or a player's (recvonly) offer.
func offerOf(direction string) string {
	const ice = "c=IN IP4 0.0.0.0\r\na=ice-ufrag:zjkk\r\na=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y\r\na=fingerprint:sha-256 DA:7B\r\na=setup:actpass\r\na=rtcp-mux\r\na=rtcp-mux-only\r\n"
	return "v=0\r\no=- 52 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=ice-options:trickle ice2\r\n" +
		"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" + ice + "a=mid:0\r\na=" + direction + "\r\na=rtpmap:111 opus/48000/2\r\na=msid:- a\r\n" +
		"m=video 0 UDP/TLS/RTP/SAVPF 96\r\n" + ice + "a=mid:1\r\na=bundle-only\r\na=" + direction + "\r\na=rtpmap:96 VP8/90000\r\na=msid:- v\r\n"
}

// rig is a Handler with a node and one token of each use.
type rig struct {
	*Handler
	t      *testing.T
	node   *fakeNode
	log    *bytes.Buffer
	mu     sync.Mutex
	grants map[string]Grant
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, node: &fakeNode{live: map[string]bool{}}, log: &bytes.Buffer{}, grants: map[string]Grant{
		inToken:  {ID: "in", Use: Ingest, Lesson: "l_1", Room: "c_1", User: "t_1", Source: media.Camera, First: true},
		outToken: {ID: "out", Use: Egress, Lesson: "l_1", Room: "c_1", User: "whep:out"},
	}}
	r.Handler = New(r.node, r.grantOf, slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() {
		if strings.Contains(r.log.String(), "canary") {
			t.Errorf("a token is in the log: %s", r.log)
		}
	})
	return r
}

func (r *rig) grantOf(token string) (Grant, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g, ok := r.grants[token]
	if !ok {
		return g, errs.NewCode("test", errs.Denied, "no_token", "no such token")
	}
	return g, nil
}

func (r *rig) takeBack(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.grants, token)
}

// ask makes a request. The token follows from the path.
func (r *rig) ask(method, path, kind, body string, head ...string) *httptest.ResponseRecorder {
	r.t.Helper()
	req := httptest.NewRequestWithContext(r.t.Context(), method, "http://box.test"+path, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+inToken)
	if strings.HasPrefix(path, "/whep") {
		req.Header.Set("Authorization", "Bearer "+outToken)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(head); i += 2 {
		req.Header.Set(head[i], head[i+1])
		if head[i+1] == "" {
			req.Header.Del(head[i])
		}
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	return w
}

// begun is a session's path and the tag in its ETag, quotes included.
func (r *rig) begun(use Use) (path, tag string) {
	r.t.Helper()
	direction := "sendonly"
	if use == Egress {
		direction = "recvonly"
	}
	w := r.ask("POST", "/"+string(use)+"/l_1", typeSDP, offerOf(direction))
	if w.Code != http.StatusCreated {
		r.t.Fatalf("%d %s", w.Code, w.Body)
	}
	return strings.TrimPrefix(w.Header().Get("Location"), "http://box.test"), w.Header().Get("ETag")
}

// readProblem checks that an answer is a problem (RFC 9457) and returns it.
func readProblem(t *testing.T, w *httptest.ResponseRecorder) (b errs.Body) {
	t.Helper()
	if kind := w.Header().Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("%d is %q: %s", w.Code, kind, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &b); err != nil || b.Reason == "" || b.Code == "" {
		t.Errorf("%d is no problem: %s", w.Code, w.Body)
	}
	return b
}
