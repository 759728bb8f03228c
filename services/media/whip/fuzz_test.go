package whip

import (
	"net/http"
	"strings"
	"testing"
)

func FuzzOffer(f *testing.F) {
	for _, d := range []string{"sendonly", "recvonly", "sendrecv"} {
		f.Add(offerOf(d), true)
		f.Add(strings.ReplaceAll(offerOf(d), "\r\n", "\n"), false)
	}
	f.Add("v=0\r\no=- 0 0 IN IP4 0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE\r\nm=video 9 x\r\n", true)
	f.Fuzz(func(t *testing.T, text string, in bool) {
		use, want := Egress, "recvonly"
		if in {
			use, want = Ingest, "sendonly"
		}
		d, err := readOffer(text, use)
		if err != nil {
			if statusOf(err) != http.StatusBadRequest {
				t.Fatalf("%v is not the sender's fault", err)
			}
			return
		}
		out, err := d.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		// An accepted offer is accepted again, and has one direction in each m-line.
		again, err := readOffer(string(out), use)
		if err != nil {
			t.Fatalf("%v\n%q", err, out)
		}
		for _, m := range again.MediaDescriptions {
			for key := range directions {
				if _, ok := m.Attribute(key); ok && key != want {
					t.Fatalf("%s is left in\n%s", key, out)
				}
			}
		}
		publishedTracks(again, "camera")
	})
}

func FuzzFragment(f *testing.F) {
	for _, s := range []string{trickled, restarted, "a=candidate:1 1 udp 1 h 1 typ host", "a=ice-ufrag:abcd\n", "a=\r\n", "=", "m=audio"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		frag, err := readFragment(text)
		if err != nil {
			if statusOf(err) != http.StatusBadRequest {
				t.Fatalf("%v is not the sender's fault", err)
			}
			return
		}
		offer, err := readOffer(offerOf("sendonly"), Ingest)
		if err != nil {
			t.Fatal(err)
		}
		before, _ := offer.Marshal()
		if frag.isRestart(offer) {
			out, err := frag.restartOffer(offer).Marshal()
			if err != nil {
				t.Fatal(err)
			}
			again, err := readOffer(string(out), Ingest) // no line of the fragment can become one of the offer
			if err != nil || len(again.MediaDescriptions) != 2 || frag.isRestart(again) {
				t.Fatalf("%v\n%s", err, out)
			}
		}
		if after, _ := offer.Marshal(); string(after) != string(before) {
			t.Fatal("the offer was changed")
		}
	})
}

// Whatever the headers and bodies are, the answer is one of those that the RFCs name, and
// nothing but the right token begins or ends a session.
func FuzzRequest(f *testing.F) {
	f.Add("POST", "", typeSDP, "Bearer x", "*", offerOf("sendonly"))
	f.Add("PATCH", "/s", typeFragment, "Bearer "+inToken, `"a", W/"b"`, restarted)
	f.Add("DELETE", "/s", "", "bearer  ", `"`, "")
	f.Add("POST", "", "application/sdp; x", "Bearer\t"+inToken, "", "v=0")
	ok := map[int]bool{200: true, 201: true, 204: true, 307: true, 400: true, 401: true, 403: true, 404: true, 405: true, 410: true, 412: true, 413: true, 415: true, 428: true}
	f.Fuzz(func(t *testing.T, method, path, kind, auth, match, body string) {
		if _, err := http.NewRequest(method, "http://box.test/", nil); err != nil || strings.ContainsAny(path, " ?#%\r\n\x00") || path != "" && path != "/s" && len(path) > 60 {
			return
		}
		r := newRig(t)
		at, _ := r.begun(Ingest)
		if path != "/s" {
			at = "/whip/l_1"
		}
		for _, v := range []string{kind, auth, match} {
			if strings.ContainsAny(v, "\r\n\x00") {
				return
			}
		}
		w := r.ask(method, at, kind, body, "Authorization", auth, "If-Match", match)
		if !ok[w.Code] {
			t.Fatalf("%s %s: %d %s", method, at, w.Code, w.Body)
		}
		if w.Code >= 400 && w.Header().Get("Content-Type") != "application/problem+json" {
			t.Fatalf("%d is no problem: %s", w.Code, w.Body)
		}
		if !strings.Contains(auth, inToken) && (len(r.node.published) != 1 || len(r.node.live) != 1 || len(r.node.patched) != 0) {
			t.Fatalf("%q opened the door", auth)
		}
	})
}
