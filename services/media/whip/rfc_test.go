package whip

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/livelearn/box/services/errs"
)

const (
	trickled  = "a=ice-ufrag:zjkk\r\na=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host\r\na=end-of-candidates\r\n"
	restarted = "a=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\n"
)

// Each row is a sentence with MUST, SHALL or SHOULD in it that binds an endpoint.
// The address is of a session when it ends in "/s".
func TestAnswersAsTheRFCSays(t *testing.T) {
	offer := offerOf("sendonly")
	without := func(line string) string { return strings.ReplaceAll(offer, line+"\r\n", "") }
	swap := func(old, new string) string { return strings.ReplaceAll(offer, old, new) }
	for _, c := range []struct {
		section, promise   string
		method, path, kind string
		body               string
		head               []string
		want               int
		code               string   // of the problem
		header             []string // name and required value, "" means absent
	}{
		{"4.1", "GET of an endpoint has no content", "GET", "", "", "", nil, 204, "", nil},
		{"4.1", "HEAD is GET", "HEAD", "", "", "", nil, 204, "", nil},
		{"4.1", "GET of a session has no content", "GET", "/s", "", "", nil, 204, "", nil},
		{"4.1", "errors are problems", "GET", "/none", "", "", nil, 404, "no_session", nil},
		{"RFC 9110 15.5.6", "405 lists the allowed methods", "PUT", "", "", "", nil, 405, "method", []string{"Allow", "POST, GET, HEAD, OPTIONS"}},
		{"RFC 9110 15.5.6", "and for a session", "POST", "/s", typeSDP, offer, nil, 405, "method", []string{"Allow", "PATCH, DELETE, GET, HEAD, OPTIONS"}},

		{"4.2", "201 with an answer", "POST", "", typeSDP, offer, nil, 201, "", []string{"Content-Type", typeSDP}},
		{"4.2", "parameters of the type do not matter", "POST", "", "Application/SDP; charset=utf-8", offer, nil, 201, "", nil},
		{"4.2", "another type is refused", "POST", "", "text/plain", offer, nil, 415, "bad_type", []string{"Accept-Post", typeSDP}},
		{"4.2", "no type is refused", "POST", "", "", offer, nil, 415, "bad_type", nil},
		{"4.2", "malformed SDP is refused", "POST", "", typeSDP, "hello", nil, 400, "bad_sdp", nil},
		{"4.2", "an empty body too", "POST", "", typeSDP, "", nil, 400, "", nil},
		{"4.2", "sendrecv may be offered", "POST", "", typeSDP, swap("a=sendonly", "a=sendrecv"), nil, 201, "", nil},
		{"4.2", "no direction is sendrecv", "POST", "", typeSDP, without("a=sendonly"), nil, 201, "", nil},
		{"4.2", "inactive must not", "POST", "", typeSDP, swap("a=sendonly", "a=inactive"), nil, 400, "bad_direction", nil},
		{"4.2", "recvonly must not", "POST", "", typeSDP, swap("a=sendonly", "a=recvonly"), nil, 400, "bad_direction", nil},
		{"4.2", "DELETE ends", "DELETE", "/s", "", "", nil, 200, "", nil},
		{"4.2", "OPTIONS needs no token and says what to post", "OPTIONS", "", "", "", []string{"Authorization", ""}, 200, "", []string{"Accept-Post", typeSDP}},
		{"4.2", "OPTIONS is for CORS", "OPTIONS", "", "", "", []string{"Authorization", "", "Origin", "https://obs.example"}, 200, "", []string{"Access-Control-Allow-Origin", "*"}},
		{"4.2", "a preflight may ask for the headers of a PATCH", "OPTIONS", "/s", "", "", []string{"Authorization", ""}, 200, "", []string{"Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match"}},
		{"RFC 5789 3.1", "OPTIONS of a session says what to patch with", "OPTIONS", "/s", "", "", []string{"Authorization", ""}, 200, "", []string{"Accept-Patch", typeFragment}},
		{"4.2", "no cookie of the browser is asked for", "OPTIONS", "", "", "", nil, 200, "", []string{"Access-Control-Allow-Credentials", ""}},
		{"4.2", "errors can be read by a page", "POST", "", "text/plain", "", nil, 415, "bad_type", []string{"Access-Control-Allow-Origin", "*"}},

		{"4.3.1", "another type is refused", "PATCH", "/s", typeSDP, trickled, []string{"If-Match", "ETAG"}, 415, "bad_type", []string{"Accept-Patch", typeFragment}},
		{"4.3.1", "a malformed fragment is refused", "PATCH", "/s", typeFragment, "a=candidate:x", []string{"If-Match", "ETAG"}, 400, "bad_fragment", nil},
		{"4.3.1", "a missing entity tag is 428", "PATCH", "/s", typeFragment, trickled, nil, 428, "no_tag", nil},
		{"4.3.1", "an outdated one is 412", "PATCH", "/s", typeFragment, trickled, []string{"If-Match", `"old"`}, 412, "other_tag", nil},
		{"RFC 9110 13.1.1", "a weak one never matches", "PATCH", "/s", typeFragment, trickled, []string{"If-Match", "W/ETAG"}, 412, "other_tag", nil},
		{"RFC 9110 13.1.1", "one of a list is enough", "PATCH", "/s", typeFragment, trickled, []string{"If-Match", `"old", ETAG`}, 204, "", nil},
		{"4.3.1", "DELETE ignores entity tags", "DELETE", "/s", "", "", []string{"If-Match", `"old"`}, 200, "", nil},
		{"4.3.2", "candidates: 204 without an ETag", "PATCH", "/s", typeFragment, trickled, []string{"If-Match", "ETAG"}, 204, "", []string{"ETag", ""}},
		{"4.3.2", "a candidate of a transport that is not known is passed over", "PATCH", "/s", typeFragment, strings.ReplaceAll(trickled, " udp ", " sctp "), []string{"If-Match", "ETAG"}, 204, "", nil},
		{"4.3.2", "and an address that is not found", "PATCH", "/s", typeFragment, strings.ReplaceAll(trickled, "192.0.2.1", "b1c2.local"), []string{"If-Match", "ETAG"}, 204, "", nil},
		{"4.3.3", "new credentials are a restart: 200", "PATCH", "/s", typeFragment, restarted, []string{"If-Match", "*"}, 200, "", []string{"Content-Type", typeFragment}},
		{"4.3.3", "a star in quotes, as in the examples", "PATCH", "/s", typeFragment, restarted, []string{"If-Match", `"*"`}, 200, "", nil},
		{"4.3.3", "a restart of an old ICE session is 412", "PATCH", "/s", typeFragment, restarted, []string{"If-Match", `"old"`}, 412, "other_tag", nil},

		{"4.4.1", "all m-lines are bundled", "POST", "", typeSDP, swap("BUNDLE 0 1", "BUNDLE 0"), nil, 400, "no_bundle", nil},
		{"4.4.1", "RTCP is multiplexed", "POST", "", typeSDP, without("a=rtcp-mux"), nil, 400, "no_rtcp_mux", nil},
		{"4.4.2", "one track at least", "POST", "", typeSDP, offer[:strings.Index(offer, "m=")], nil, 400, "no_media", nil},
		{"4.4.2", "no second track of a kind", "POST", "", typeSDP, swap("m=audio 9", "m=video 9"), nil, 400, "too_many", nil},
		{"4.4.3", "nothing that would be left out", "POST", "", typeSDP, swap("m=audio 9", "m=application 9"), nil, 400, "bad_kind", nil},
		{"4.4.3", "no m-line is switched off", "POST", "", typeSDP, swap("m=audio 9", "m=audio 0"), nil, 400, "port_0", nil},
		{"4.4.4", "setup:active is taken", "POST", "", typeSDP, swap("setup:actpass", "setup:active"), nil, 201, "", nil},
		{"4.4.4", "passive is not", "POST", "", typeSDP, swap("setup:actpass", "setup:passive"), nil, 400, "bad_setup", nil},
		{"RFC 8839 5.4", "ICE credentials are needed", "POST", "", typeSDP, without("a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y"), nil, 400, "no_ice", nil},
		{"RFC 8122 5", "a fingerprint is needed", "POST", "", typeSDP, without("a=fingerprint:sha-256 DA:7B"), nil, 400, "no_fingerprint", nil},
		{"RFC 9143 7.1", "a mid is needed", "POST", "", typeSDP, without("a=mid:1"), nil, 400, "no_mid", nil},

		{"4.7.1", "no token: 401", "POST", "", typeSDP, offer, []string{"Authorization", ""}, 401, "no_token", []string{"WWW-Authenticate", `Bearer realm="livelearn"`}},
		{"RFC 6750 3.1", "a wrong token: 401", "POST", "", typeSDP, offer, []string{"Authorization", "Bearer guess"}, 401, "invalid_token", []string{"WWW-Authenticate", `Bearer realm="livelearn", error="invalid_token"`}},
		{"RFC 6750 3.1", "a token for something else: 403", "POST", "", typeSDP, offer, []string{"Authorization", "Bearer " + outToken}, 403, "insufficient_scope", []string{"WWW-Authenticate", `Bearer realm="livelearn", error="insufficient_scope"`}},
		{"RFC 9110 11.1", "a scheme has no case", "POST", "", typeSDP, offer, []string{"Authorization", "bEARER " + inToken}, 201, "", nil},
		{"RFC 9110 11.1", "another scheme", "POST", "", typeSDP, offer, []string{"Authorization", "Basic " + inToken}, 401, "no_token", nil},
		{"4.7.1", "a session needs the token too", "DELETE", "/s", "", "", []string{"Authorization", ""}, 401, "no_token", nil},
		{"5", "another's session is not there", "DELETE", "/s", "", "", []string{"Authorization", "Bearer " + outToken}, 403, "insufficient_scope", nil},
		{"RFC 9110 15.5.14", "no longer than 256 KiB", "POST", "", typeSDP, strings.Repeat("a", 256<<10+1), nil, 413, "too_long", nil},
	} {
		t.Run(c.section+" "+c.promise, func(t *testing.T) {
			r := newRig(t)
			path, tag := "/whip/l_1", ""
			if c.path != "" {
				path, tag = r.begun(Ingest)
				if c.path != "/s" {
					path = "/whip/l_1" + c.path
				}
			}
			for i := range c.head {
				c.head[i] = strings.ReplaceAll(c.head[i], "ETAG", tag)
			}
			w := r.ask(c.method, path, c.kind, c.body, c.head...)
			if w.Code != c.want {
				t.Fatalf("%s %s: %d, want %d: %s", c.method, path, w.Code, c.want, w.Body)
			}
			if w.Code >= 400 {
				if b := readProblem(t, w); c.code != "" && b.Code != c.code {
					t.Errorf("code %q, want %q", b.Code, c.code)
				}
			} else if c.want == 204 && w.Body.Len() > 0 {
				t.Errorf("204 with a body: %s", w.Body)
			}
			for i := 0; i+1 < len(c.header); i += 2 {
				if got := w.Header().Get(c.header[i]); got != c.header[i+1] {
					t.Errorf("%s: %q, want %q", c.header[i], got, c.header[i+1])
				}
			}
		})
	}
}

