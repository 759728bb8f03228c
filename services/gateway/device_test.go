package gateway

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/livelearn/box/services/gateway/signin"
	"github.com/livelearn/box/services/health"
)

// browser is a device that keeps its cookies, behind the school's router.
type browser struct {
	r       *rig
	addr    string
	cookies map[string]*http.Cookie
}

func (r *rig) browser() *browser { return r.browserAt("192.168.1.1") }

// browserAt is a device at its own address.
func (r *rig) browserAt(addr string) *browser {
	b := &browser{r, net.JoinHostPort(addr, "4000"), map[string]*http.Cookie{}}
	b.send("GET", "/", nil)
	return b
}

func (b *browser) send(method, path string, in any) *httptest.ResponseRecorder {
	req := b.r.request("nobody", method, path, in)
	req.RemoteAddr = b.addr
	for _, c := range b.cookies {
		req.AddCookie(c)
	}
	w := b.r.do(req)
	for _, c := range w.Result().Cookies() {
		b.cookies[c.Name] = c
	}
	return w
}

// guess reports whether a wrong code was checked. The answer to a checked code is "not
// found", or after a wait "too many".
func (b *browser) guess(n int) (checked bool, code int) {
	begun := time.Now()
	code = b.send("POST", "/api/join/look", wrongCode(n)).Code
	return code == 404 || time.Since(begun) > 0, code
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
		// The limit of one address in an hour: its devices with a count, their refill, and
		// the bucket of all other devices.
		most, tried, end := 2*signin.CountedPerAddress+61*signin.TriesPerAddress, 0, time.Now().Add(time.Hour)
		for n := 0; time.Now().Before(end); n++ { // each time a new device, as the box sees it
			if checked, _ := r.browser().guess(n); checked {
				tried++
			}
			time.Sleep(time.Second)
		}
		if tried > most {
			t.Errorf("%d tries an hour from one address, the limit is %d", tried, most)
		}
		forged := r.browser()
		forged.cookies[signin.DeviceCookie].Value = "AAAA." + forged.cookies[signin.DeviceCookie].Value
		req := httptest.NewRequest("GET", "/", nil)
		req.AddCookie(forged.cookies[signin.DeviceCookie])
		if id, counted := r.signIn.DeviceID(req); id != "" || counted {
			t.Error("a made-up device was believed")
		}
	})
}

func TestAGuestCannotMakeItselfADeviceWithACount(t *testing.T) {
	r := newRig(t).school()
	for range signin.CountedPerAddress {
		r.browser()
	}
	b := r.browser()
	req := httptest.NewRequest("GET", "/", nil)
	req.AddCookie(b.cookies[signin.DeviceCookie])
	if id, counted := r.signIn.DeviceID(req); id == "" || counted {
		t.Errorf("device %d of its address: %q, with a count of its own: %v", signin.CountedPerAddress+1, id, counted)
	}
	if other := r.browserAt("192.168.1.2"); other.cookies[signin.DeviceCookie] == nil {
		t.Error("no cookie at another address")
	}
}

// TestGuessingALessonsCodeInAnHourFindsItRarely has devices at many addresses guess for an
// hour, all as fast as the box lets them. The code has six digits.
func TestGuessingALessonsCodeInAnHourFindsItRarely(t *testing.T) {
	if most := 2*signin.TriesOfCounted + 61*signin.TriesPerBox; most > 1_000_000/100 {
		t.Fatalf("%d guesses of a million an hour", most)
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t).school()
		tried, end := 0, time.Now().Add(time.Hour)
		for n := 0; time.Now().Before(end); n++ {
			b := r.browserAt(fmt.Sprintf("10.0.%d.%d", n/200%40, n%200+1))
			time.Sleep(10 * time.Millisecond)
			for code := 200; code != 429 && time.Now().Before(end); { // until the box stops this device
				checked := false
				if checked, code = b.guess(n); checked {
					tried++
				}
			}
		}
		t.Logf("%d guesses in an hour: %.2f %%", tried, float64(tried)/10_000)
		if tried > 10_000 || tried < signin.TriesOfCounted {
			t.Errorf("%d guesses in an hour", tried)
		}
	})
}

func TestKnowingOneCodeGivesNoMoreGuesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t).school()
		right := map[string]string{"code": r.lesson.Code}
		one, tried := r.browser(), 0
		for n := range 60 { // the same device
			if one.send("POST", "/api/join/look", wrongCode(n)).Code == 404 {
				tried++
			}
			one.send("POST", "/api/join/look", right)
			time.Sleep(time.Second)
		}
		if tried > signin.TriesPerDevice+1 {
			t.Errorf("one device had %d tries in a minute", tried)
		}
		most, end := signin.CountedPerAddress+signin.CountedPerAddress/6+1+11*signin.TriesPerAddress, time.Now().Add(10*time.Minute)
		for n := 0; time.Now().Before(end); n++ {
			b := r.browser()
			if checked, _ := b.guess(n); checked {
				tried++
			}
			b.send("POST", "/api/join/look", right)
			time.Sleep(200 * time.Millisecond)
		}
		if tried > most {
			t.Errorf("%d tries in ten minutes from one address, the limit is %d", tried, most)
		}
	})
}

