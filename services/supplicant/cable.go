package supplicant

import (
	"cmp"
	"strings"
	"sync"

	"github.com/livelearn/box/services/errs"
)

// SignIn is how the box signs in to the switch of a school (802.1X on a cable). Its zero value is none.
type SignIn struct {
	Security string `json:"security,omitempty"` // "peap" or "ttls"; empty: "peap"
	Identity string `json:"identity,omitempty"` // name of the box at the school's server
	Password string `json:"password,omitempty"`
	CA       string `json:"ca,omitempty"`     // PEM: who signed the certificate of that server; peap without it: not checked
	Server   string `json:"server,omitempty"` // the name in that certificate, or the end of it; needs CA
}

// WithDefaults fills in empty fields.
func (s SignIn) WithDefaults() SignIn {
	if s != (SignIn{}) {
		s.Security = cmp.Or(s.Security, SecurityPEAP)
	}
	return s
}

// Validate checks all fields. Errors name the field and do not contain the password.
func (s SignIn) Validate() error {
	s = s.WithDefaults()
	switch s.Security {
	case "":
		return nil
	case SecurityPEAP, SecurityTTLS:
		return s.network().validateEnterprise()
	}
	return errs.NewField("supplicant", "security", "unknown", 0, `must be "peap" or "ttls"`)
}

func (s SignIn) network() Network {
	return Network{Security: s.Security, Identity: s.Identity, Password: s.Password, CA: s.CA, Server: s.Server}
}

// Certificates returns the certificates of CA alone, as PEM.
func (s SignIn) Certificates() ([]byte, error) { return s.network().Certificates() }

// Format returns the configuration of wpa_supplicant for a valid sign-in, as that of a Network.
func (s SignIn) Format(caFile string) (string, error) {
	if err := s.Validate(); err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("ap_scan=0\nnetwork={\neapol_flags=0\n") // a cable has neither scan nor keys
	s.WithDefaults().network().formatEAP(&b, "IEEE8021X", caFile)
	b.WriteString("}\n")
	return b.String(), nil
}

// States of a CableWatch.
const (
	CableUnasked  = "unasked" // the switch has not asked for a sign-in, as most
	CableAsked    = "asked"
	CableDone     = "done"
	CablePassword = "cable_password" // the school's server refuses the name or the password
	CableServer   = "cable_server"   // the school's server has another certificate than the one that is expected
)

// CableWatch reads the output of wpa_supplicant on a cable. It keeps no line of it.
type CableWatch struct {
	mu    sync.Mutex
	lines lineReader // guarded by mu
	state string     // guarded by mu
}

// Write implements io.Writer.
func (w *CableWatch) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines.feed(p, w.readLine)
	return len(p), nil
}

// State returns how the sign-in goes.
func (w *CableWatch) State() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return cmp.Or(w.state, CableUnasked)
}

// readLine reads one line, such as `eth0: CTRL-EVENT-EAP-SUCCESS EAP authentication completed successfully`.
func (w *CableWatch) readLine(line string) {
	_, event, _ := strings.Cut(line, ": ")
	starts := func(prefix string) bool { return strings.HasPrefix(event, prefix) }
	switch {
	case starts("CTRL-EVENT-EAP-STARTED") && w.state == "": // later the switch asks again and again
		w.state = CableAsked
	case starts("CTRL-EVENT-EAP-SUCCESS"):
		w.state = CableDone
	case starts("CTRL-EVENT-EAP-TLS-CERT-ERROR"):
		w.state = CableServer
	case (starts("CTRL-EVENT-EAP-FAILURE") || starts("CTRL-REQ-")) && w.state != CableServer: // which makes it fail too
		w.state = CablePassword
	}
}
