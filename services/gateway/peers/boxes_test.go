package peers

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/livelearn/box/services/cluster/members"
	"github.com/livelearn/box/services/errs"
)

// strictBoxes refuses every box with a code, and notes where the box was.
type strictBoxes struct{ code, network string }

func (s *strictBoxes) Accept(_ *tls.ConnectionState, network string, _ []byte) ([]byte, members.Member, error) {
	s.network = network
	return nil, members.Member{}, errs.NewCode("test", errs.Denied, s.code, "no")
}

// Anybody in the network can send such requests without end.
func TestOnlyATriedCodeIsLogged(t *testing.T) {
	for code, logged := range map[string]bool{"no_code": false, "no_tls": false, "code_void": false, "wrong_code": true} {
		var log bytes.Buffer
		boxes := &strictBoxes{code: code}
		a := New(Deps{Boxes: boxes, Log: slog.New(slog.NewTextHandler(&log, nil))})
		r := httptest.NewRequest("POST", members.JoinPath, strings.NewReader("{}"))
		r.RemoteAddr = "[fd00::7:1:2:3]:4000"
		w := httptest.NewRecorder()
		a.serveJoin(w, r)
		if w.Code != 403 || (log.Len() > 0) != logged || boxes.network != "fd00::/64" {
			t.Errorf("%s: %d, from %q, logged %q", code, w.Code, boxes.network, log.String())
		}
	}
}