// TestARightCodeIsNotRefusedForTheMistakesOfOthers has somebody guess with new devices until
// the box stops them, from the address of the pupil and from others.
func TestARightCodeIsNotRefusedForTheMistakesOfOthers(t *testing.T) {
	for name, c := range map[string]struct{ guesser, pupil func(n int) string }{
		"behind one router":                  {at("192.168.1.1"), at("192.168.1.1")},
		"one IPv6 device":                    {at("fd00:9::10"), at("fd00:9::20")},
		"an IPv6 device with many addresses": {func(n int) string { return fmt.Sprintf("fd00:9::1:%x", n) }, at("fd00:9::20")},
		"many addresses":                     {func(n int) string { return fmt.Sprintf("10.0.%d.%d", n/200%5, n%200+1) }, at("192.168.1.1")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t).school()
				right := map[string]string{"code": r.lesson.Code}
				early := r.browserAt(c.pupil(0))
				clumsy := r.browserAt(c.pupil(0))
				for n, code := 0, 0; n < 4*signin.CountedPerAddress && code != 429; n++ {
					code = r.browserAt(c.guesser(n)).send("POST", "/api/join/look", wrongCode(n)).Code
				}
				for n := range 3 {
					clumsy.send("POST", "/api/join/look", wrongCode(n))
				}
				for who, b := range map[string]*browser{"who came before": early, "with own mistakes": clumsy, "who comes now": r.browserAt(c.pupil(1))} {
					if w := b.send("POST", "/api/join/look", right); w.Code != 200 {
						t.Errorf("the pupil %s: %d %s", who, w.Code, w.Body)
					}
				}
			})
		})
	}
}

func at(addr string) func(int) string { return func(int) string { return addr } }

// TestAFloodOfGuessesHoldsUpNoDeviceWithACount has many devices at one address wait for
// their turn. The number of waiting guesses has a limit.
func TestAFloodOfGuessesHoldsUpNoDeviceWithACount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t).school()
		early := r.browser()
		for n := range signin.CountedPerAddress + signin.TriesPerAddress {
			r.browser().send("POST", "/api/join/look", wrongCode(n))
		}
		var atOnce atomic.Int64
		var wg sync.WaitGroup
		for n := range 3 * signin.MaxWaiting {
			b := r.browser()
			wg.Go(func() {
				if checked, code := b.guess(n); code == 429 && !checked {
					atOnce.Add(1)
				}
			})
		}
		synctest.Wait()
		if w := early.send("POST", "/api/join/look", map[string]string{"code": r.lesson.Code}); w.Code != 200 {
			t.Errorf("a device with a count of its own: %d %s", w.Code, w.Body)
		}
		wg.Wait()
		if got := atOnce.Load(); got != 2*signin.MaxWaiting {
			t.Errorf("%d of %d guesses are refused at once, want %d", got, 3*signin.MaxWaiting, 2*signin.MaxWaiting)
		}
	})
}

// TestPupilsCannotLockATeacherOut makes some hundred guesses. Their number matters and not the time of
// each, so the hash of the PIN is a cheap one, as a settings file may bring it.
func TestPupilsCannotLockATeacherOut(t *testing.T) {
	hash, err := argon2id.CreateHash(pin, &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		if err := r.Roster.SetOwner(teacher1, hash); err != nil {
			t.Fatal(err)
		}
		own := r.browser()
		right := map[string]string{"name": teacher1, "pin": pin}
		if w := own.send("POST", "/api/login", right); w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		wrong := func(n int) map[string]string {
			return map[string]string{"name": teacher1, "pin": fmt.Sprint(100000 + n)}
		}
		pupil := r.browser()
		for n := range signin.TriesPerDevice {
			pupil.send("POST", "/api/login", wrong(n))
		}
		if w := pupil.send("POST", "/api/login", right); w.Code != 429 {
			t.Errorf("the device that guessed is not locked: %d", w.Code)
		}
		if w := r.browser().send("POST", "/api/login", right); w.Code != 200 {
			t.Errorf("an unknown device after five wrong PINs on another: %d %s", w.Code, w.Body)
		}
		if w := r.from("192.168.1.9", "/api/login", right); w.Code != 200 {
			t.Errorf("a device without a cookie, at another address: %d %s", w.Code, w.Body)
		}
		tried, end := 0, time.Now().Add(24*time.Hour)
		for n := 0; time.Now().Before(end); n++ {
			if r.browserAt(fmt.Sprintf("192.168.%d.%d", n/200%200, n%200+2)).send("POST", "/api/login", wrong(n)).Code == 403 {
				tried++
			}
			time.Sleep(5 * time.Minute)
		}
		if tried < signin.TriesPerName/2 || tried > 2*signin.TriesPerName {
			t.Errorf("%d PINs of a teacher were tried in a day, the limit is %d", tried, 2*signin.TriesPerName)
		}
		for n := 0; r.browserAt(fmt.Sprintf("10.1.0.%d", n+1)).send("POST", "/api/login", wrong(n)).Code != 429; n++ {
			if n > signin.TriesPerName {
				t.Fatal("the PIN of one teacher is guessed for ever")
			}
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
		r.Health.SetCheck("disk", health.Warn, "disk_nearly_full", "/data has 3 MiB left")
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
