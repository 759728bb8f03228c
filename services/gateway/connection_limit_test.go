package gateway

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/wire/wiretest"
)

// getOn sends a request over a connection and reads the whole answer.
func getOn(t *testing.T, c net.Conn, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	go func() {
		_, _ = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n"+strings.Join(append(headers, "\r\n"), "\r\n"))
	}()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%s: closed without an answer: %v", path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	checkError(t, err)
	return resp, string(text)
}

func TestOneAddressHasSoManyConnectionsAndNoMore(t *testing.T) {
	withServer(t, func(c *Config) { c.PerIP = 3 }, func(t *testing.T, r *rig, p *wiretest.Net) {
		r.school()
		var held []net.Conn
		for range 3 {
			held = append(held, dialServer(t, p))
		}
		for i := range 3 { // each gets the page
			over := dialServer(t, p)
			resp, text := getOn(t, over, "/", "Accept-Language: fr-CA,en")
			if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !strings.Contains(text, refusalTexts["fr"][1]) || !resp.Close {
				t.Errorf("one too many, %d: %v %s", i, resp, text)
			}
			_, err := over.Read(make([]byte, 1))
			if err != io.EOF {
				t.Errorf("a refused connection stays open: %v", err)
			}
		}
		if resp, text := getOn(t, dialServer(t, p), "/api/state"); resp.StatusCode != 503 || !strings.Contains(text, "too_many_connections") {
			t.Errorf("the API: %v %s", resp, text)
		}
		if n := strings.Count(r.log.String(), "connections refused"); n != 1 {
			t.Errorf("%d lines in the log, want 1 a minute", n)
		}
		if !warns(r, "connections") {
			t.Errorf("health has no warning: %v", r.Health.List())
		}
		for _, role := range []string{"teacher", "pupil"} {
			if resp, text := getOn(t, dialServer(t, p), "/api/state", "Cookie: ll="+r.tokens[role]); resp.StatusCode != 200 {
				t.Errorf("a %s whom the box knows: %v %s", role, resp, text)
			}
		}
		checkError(t, held[0].Close())
		synctest.Wait()
		if resp, _ := getOn(t, dialServer(t, p), "/"); resp.StatusCode != 200 {
			t.Errorf("a place was given back and is not: %v", resp)
		}
		time.Sleep(3 * time.Minute)
		if warns(r, "connections") {
			t.Error("the warning stays when all is well")
		}
		for _, c := range held[1:] {
			checkError(t, c.Close())
		}
	})
}

func warns(r *rig, check string) bool {
	for _, c := range r.Health.List() {
		if c.Name == check {
			return c.Level == health.Warn
		}
	}
	return false
}

func TestTheRefusalPageComesOverTLSToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plain, secure := wiretest.NewNet(), wiretest.NewNet()
		r := newRig(t, func(c *Config, d *Deps) {
			c.PerIP, c.HTTPS = 2, ":8443"
			d.Listen = func(addr string) (net.Listener, error) {
				if addr == c.HTTPS {
					return secure, nil
				}
				return plain, nil
			}
		})
		stop := r.start(t)
		held := []net.Conn{dialServer(t, plain), dialServer(t, plain)} // the limit covers both listeners
		synctest.Wait()                                                // both are counted
		over := tls.Client(dialServer(t, secure), &tls.Config{InsecureSkipVerify: true})
		if resp, text := getOn(t, over, "/"); resp.StatusCode != 503 || !strings.Contains(text, refusalTexts["en"][1]) {
			t.Errorf("%v %s", resp, text)
		}
		_ = over.Close() // the box has closed it
		for _, c := range held {
			checkError(t, c.Close())
		}
		stop()
	})
}

func TestALessonSocketDoesNotCountAsAConnection(t *testing.T) {
	withServer(t, func(c *Config) { c.PerIP = 2 }, func(t *testing.T, r *rig, p *wiretest.Net) {
		r.school()
		for i := range 4 {
			c := dialServer(t, p)
			resp, text := getOn(t, c, "/socket/websocket?vsn=2.0.0", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
				"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Authorization: Bearer "+r.tokens["pupil"])
			if resp.StatusCode != http.StatusSwitchingProtocols {
				t.Fatalf("socket %d: %v %s", i, resp, text)
			}
			defer c.Close()
		}
		if resp, text := getOn(t, dialServer(t, p), "/"); resp.StatusCode != 200 {
			t.Errorf("with open sockets: %v %s", resp, text)
		}
	})
}

func TestMissingDescriptorsAreAWarning(t *testing.T) {
	withServer(t, func(*Config) {}, func(t *testing.T, r *rig, _ *wiretest.Net) {
		for range 100 {
			r.limiter.Exhausted()
		}
		if n := strings.Count(r.log.String(), "no connection can be taken"); n != 1 || !warns(r, "descriptors") {
			t.Errorf("%d lines in the log, and health is %v", n, r.Health.List())
		}
		time.Sleep(3 * time.Minute)
		if warns(r, "descriptors") {
			t.Error("the warning stays when all is well")
		}
	})
}

// A class that mistypes is no attack. Somebody who guesses is, and the right code lets in all the
// while.
func TestSomebodyWhoGuessesCodesIsTold(t *testing.T) {
	withServer(t, func(*Config) {}, func(t *testing.T, r *rig, _ *wiretest.Net) {
		r.school()
		guess := func(n int, code string) int {
			req := r.request("nobody", "POST", "/api/join/look", map[string]string{"code": code})
			req.RemoteAddr = fmt.Sprintf("192.168.7.%d:4000", n)
			return r.do(req).Code
		}
		wrong := "000000"
		if r.lesson.Code == wrong {
			wrong = "000001"
		}
		for n := range 15 {
			guess(n, wrong)
		}
		time.Sleep(2 * time.Minute)
		if warns(r, "codes") {
			t.Error("a few wrong codes are an alarm")
		}
		for n := range 15 {
			guess(100+n, wrong)
		}
		time.Sleep(time.Minute)
		if !warns(r, "codes") {
			t.Errorf("nobody is told of somebody who guesses: %v", r.Health.List())
		}
		if status := guess(200, r.lesson.Code); status != 200 {
			t.Errorf("the right code: %d", status)
		}
		time.Sleep(5 * time.Minute)
		if warns(r, "codes") {
			t.Error("the warning stays when nobody guesses")
		}
	})
}