func TestTheAnswerIsComplete(t *testing.T) {
	r := newRig(t)
	w := r.ask("POST", "/whip/l_1", typeSDP, offerOf("sendrecv"))
	sdp := w.Body.String()
	for want, n := range map[string]int{
		"a=recvonly\r\n": 2, "a=rtcp-mux\r\n": 2, "a=rtcp-mux-only\r\n": 2, "a=candidate:": 2, "a=ice-lite\r\n": 1, "a=sendonly": 0,
	} {
		if strings.Count(sdp, want) != n {
			t.Errorf("%q not %d times in\n%s", want, n, sdp)
		}
	}
	if at := w.Header().Get("Location"); !regexp.MustCompile(`^http://box\.test/whip/l_1/[A-Z2-7]{26}$`).MatchString(at) {
		t.Errorf("Location %q", at) // 5: 128 bits at least
	}
	if tag := w.Header().Get("ETag"); !regexp.MustCompile(`^"[^"]+"$`).MatchString(tag) {
		t.Errorf("ETag %q is not strong", tag)
	}
	p := r.node.published[0]
	if p.Room != "c_1" || p.User != "t_1" || !p.First || len(p.Tracks) != 2 || p.Tracks[0].Source != "microphone" || p.Tracks[1].Source != "camera" || p.Tracks[1].MID != "1" {
		t.Errorf("the node was asked %+v", p)
	}
	if strings.Contains(p.SDP, "sendrecv") || strings.Count(p.SDP, "a=sendonly") != 2 {
		t.Errorf("the node was offered\n%s", p.SDP)
	}
}

