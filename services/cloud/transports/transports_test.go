package transports_test

import (
	"crypto/ed25519"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/transports"
	"github.com/livelearn/box/services/egress"
	"github.com/livelearn/box/services/errs"
)

func newServer(t *testing.T, asked *int) *httptest.Server {
	t.Helper()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { *asked++ }))
	t.Cleanup(srv.Close)
	return srv
}

// A link to a node and a login of a database in the local network need the same setting.
func TestALinkIntoTheLocalNetworkNeedsASetting(t *testing.T) {
	asked := 0
	srv := newServer(t, &asked)
	self := cloud.Self{Box: "b1", Format: 1}
	for _, link := range []string{
		srv.URL + "/#ABCDEFGHIJKLMNOPQRST", "https://10.0.0.1/#ABCDEFGHIJKLMNOPQRST", "postgres://u:hidden@127.0.0.1:1/db", "postgres://u:hidden@192.168.1.5/db",
		"postgres://u:hidden@8.8.8.8/db?host=/run/postgresql",
	} {
		_, err := transports.Transports{}.Join(t.Context(), link, self)
		if b := errs.BodyOf(err); b.Code != egress.CodeLocal || b.Field != "link" || !strings.Contains(b.Message, "cloud.allow_private") || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: got %v", link, err)
		}
		_, err = transports.Transports{AllowPrivate: true}.Join(t.Context(), strings.NewReplacer("10.0.0.1", "127.0.0.1:1", "192.168.1.5", "127.0.0.1:1").Replace(link), self)
		if errs.KindOf(err) != errs.Down {
			t.Errorf("%s with the setting: got %v", link, err)
		}
	}
}

// A box that was linked before the dialer looked at addresses goes on with its link.
func TestALinkFromBeforeGoesOn(t *testing.T) {
	for guarded, want := range map[bool]errs.Kind{true: errs.Invalid, false: errs.Down} {
		l := cloud.Link{Way: cloud.WayPostgres, Box: "b1", URL: "postgres://u:p@127.0.0.1:1/db", Guarded: guarded}
		web := cloud.Link{Way: cloud.WayHTTPS, Box: "b1", URL: "https://127.0.0.1:1", Key: make([]byte, ed25519.SeedSize), Guarded: guarded}
		for _, l := range []cloud.Link{l, web} {
			sink, done, err := transports.Transports{}.Open(t.Context(), l)
			if err != nil {
				t.Fatal(err)
			}
			_, err = sink.State(t.Context(), cloud.Self{Box: "b1", Format: 1})
			if done(); errs.KindOf(err) != want {
				t.Errorf("%s, guarded %v: got %v", l.Way, guarded, err)
			}
		}
	}
}
