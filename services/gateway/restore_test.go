package gateway

import (
	"io"
	"strings"
	"testing"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/adminapi"
)

// fakeRestore takes everything. The real one is in firmware/restore, which firmware tests through
// the gateway.
type fakeRestore struct{ received int64 }

func (f *fakeRestore) Status() adminapi.RestoreStatus {
	return adminapi.RestoreStatus{Step: adminapi.RestoreReceived, Size: f.received}
}

func (f *fakeRestore) Receive(r io.Reader, _ int64) (err error) {
	f.received, err = io.Copy(io.Discard, r)
	return err
}

func (f *fakeRestore) Check(passphrase string) error {
	if passphrase == wrongPassphrase {
		return errs.NewCode("test", errs.Denied, "wrong_passphrase", "wrong")
	}
	return nil
}
func (*fakeRestore) Commit(string, bool, string) error { return nil }
func (*fakeRestore) Discard() error                    { return nil }

const wrongPassphrase = "canary-phrase-wrong"

// TestARestoreLeavesALineInTheLogWithoutThePassphrase reads the log after each step.
func TestARestoreLeavesALineInTheLogWithoutThePassphrase(t *testing.T) {
	r := newRig(t).school()
	r.ok("admin", "POST", "/api/admin/restore/file", strings.Repeat("x", 300<<10), nil) // larger than other bodies
	r.ok("admin", "POST", "/api/admin/restore/check", map[string]string{"passphrase": "canary-phrase-right"}, nil)
	w := r.do(r.request("admin", "POST", "/api/admin/restore/check", map[string]string{"passphrase": wrongPassphrase}))
	if b := readRefusal(t, w); b.Code != "wrong_passphrase" {
		t.Errorf("got %q", b.Code)
	}
	r.ok("admin", "POST", "/api/admin/restore", map[string]string{"name": "Box"}, nil)
	r.ok("admin", "DELETE", "/api/admin/restore", nil, nil)
	log := r.log.String()
	for _, line := range []string{"backup received", "backup checked", "restore confirmed", "uploaded backup discarded"} {
		if !strings.Contains(log, line) {
			t.Errorf("no line %q in the log", line)
		}
	}
	if strings.Contains(log, "canary-phrase") {
		t.Errorf("the passphrase is in the log:\n%s", log)
	}
}

// TestAnotherSiteCannotRestore sends the requests of a page of another origin.
func TestAnotherSiteCannotRestore(t *testing.T) {
	r := newRig(t).school()
	for _, path := range []string{"/api/admin/restore/file", "/api/admin/restore/check", "/api/admin/restore", "/api/admin/backup"} {
		req := r.request("admin", "POST", path, map[string]string{"name": "Box", "passphrase": "canary-phrase-right"})
		req.Header.Set("Origin", "http://elsewhere.example")
		if b := readRefusal(t, r.do(req)); b.Code != "other_origin" {
			t.Errorf("%s: got %q", path, b.Code)
		}
	}
}

// quietNetwork has found nothing. The real one is in firmware, which tests it.
type quietNetwork struct{}

func (quietNetwork) State() adminapi.NetworkCheck { return adminapi.NetworkCheck{} }
func (quietNetwork) Start() adminapi.NetworkCheck { return adminapi.NetworkCheck{Running: true} }
