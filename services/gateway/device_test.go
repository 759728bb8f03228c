package gateway

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/health"
)

// browser is a device that keeps its cookies, behind the school's router.
type browser struct {
	r       *rig
	cookies map[string]*http.Cookie
}

func (r *rig) browser() *browser {
	b := &browser{r, map[string]*http.Cookie{}}
	b.send("GET", "/", nil)
	return b
}

func (b *browser) send(method, path string, in any) *httptest.ResponseRecorder {
	req := b.r.request("nobody", method, path, in)
	req.RemoteAddr = "192.168.1.1:4000"
	for _, c := range b.cookies {
		req.AddCookie(c)
	}
	w := b.r.do(req)
	for _, c := range w.Result().Cookies() {
		b.cookies[c.Name] = c
	}
	return w
}

func TestDevicesBehindOneRouterDoNotShareTheirMistakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t).school()
		clumsy, careful := r.browser(), r.browser()
		for n := range 6 {
			clumsy.send("POST", "/api/join/look", wrongCode(n))
		}
		if w := clumsy.send("POST", "/api/join/look", wrongCode(9)); w.Code != 429 {
			t.Errorf("the clumsy device after six mistakes: %d", w.Code)
		}
		if w := careful.send("POST", "/api/join/look", wrongCode(9)); w.Code != 404 {
			t.Errorf("the careful device: %d %s", w.Code, w.Body)
		}
	})
}

func TestThrowingTheCookieAwayGainsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t).school()
		tried := 0
		for n := range 60 { // each second a new device, as the box sees it
			if r.browser().send("POST", "/api/join/look", wrongCode(n)).Code == 404 {
				tried++
			}
			time.Sleep(time.Second)
		}
		if tried > perAddress {
			t.Errorf("%d tries a minute from one address, the limit is %d", tried, perAddress)
		}
		forged := r.browser()
		forged.cookies[deviceCookie].Value = "AAAA." + forged.cookies[deviceCookie].Value
		if r.Gateway.device(func() *http.Request {
			req := httptest.NewRequest("GET", "/", nil)
			req.AddCookie(forged.cookies[deviceCookie])
			return req
		}()) != "" {
			t.Error("a made-up device was believed")
		}
	})
}

func TestKnowingOneCodeGivesNoMoreGuesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t).school()
		tried, end := 0, time.Now().Add(10*time.Minute)
		for n := 0; time.Now().Before(end); n++ {
			b := r.browser()
			if b.send("POST", "/api/join/look", wrongCode(n)).Code == 404 {
				tried++
			}
			b.send("POST", "/api/join/look", map[string]string{"code": r.lesson.Code})
			time.Sleep(time.Second)
		}
		if tried > perAddress*11 {
			t.Errorf("%d tries in ten minutes from one address, the limit is %d a minute", tried, perAddress)
		}
	})
}

func TestGuessersDoNotKeepTheirClassOutForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t).school()
		right := map[string]string{"code": r.lesson.Code}
		for n := range 100 {
			r.browser().send("POST", "/api/join/look", wrongCode(n))
		}
		if w := r.browser().send("POST", "/api/join/look", right); w.Code != 429 || refused(t, w).RetryMS > 60_000 {
			t.Errorf("while the address has no tries left: %d %s", w.Code, w.Body)
		}
		time.Sleep(time.Minute)
		if w := r.browser().send("POST", "/api/join/look", right); w.Code != 200 {
			t.Errorf("a minute later: %d %s", w.Code, w.Body)
		}
	})
}

func TestPupilsCannotLockATeacherOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t).school()
		own := r.browser()
		right := map[string]string{"name": teacher1, "pin": pin}
		if w := own.send("POST", "/api/login", right); w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		for n := range 200 {
			req := r.request("nobody", "POST", "/api/login", map[string]string{"name": teacher1, "pin": fmt.Sprint(100000 + n)})
			req.RemoteAddr = fmt.Sprintf("192.168.1.%d:4000", n%200+2)
			r.do(req)
		}
		other := r.browser()
		if w := other.send("POST", "/api/login", right); w.Code != 429 {
			t.Errorf("an unknown device while the name is being guessed: %d", w.Code)
		}
		if w := own.send("POST", "/api/login", right); w.Code != 200 {
			t.Errorf("the teacher's own device: %d %s", w.Code, w.Body)
		}
		for range 6 {
			own.send("POST", "/api/login", map[string]string{"name": teacher1, "pin": "000000"})
		}
		if w := own.send("POST", "/api/login", right); w.Code != 429 {
			t.Errorf("a trusted device has no limit at all: %d", w.Code)
		}
	})
}

func TestReadyzTellsItsWordsToTheAdminAndTheMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t).school()
		r.Health.Set("disk", health.Warn, "disk_nearly_full", "/data has 3 MiB left")
		for role, want := range map[string]bool{"nobody": false, "pupil": false, "admin": true} {
			w := r.do(r.request(role, "GET", "/readyz", nil))
			if got := strings.Contains(w.Body.String(), "/data"); got != want || !strings.Contains(w.Body.String(), "disk_nearly_full") {
				t.Errorf("%s: %s", role, w.Body)
			}
		}
		req := r.request("nobody", "GET", "/readyz", nil)
		req.RemoteAddr = "127.0.0.1:9"
		if w := r.do(req); !strings.Contains(w.Body.String(), "/data") {
			t.Errorf("from the machine: %s", w.Body)
		}
	})
}
