package supplicant

import (
	"bytes"
	"strings"
	"sync"

	"github.com/livelearn/box/services/errs"
)

// Watch reads the output of wpa_supplicant. It keeps no line of it, since a line about a setting that
// wpa_supplicant does not understand holds the setting.
type Watch struct {
	mu     sync.Mutex
	lines  lineReader // guarded by mu
	tried  bool       // guarded by mu: an access point of the network was there
	joined bool       // guarded by mu: since then nothing went wrong
	code   string     // guarded by mu: the first fault that explains the failure
}

// maxLine bounds the part of a line that a Watch keeps, in bytes.
const maxLine = 4096

// Write implements io.Writer.
func (w *Watch) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines.feed(p, w.readLine)
	return len(p), nil
}

// lineReader cuts an output into lines. It bounds the start of a line that it keeps.
type lineReader struct{ rest []byte }

func (r *lineReader) feed(p []byte, read func(line string)) {
	for chunk := range bytes.Lines(p) {
		if r.rest = append(r.rest, chunk...); bytes.HasSuffix(chunk, []byte("\n")) {
			read(string(bytes.TrimSpace(r.rest)))
			r.rest = r.rest[:0]
		}
		r.rest = r.rest[:min(len(r.rest), maxLine)]
	}
}

// readLine reads one line, such as `wlan0: CTRL-EVENT-EAP-FAILURE EAP authentication failed`. A name of
// a network stands behind the start of a line, so it cannot look like one.
func (w *Watch) readLine(line string) {
	_, event, _ := strings.Cut(line, ": ")
	starts := func(prefix string) bool { return strings.HasPrefix(event, prefix) }
	switch {
	case starts("Trying to associate"), starts("SME: Trying to authenticate"):
		w.tried = true
	case starts("CTRL-EVENT-CONNECTED"):
		w.joined, w.code = true, ""
	case starts("CTRL-EVENT-EAP-TLS-CERT-ERROR"):
		w.setFault("wifi_server")
	case starts("CTRL-EVENT-EAP-FAILURE"), starts("CTRL-REQ-"), starts("WPA: 4-Way Handshake failed - pre-shared key may be incorrect"),
		starts("CTRL-EVENT-SSID-TEMP-DISABLED") && strings.HasSuffix(event, "reason=WRONG_KEY"),
		starts("CTRL-EVENT-AUTH-REJECT") && strings.Contains(event, "auth_type=3 "): // SAE
		w.setFault("wifi_password")
	case starts("CTRL-EVENT-ASSOC-REJECT"), starts("CTRL-EVENT-AUTH-REJECT"):
		w.setFault("wifi_refused")
	}
}

func (w *Watch) setFault(code string) {
	w.joined = false
	// A server with a wrong certificate makes the sign-in fail too, and an access point refuses who failed.
	if w.code == "" || w.code == "wifi_refused" {
		w.code = code
	}
}

// causes are what a Watch finds.
var causes = map[string]string{
	"no_such_wifi":    "no access point has this name",
	"wifi_password":   "the Wi-Fi refuses the name or the password",
	"wifi_server":     "the server of the Wi-Fi has another certificate than the one that is expected",
	"wifi_refused":    "the access point refuses the box",
	"no_wifi_address": "the box is in the Wi-Fi and gets no address",
}

// Cause returns why the box is not in the network, an errs.Down with a code.
func (w *Watch) Cause() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	code := w.code
	switch {
	case code != "":
	case w.joined:
		code = "no_wifi_address"
	case w.tried:
		code = "wifi_refused"
	default:
		code = "no_such_wifi"
	}
	return errs.NewCode("network", errs.Down, code, "%s", causes[code])
}
