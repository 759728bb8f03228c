package gateway

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// from sends a request from another device.
func (r *rig) from(ip, path string, in any) *httptest.ResponseRecorder {
	req := r.request("nobody", "POST", path, in)
	req.RemoteAddr = ip + ":4000"
	return r.do(req)
}

func wrongCode(n int) map[string]string { return map[string]string{"code": fmt.Sprintf("%07d", n)} } // seven digits: never right

func TestGuessingAJoinCodeIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t).school()
		tried, end := 0, time.Now().Add(45*time.Minute)
		for n := 0; time.Now().Before(end); n++ {
			w := r.from("192.168.1.66", "/api/join/look", wrongCode(n))
			switch w.Code {
			case 404:
				tried++
			case 429:
				if b := readRefusal(t, w); b.RetryMS <= 0 || b.Code != "too_many_tries" {
					t.Fatalf("%+v", b)
				}
			default:
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			time.Sleep(time.Second)
		}
		if tried < 5 || tried > 5*45 {
			t.Errorf("one device tried %d codes in a lesson", tried)
		}
	})
}

func TestManyDevicesGuessNoFasterThanTheBoxAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t).school()
		tried := 0
		for n := range 10 * 60 { // ten minutes, each second another three devices
			for d := range 3 {
				ip := fmt.Sprintf("10.0.%d.%d", (3*n+d)/250, (3*n+d)%250+1)
				if r.from(ip, "/api/join/look", wrongCode(n)).Code == 404 {
					tried++
				}
			}
			time.Sleep(time.Second)
		}
		if tried > 60*11 {
			t.Errorf("%d codes tried in ten minutes", tried)
		}
	})
}

func TestGuessesAtTheSameTimeCountToo(t *testing.T) {
	r := newRig(t).school()
	var checked atomic.Int64
	var wg sync.WaitGroup
	for n := range 100 {
		wg.Go(func() {
			w := r.from("192.168.1.66", "/api/login", map[string]string{"name": admin1, "pin": fmt.Sprint("wrong-", n)})
			if w.Code == 403 {
				checked.Add(1)
			}
		})
	}
	wg.Wait()
	if n := checked.Load(); n > 10 {
		t.Errorf("%d PINs were checked at once, the limit is 5", n)
	}
}

func TestAClassThatKnowsTheCodeIsNotSlowedDown(t *testing.T) {
	r := newRig(t).school()
	for range 200 {
		if w := r.from("192.168.1.1", "/api/join/look", map[string]string{"code": r.lesson.Code}); w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
}

func TestWhoHasTheLinkIsNotSlowedDownByGuessers(t *testing.T) {
	r := newRig(t).school()
	for n := range 50 {
		r.from("192.168.1.1", "/api/join/look", wrongCode(n))
	}
	if w := r.from("192.168.1.1", "/api/join/look", map[string]string{"key": r.lesson.Key}); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestALockEndsAndTheNextIsLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t).school()
		lock := func() time.Duration {
			for n := range 20 {
				w := r.from("192.168.1.66", "/api/join/look", wrongCode(n))
				if w.Code == 429 {
					return time.Duration(readRefusal(t, w).RetryMS) * time.Millisecond
				}
			}
			t.Fatal("never locked")
			return 0
		}
		first := lock()
		time.Sleep(first + time.Second)
		second := lock()
		if first <= 0 || second <= first {
			t.Errorf("locked for %v, then for %v", first, second)
		}
	})
}

func TestTheClaimCodeCannotBeGuessed(t *testing.T) {
	r := newRig(t)
	codes := map[int]int{}
	for range 50 {
		w := r.from("192.168.1.66", "/api/claim", map[string]string{"code": "AAAAAAAA", "box": "B", "name": "N", "pin": pin})
		codes[w.Code]++
	}
	if codes[403] > 5 || codes[429] < 45 {
		t.Errorf("%v", codes)
	}
	w := r.from("192.168.1.2", "/api/claim", map[string]string{"code": r.claim, "box": "B", "name": "N", "pin": pin})
	if w.Code != 200 {
		t.Errorf("the owner, from another device: %d %s", w.Code, w.Body)
	}
}

func TestGuessingJoinCodesKeepsNoTeacherOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t).school()
		for n := range 300 { // sixty devices use up all that the box allows
			r.from(fmt.Sprintf("10.0.0.%d", n%60+1), "/api/join/look", wrongCode(n))
		}
		if w := r.from("192.168.1.2", "/api/login", map[string]string{"name": admin1, "pin": pin}); w.Code != 200 {
			t.Errorf("a teacher signs in: %d %s", w.Code, w.Body)
		}
		if w := r.from("192.168.1.2", "/api/join/look", map[string]string{"code": r.lesson.Code}); w.Code != 200 {
			t.Errorf("a pupil without a cookie, with the right code: %d %s", w.Code, w.Body)
		}
	})
}

func TestOneMachineWithManyAddressesIsOneDevice(t *testing.T) {
	r := newRig(t).school()
	tried := 0
	for n := range 40 {
		req := r.request("nobody", "POST", "/api/join/look", wrongCode(n))
		req.RemoteAddr = fmt.Sprintf("[fd00::1:%x]:4000", n+1)
		if r.do(req).Code == 404 {
			tried++
		}
	}
	if tried > 10 {
		t.Errorf("%d codes tried from one /64", tried)
	}
}

func TestAnUnknownNameLooksLikeAWrongPIN(t *testing.T) {
	r := newRig(t).school()
	wrong := r.from("192.168.1.8", "/api/login", map[string]string{"name": admin1, "pin": "not-the-pin"})
	unknown := r.from("192.168.1.9", "/api/login", map[string]string{"name": "Nobody", "pin": "not-the-pin"})
	if wrong.Code != unknown.Code || strings.TrimSpace(wrong.Body.String()) != strings.TrimSpace(unknown.Body.String()) {
		t.Errorf("%d %s, %d %s", wrong.Code, wrong.Body, unknown.Code, unknown.Body)
	}
}

// Behind a balancer each client is limited by its own address, and only a proxy on the list may name one.
func TestClientsBehindAProxyAreLimitedOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config, _ *Deps) { c.Proxies = []string{"10.0.0.0/24"} }).school()
		look := func(peer, client string, n int) int {
			req := r.request("nobody", "POST", "/api/join/look", wrongCode(n))
			req.RemoteAddr = peer + ":4000"
			req.Header.Set("X-Forwarded-For", client)
			return r.do(req).Code
		}
		exhaust := func(peer, client string) {
			for n := range 30 {
				look(peer, client, n)
			}
			if code := look(peer, client, 30); code != 429 {
				t.Fatalf("%s by %s is not limited: %d", client, peer, code)
			}
		}
		exhaust("10.0.0.2", "203.0.113.7")
		if code := look("10.0.0.2", "203.0.113.8", 1); code != 404 {
			t.Errorf("another client of the same proxy: %d", code)
		}
		exhaust("10.0.1.2", "203.0.113.9") // not on the list: its own address counts
		if code := look("10.0.1.2", "203.0.113.10", 1); code != 429 {
			t.Errorf("a stranger named another client: %d", code)
		}
		if code := look("10.0.0.2", "nobody", 1); code != 400 {
			t.Errorf("a client that is no address: %d", code)
		}
	})
}