func TestAPlayerIsAnsweredAsTheDraftSays(t *testing.T) {
	r := newRig(t)
	w := r.ask("HEAD", "/whep/l_1", "", "", "Authorization", "")
	if w.Code != 200 || w.Header().Get("Content-Type") != typeSDP {
		t.Errorf("a player cannot find out what this is: %d %v", w.Code, w.Header())
	}
	for direction, want := range map[string]int{"recvonly": 201, "sendrecv": 201, "sendonly": 400, "inactive": 400} {
		w := r.ask("POST", "/whep/l_1", typeSDP, offerOf(direction))
		if w.Code != want {
			t.Errorf("%s: %d %s", direction, w.Code, w.Body)
		}
		if want == 201 && (strings.Count(w.Body.String(), "a=sendonly") != 2 || strings.Count(w.Body.String(), "a=msid:live ") != 2) {
			t.Errorf("%s:\n%s", direction, w.Body)
		}
	}
	if a := r.node.watched[0]; a.Room != "c_1" || a.User != "whep:out" || a.Mode != "full" {
		t.Errorf("the node was asked %+v", a)
	}
}

func TestWhatTheNodeRefusesIsToldInFull(t *testing.T) {
	for _, c := range []struct {
		fail  error
		want  int
		retry bool
	}{
		{errs.NewCode("node", errs.Busy, "full", "no room for more"), 503, true},
		{errs.NewCode("node", errs.Down, "stopping", "the node is gone"), 503, true},
		{errs.NewField("node", "sdp", "bad_offer", 0, "no"), 400, false},
		{errs.NewCode("node", errs.Stale, "other", "reload"), 409, false},
		{errs.NewCode("node", errs.Denied, "ended", "the room has ended"), 403, false},
		{errs.Newf("node", errs.Internal, "canaries sing"), 500, false},
	} {
		r := newRig(t)
		r.node.set(c.fail)
		w := r.ask("POST", "/whip/l_1", typeSDP, offerOf("sendonly"))
		if w.Code != c.want || (w.Header().Get("Retry-After") != "") != c.retry {
			t.Errorf("%v: %d %v", c.fail, w.Code, w.Header())
		}
		if strings.Contains(w.Body.String(), "canaries") {
			t.Errorf("an internal error is shown: %s", w.Body)
		}
		if c.want == 500 {
			r.log.Reset() // it is in the log, and that is not a token
		} else {
			readProblem(t, w)
		}
	}
	d := newRig(t)
	d.Handler.node = nil
	if w := d.ask("POST", "/whip/l_1", typeSDP, offerOf("sendonly")); w.Code != 503 || readProblem(t, w).Code != "no_media" {
		t.Errorf("without a node: %d", w.Code)
	}
}

func TestASessionThatIsTakenInPartIsRefusedWhole(t *testing.T) {
	r := newRig(t)
	for name, edit := range map[string]func(string) string{
		"a direction that is not taken": func(a string) string { return strings.Replace(a, "a=recvonly", "a=inactive", 1) },
		"a port of 0":                   func(a string) string { return strings.Replace(a, "m=audio 9", "m=audio 0", 1) },
	} {
		r.node.edit = edit
		w := r.ask("POST", "/whip/l_1", typeSDP, offerOf("sendonly"))
		if b := readProblem(t, w); w.Code != http.StatusBadRequest || b.Code != "not_taken" || len(r.node.live) != 0 {
			t.Errorf("%s: %d %+v, %d live", name, w.Code, b, len(r.node.live))
		}
	}
}
