package whip

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livelearn/box/services/errs"
)

func TestAnotherPostTakesThePlaceOfTheFirst(t *testing.T) {
	r := newRig(t)
	first, tag := r.begun(Ingest)
	second, _ := r.begun(Ingest)
	if len(r.node.live) != 1 || len(r.node.closed) != 1 || !strings.HasSuffix(first, r.node.closed[0]) {
		t.Errorf("live %v, closed %v", r.node.live, r.node.closed)
	}
	for _, method := range []string{"GET", "DELETE", "PATCH"} {
		if w := r.ask(method, first, typeFragment, trickled, "If-Match", tag); w.Code != 410 || readProblem(t, w).Code != "gone" {
			t.Errorf("%s of the first: %d", method, w.Code)
		}
	}
	if w := r.ask("GET", second, "", ""); w.Code != 204 {
		t.Errorf("the second: %d", w.Code)
	}
	if w := r.ask("POST", "/whip/l_1", typeSDP, "nonsense"); w.Code != 400 || len(r.node.live) != 1 {
		t.Errorf("a bad offer ended the session: %d, %v", w.Code, r.node.live)
	}
}

func TestPostsAtOnceLeaveOneSession(t *testing.T) {
	r := newRig(t)
	var all sync.WaitGroup
	for range requestBurst {
		all.Go(func() { r.begun(Ingest) })
	}
	all.Wait()
	if len(r.node.live) != 1 || len(r.sessions.byID) != 1 || len(r.sessions.byGrant) != 1 {
		t.Errorf("%d live at the node, %d here", len(r.node.live), len(r.sessions.byID))
	}
}

