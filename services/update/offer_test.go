package update

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/timetest"
	"github.com/livelearn/box/services/update/bundle"
)

// toldStates collects what the cloud is told.
func (r *rig) toldStates() func() []string {
	var told []string
	r.more = func(d *Deps) {
		d.Progress = func(_ context.Context, p Progress) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			told = append(told, strings.TrimSuffix(p.State+" "+p.Code, " "))
			return nil
		}
	}
	return func() []string { r.mu.Lock(); defer r.mu.Unlock(); return slices.Clone(told) }
}

// serveUntil runs an updater until a condition holds.
func serveUntil(t *testing.T, u *Updater, what string, until func() bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- u.Serve(ctx) }()
	timetest.WaitUntil(t, what, until)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func offerOf(url, when string) *Offer {
	return &Offer{Version: "1.1.0", Build: 11, URL: url, When: when}
}

func TestAnOfferIsInstalledAtNightAndReported(t *testing.T) {
	r := newRig(t)
	told := r.toldStates()
	url, _ := serveBundle(t, r.bundle(nil), true)
	r.now = func() time.Time { return time.Date(2026, 9, 21, 12, 0, 0, 0, time.UTC) }
	u := r.updater()
	if err := u.SetOffer(t.Context(), offerOf(url, WhenNight)); err != nil {
		t.Fatal(err)
	}
	serveUntil(t, u, "it waits for the night", func() bool { return slices.Contains(told(), StateScheduled) })
	if r.restarts != 0 {
		t.Fatal("it did not wait for the night")
	}
	r.written()
	r.now = func() time.Time { return time.Date(2026, 9, 22, 3, 0, 0, 0, time.UTC) }
	u = r.updater() // the offer and the fetched release survive a restart
	serveUntil(t, u, "the restart", func() bool { return u.State() == StateRestarting })
	r.boot(hal.SlotB)
	r.version, r.build = "1.1.0", 11
	synctest.Test(t, func(t *testing.T) { runUpdater(t, r.updater(), time.Minute) })
	if !slices.Contains(told(), OfferInstalled) {
		t.Errorf("the cloud was told %v", told())
	}
}

// TestTheCloudCannotForceAProgramOnABox offers what the box must refuse. Nothing is written.
func TestTheCloudCannotForceAProgramOnABox(t *testing.T) {
	for code, make := range map[string]func(r *rig) []byte{
		"older":           func(r *rig) []byte { return r.bundle(func(m *bundle.Manifest) { m.Version, m.Build = "0.9.0", 9 }) },
		"other_build":     func(r *rig) []byte { return r.bundle(func(m *bundle.Manifest) { m.Version, m.Build = "1.2.0", 12 }) },
		"wrong_board":     func(r *rig) []byte { return r.bundle(func(m *bundle.Manifest) { m.Board = "pi" }) },
		bundle.Unsigned:   func(r *rig) []byte { return r.signed(nil, bundle.Signer{Roots: [][]byte{r.root}}) },
		bundle.Altered:    func(r *rig) []byte { b := r.bundle(nil); b[len(b)-100] ^= 1; return b },
		bundle.NotABundle: func(*rig) []byte { return bytes.Repeat([]byte("x"), 1000) },
	} {
		t.Run(code, func(t *testing.T) {
			r := newRig(t)
			file := make(r)
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(file))
			}))
			defer srv.Close()
			told := r.toldStates()
			u := r.updater()
			if err := u.SetOffer(t.Context(), offerOf(srv.URL, WhenIdle)); err != nil {
				t.Fatal(err)
			}
			serveUntil(t, u, "it is refused", func() bool { return slices.Contains(told(), OfferFailed+" "+code) })
			if st := u.Status(t.Context()); r.restarts != 0 || st.State != StateIdle || st.Last == nil || st.Last.Result != ResultRefused {
				t.Errorf("%d restarts, %+v", r.restarts, st)
			}
		})
	}
}

func TestAnOfferIsTakenBack(t *testing.T) {
	r := newRig(t)
	told := r.toldStates()
	url, _ := serveBundle(t, r.bundle(nil), true)
	r.set(true, true) // a lesson is open
	u := r.updater()
	if err := u.SetOffer(t.Context(), offerOf(url, WhenIdle)); err != nil {
		t.Fatal(err)
	}
	serveUntil(t, u, "it waits for the end of the lesson", func() bool { return slices.Contains(told(), StateScheduled) })
	if err := u.SetOffer(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	r.set(false, true)
	u.installIfDue(t.Context())
	if st := u.Status(t.Context()); r.restarts != 0 || st.State != StateIdle || st.Next != nil {
		t.Errorf("%d restarts, %+v", r.restarts, st)
	}
}

func TestAnOfferThatFailedIsTriedAgainOnlyWhenAsked(t *testing.T) {
	r := newRig(t)
	told := r.toldStates()
	url, _ := serveBundle(t, r.bundle(nil), true)
	u := r.updater()
	u.state.Failed = 11
	o := offerOf(url, WhenNight)
	if err := u.SetOffer(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	serveUntil(t, u, "it says that the build failed", func() bool { return slices.Contains(told(), OfferFailed) })
	again := *o
	again.Try = 2
	if err := u.SetOffer(t.Context(), &again); err != nil {
		t.Fatal(err)
	}
	serveUntil(t, u, "it is fetched", func() bool { return slices.Contains(told(), StateScheduled) })
}

func TestAnOfferNamesItsFault(t *testing.T) {
	u := newRig(t).updater()
	for field, change := range map[string]func(*Offer){
		"version": func(o *Offer) { o.Version = "" },
		"build":   func(o *Offer) { o.Build = 0 },
		"url":     func(o *Offer) { o.URL = "file:///etc/passwd" },
		"when":    func(o *Offer) { o.When = WhenNow },
	} {
		o := offerOf("https://example.com/x", WhenNight)
		change(o)
		if err := u.SetOffer(t.Context(), o); errs.BodyOf(err).Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}
