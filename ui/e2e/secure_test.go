package e2e

import (
	"net"
	"strings"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
)

// startOnLAN starts a claimed box on all addresses, and returns its address of plain HTTP in the
// network. To the box, a browser that opens it is on another machine.
func startOnLAN(t *testing.T) (box *boxtest.Box, home string) {
	t.Helper()
	host := boxtest.LANAddress(t)
	box = boxtest.Start(t, t.TempDir(), "--http", "0.0.0.0:0", "--https", "0.0.0.0:0")
	_, port, err := net.SplitHostPort(box.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	box.HTTP = "127.0.0.1:" + port
	box.ClaimBox("Ada")
	return box, "http://" + net.JoinHostPort(host, port)
}

// signInOverHTTPS goes from the plain page to the console as a teacher does. The browser takes the
// certificate without a warning.
func (p *page) signInOverHTTPS(home string, say func(string) string) {
	p.t.Helper()
	p.open(home + "/teach")
	p.sees(say("secure.title"))
	p.until("four words", `document.querySelector("[data-part=words]")?.innerText.split(" ").length === 4`)
	p.until("no field for a PIN", `!document.querySelector("input")`)
	p.press(say("secure.go"))
	p.until("the page over HTTPS", `location.protocol === "https:" && location.pathname === "/login"`)
	p.fill(say("login.name"), "Ada")
	p.fill(say("login.pin"), boxtest.PIN)
	p.press(say("login.go"))
	p.until("the classes", `location.protocol === "https:" && location.pathname === "/teach"`)
}

func TestATeacherSignsInFromThePlainPage(t *testing.T) {
	_, home := startOnLAN(t)
	say := loadWords(t, "en")
	p := newPage(t, laptop)
	p.signInOverHTTPS(home, say)
	if got := evalJS[string](p, "document.cookie"); got != "" {
		t.Errorf("the page reads the cookie: %q", got)
	}
	p.open(home + "/admin/network") // a browser that was there goes there by itself
	p.until("the same page over HTTPS", `location.protocol === "https:" && location.pathname === "/admin/network"`)
	p.sees(say("cert.link"))
	p.open(home + "/") // over plain HTTP, the teacher is not signed in
	p.sees(say("join.teacher"))
	if got := evalJS[string](p, `fetch("/api/state").then((r) => r.json()).then((s) => s.me.role + " " + s.ground)`); got != "none open" {
		t.Errorf("over plain HTTP: %q", got)
	}
	p.noFaults()
}

func TestTheCertificatePageHasTheStepsOfTheDevice(t *testing.T) {
	_, home := startOnLAN(t)
	for _, c := range []struct {
		lang string
		size [2]int64
	}{{"en", laptop}, {"ar", phone}} {
		say := loadWords(t, c.lang)
		p := newPage(t, c.size)
		p.speak(home, c.lang)
		for _, path := range []string{"/login", "/certificate"} {
			p.open(home + path)
			p.until("the words", `document.querySelector("[data-part=words]")`)
			p.until("no scrolling sideways", `document.documentElement.scrollWidth <= innerWidth`)
			p.axe(path)
			p.shot(c.lang + strings.ReplaceAll(path, "/", "-"))
		}
		p.sees(say("cert.chromeos.2"))
		p.until("a certificate to download", `fetch("/ca.crt").then((r) => r.ok && r.headers.get("Content-Type") === "application/x-x509-ca-cert")`)
		p.noFaults()
	}
}

func TestFirefoxSignsInOverHTTPS(t *testing.T) {
	_, home := startOnLAN(t)
	startFirefox(t).page(t, laptop).signInOverHTTPS(home, loadWords(t, "en"))
}
