package update

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/update/bundle"
)

func TestACutUploadResumes(t *testing.T) {
	r := newRig(t)
	file := r.bundle(nil)
	u := r.updater()
	drops := 0
	for at := int64(0); ; drops++ {
		err := u.Receive(t.Context(), &cutReader{bytes.NewReader(file[at:]), 300_000}, at, "upload")
		if err == nil {
			break
		}
		if !errors.Is(err, errDropped) {
			t.Fatal(err)
		}
		u = r.updater() // the box was restarted too
		s := u.Status(t.Context())
		if s.State != StateReceiving || s.Received <= at || s.Next.Version != "1.1.0" {
			t.Fatalf("after %d drops: %+v", drops, s)
		}
		at = s.Received
		if err := u.Receive(t.Context(), bytes.NewReader(file), 0, "upload"); errorCode(err) != "offset" {
			t.Errorf("from the beginning: %v", err)
		}
	}
	if drops < 3 {
		t.Errorf("%d drops: the test does not bite", drops)
	}
	if s := u.Status(t.Context()); s.State != StateReceived || s.Received != int64(len(file)) || s.Kept.Version != "1.0.0" {
		t.Errorf("%+v", s)
	}
	r.written()
}

func TestWhatIsRefusedChangesNothing(t *testing.T) {
	r := newRig(t)
	_, foreign, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := bundle.NewRoot([]ed25519.PrivateKey{foreign}, 1)
	if err != nil {
		t.Fatal(err)
	}
	good := r.bundle(nil)
	altered := bytes.Clone(good)
	altered[bytes.Index(altered, []byte(`"build":11`))+9] ^= 1
	for want, file := range map[string][]byte{
		"older":           r.bundle(func(m *bundle.Manifest) { m.Build, m.Version = 9, "0.9.0" }),
		"wrong_board":     r.bundle(func(m *bundle.Manifest) { m.Board = "pi" }),
		"data_format":     r.bundle(func(m *bundle.Manifest) { m.Data = 2 }),
		bundle.Unsigned:   r.signed(nil, bundle.Signer{Roots: [][]byte{other}, Keys: []ed25519.PrivateKey{foreign}}),
		bundle.Altered:    altered,
		bundle.Truncated:  good[:1000],
		bundle.NotABundle: []byte("GIF89a and so on"),
	} {
		u := r.updater()
		if err := u.Receive(t.Context(), bytes.NewReader(file), 0, "upload"); errorCode(err) != want {
			t.Errorf("%s: %v", want, err)
		}
		s := u.Status(t.Context())
		if s.State != StateIdle || s.Last == nil || s.Last.Result != ResultRefused || s.Last.Code != want {
			t.Errorf("%s: %+v, last %+v", want, s, s.Last)
		}
		if err := u.Install(t.Context(), WhenNow); errorCode(err) != "nothing_received" {
			t.Errorf("%s: it can be installed: %v", want, err)
		}
	}
	same := r.bundle(func(m *bundle.Manifest) { m.Build = 10 })
	if err := r.updater().Receive(t.Context(), bytes.NewReader(same), 0, "upload"); errorCode(err) != "older" {
		t.Errorf("what runs already: %v", err)
	}
	late := bytes.Clone(good)
	late[len(late)-10] ^= 1
	u := r.updater()
	if err := u.Receive(t.Context(), bytes.NewReader(late), 0, "upload"); errorCode(err) != bundle.Altered {
		t.Errorf("altered at its end: %v", err)
	}
	if err := u.Install(t.Context(), WhenNow); errorCode(err) != "nothing_received" {
		t.Errorf("half an update can be installed: %v", err)
	}
	if s := u.Status(t.Context()); s.State != StateIdle || s.Last.Code != bundle.Altered || s.Last.Version != "1.1.0" {
		t.Errorf("who was cut off while sending does not learn why: %+v, last %+v", s, s.Last)
	}
	if st, err := r.slots.State(); err != nil || st.Pending || st.Default != hal.SlotA {
		t.Errorf("%+v %v", st, err)
	}
	big := newRig(t)
	big.write("root-b", make([]byte, 1000))
	if err := big.updater().Receive(t.Context(), bytes.NewReader(big.bundle(nil)), 0, "upload"); err == nil {
		t.Error("a system larger than its slot was taken")
	}
}

func TestAFailingDiskIsNoticed(t *testing.T) {
	r := newRig(t)
	r.more = func(d *Deps) { d.Slots = forgetfulSlots{r.slots} }
	u := r.updater()
	err := u.Receive(t.Context(), bytes.NewReader(r.bundle(nil)), 0, "upload")
	if errorCode(err) != "medium" || u.Status(t.Context()).State != StateIdle {
		t.Errorf("%v, %+v", err, u.Status(t.Context()))
	}
}

// forgetfulSlots are slots whose root part accepts bytes and loses them.
type forgetfulSlots struct{ hal.Slots }

func (f forgetfulSlots) Open(s hal.Slot, part string, write bool) (hal.SlotPart, error) {
	p, err := f.Slots.Open(s, part, write)
	if part == hal.PartRoot && write {
		p = discardPart{p}
	}
	return p, err
}

type discardPart struct{ hal.SlotPart }

func (discardPart) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