func TestTwoTokensHaveASessionEach(t *testing.T) {
	r := newRig(t)
	in, _ := r.begun(Ingest)
	out, _ := r.begun(Egress)
	for _, path := range []string{in, out} {
		if w := r.ask("GET", path, "", ""); w.Code != 204 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	strange := strings.Replace(in, "/whip/", "/whep/", 1) // with the player's token
	if w := r.ask("DELETE", strange, "", ""); w.Code != 404 || len(r.node.live) != 2 {
		t.Errorf("a player ended a publisher: %d", w.Code)
	}
	if w := r.ask("GET", strings.Replace(in, "l_1", "l_2", 1), "", ""); w.Code != 403 {
		t.Errorf("in another lesson: %d", w.Code)
	}
}

func TestDeleteEndsForGood(t *testing.T) {
	r := newRig(t)
	path, _ := r.begun(Ingest)
	for _, want := range []int{200, 410, 410} {
		if w := r.ask("DELETE", path, "", ""); w.Code != want {
			t.Errorf("%d, want %d", w.Code, want)
		}
	}
	if len(r.node.live) != 0 {
		t.Error("the node got no call")
	}
}

func TestDeleteDoesNotSayOffWhileItMayBeOn(t *testing.T) {
	r := newRig(t)
	path, _ := r.begun(Ingest)
	r.node.set(errs.Newf("node", errs.Down, "no answer"))
	if w := r.ask("DELETE", path, "", ""); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if was, err := r.EndSession(t.Context(), "in"); err == nil || !was {
		t.Error("the token is said to be off")
	}
	r.node.set(nil)
	if w := r.ask("DELETE", path, "", ""); w.Code != 200 || len(r.node.live) != 0 {
		t.Errorf("again: %d", w.Code)
	}
}

func TestASessionWhoseNodeIsGoneIsGone(t *testing.T) {
	r := newRig(t)
	path, _ := r.begun(Ingest)
	clear(r.node.live) // another node is active
	for range 2 {
		if w := r.ask("PATCH", path, typeFragment, restarted, "If-Match", "*"); w.Code != 410 {
			t.Errorf("restart: %d %s", w.Code, w.Body)
		}
	}
	if len(r.node.published) != 1 {
		t.Error("half a session was made at the new node")
	}
	path, tag := r.begun(Ingest)
	if w := r.ask("PATCH", path, typeFragment, trickled, "If-Match", tag); w.Code != 204 {
		t.Errorf("the new one: %d", w.Code)
	}
	clear(r.node.live)
	if w := r.ask("DELETE", path, "", ""); w.Code != 200 {
		t.Errorf("it has ended, and delete says %d", w.Code)
	}
}

func TestATokenThatIsTakenBackEndsItsSession(t *testing.T) {
	r := newRig(t)
	path, _ := r.begun(Ingest)
	r.takeBack(inToken)
	if live := r.LiveGrants(); len(live) != 1 || live[0].ID != "in" {
		t.Errorf("live: %+v", live)
	}
	if was, err := r.EndSession(t.Context(), "in"); err != nil || !was || len(r.node.live) != 0 || len(r.LiveGrants()) != 0 {
		t.Errorf("%v %v, live %v", was, err, r.node.live)
	}
	if was, err := r.EndSession(t.Context(), "in"); err != nil || was {
		t.Errorf("again: %v %v", was, err)
	}
	if w := r.ask("DELETE", path, "", ""); w.Code != 401 {
		t.Errorf("%d", w.Code)
	}
}

// The token is taken back while the node answers: End has found nothing to close.
func TestATokenThatIsTakenBackMeanwhileLeavesNoSession(t *testing.T) {
	r := newRig(t)
	r.node.edit = func(a string) string {
		r.takeBack(inToken)
		if was, err := r.EndSession(t.Context(), "in"); err != nil || was {
			t.Error(was, err)
		}
		return a
	}
	if w := r.ask("POST", "/whip/l_1", typeSDP, offerOf("sendonly")); w.Code != 401 || len(r.node.live) != 0 {
		t.Errorf("%d, live %v", w.Code, r.node.live)
	}
}

func TestAnICERestartKeepsTheSessionAndNamesAnother(t *testing.T) {
	for _, use := range []Use{Ingest, Egress} {
		r := newRig(t)
		path, tag := r.begun(use)
		w := r.ask("PATCH", path, typeFragment, restarted, "If-Match", "*")
		next := w.Header().Get("ETag")
		if w.Code != 200 || next == "" || next == tag {
			t.Fatalf("%d, ETag %q after %q", w.Code, next, tag)
		}
		want := "a=ice-lite\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:node2\r\na=ice-pwd:nodenodenodenodenodenode2\r\n" +
			"a=candidate:1 1 udp 2130706431 192.0.2.1 7000 typ host\r\na=end-of-candidates\r\n"
		if w.Body.String() != want {
			t.Errorf("got\n%s\nwant\n%s", w.Body, want)
		}
		var id, sdp string
		if use == Ingest {
			id, sdp = r.node.published[1].Session, r.node.published[1].SDP
		} else {
			id, sdp = r.node.watched[1].Session, r.node.watched[1].SDP
		}
		if !strings.HasSuffix(path, id) || strings.Count(sdp, "ice-ufrag:ysXw") != 2 || strings.Contains(sdp, "zjkk") || strings.Count(sdp, "a=candidate") != 1 || !strings.Contains(sdp, "o=- 52 3 ") {
			t.Errorf("the node was offered, for %s:\n%s", id, sdp)
		}
		if w := r.ask("PATCH", path, typeFragment, trickled, "If-Match", tag); w.Code != 412 {
			t.Errorf("a candidate of the ICE session before: %d", w.Code)
		}
		fresh := strings.NewReplacer("zjkk", "ysXw", "bP+XJMM09aR8AiX1jdukzR6Y", "vw5LmwG4y/e6dPP/zAP9Gp5k").Replace(trickled)
		if w := r.ask("PATCH", path, typeFragment, fresh, "If-Match", next); w.Code != 204 {
			t.Errorf("a candidate of this one: %d %s", w.Code, w.Body)
		}
	}
}

func TestAnICERestartThatFailsKeepsTheOldSession(t *testing.T) {
	r := newRig(t)
	path, tag := r.begun(Ingest)
	r.node.edit = func(string) string { return "nonsense" }
	if w := r.ask("PATCH", path, typeFragment, restarted, "If-Match", "*"); w.Code != 500 {
		t.Errorf("%d", w.Code)
	}
	if w := r.ask("PATCH", path, typeFragment, trickled, "If-Match", tag); w.Code != 204 || len(r.node.live) != 1 {
		t.Errorf("the old ICE session: %d %s", w.Code, w.Body)
	}
}

// RFC 9725 5: a limit on beginning and on changing sessions, each token for itself.
func TestATokenInALoopIsSlowedDown(t *testing.T) {
	r := newRig(t)
	now := time.Now()
	r.limiter.now = func() time.Time { return now }
	for range requestBurst {
		r.begun(Ingest)
	}
	w := r.ask("POST", "/whip/l_1", typeSDP, offerOf("sendonly"))
	if b := readProblem(t, w); w.Code != 429 || b.Code != "too_fast" || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %+v", w.Code, b)
	}
	r.begun(Egress)
	now = now.Add(2 * time.Second)
	path, tag := r.begun(Ingest)
	for range 3 {
		r.ask("PATCH", path, typeFragment, trickled, "If-Match", tag)
	}
	if w := r.ask("PATCH", path, typeFragment, trickled, "If-Match", tag); w.Code != 429 {
		t.Errorf("PATCH: %d", w.Code)
	}
	if w := r.ask("DELETE", path, "", ""); w.Code != 200 {
		t.Errorf("DELETE is never too fast: %d", w.Code)
	}
}

func TestWhatHasEndedIsForgottenInTheEnd(t *testing.T) {
	r := newRig(t)
	first, _ := r.begun(Ingest)
	for range maxGone + 1 {
		s := &session{id: time.Now().String(), grant: Grant{ID: "in"}}
		r.sessions.replaceSession(s)
	}
	if len(r.sessions.goneIDs) != maxGone || len(r.sessions.byID) != 1 {
		t.Errorf("%d gone, %d live", len(r.sessions.goneIDs), len(r.sessions.byID))
	}
	if w := r.ask("GET", first, "", ""); w.Code != 404 {
		t.Errorf("%d", w.Code)
	}
}
