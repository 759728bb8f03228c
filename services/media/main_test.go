package media

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/livelearn/box/services/errs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var silent = slog.New(slog.DiscardHandler)

// fake is a node that answers each offer with its own name, and notes what it was told.
type fake struct {
	name   string
	events chan Event

	mu   sync.Mutex
	told []string
	fail map[string]error         // by method; what it answers instead
	wait map[string]chan struct{} // by method: it waits until the channel is closed, or its time is over
}

func newFake(name string) *fake {
	return &fake{name: name, events: make(chan Event, EventQueue), fail: map[string]error{}, wait: map[string]chan struct{}{}}
}

func (f *fake) note(ctx context.Context, method, what string) error {
	f.mu.Lock()
	if method != methodLoad {
		f.told = append(f.told, method+" "+what)
	}
	err, wait := f.fail[method], f.wait[method]
	f.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

func (f *fake) refuse(method string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail[method] = err
}

// hold lets a method wait until the channel is closed.
func (f *fake) hold(method string) chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wait[method] = make(chan struct{})
	return f.wait[method]
}

// heard is what it was told so far, of one method.
func (f *fake) heard(method string) (list []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range f.told {
		if len(t) > len(method) && t[:len(method)+1] == method+" " {
			list = append(list, t[len(method)+1:])
		}
	}
	return list
}

func (f *fake) Publish(ctx context.Context, p Publish) (Answer, error) {
	if p.SDP == "panic" {
		panic("a library's fault")
	}
	return Answer{SDP: f.name}, f.note(ctx, methodPublish, p.Session)
}

func (f *fake) Watch(ctx context.Context, w Watch) (Answer, error) {
	return Answer{SDP: f.name}, f.note(ctx, methodWatch, w.Session)
}

func (f *fake) Patch(ctx context.Context, p Patch) (Answer, error) {
	return Answer{SDP: p.Fragment}, f.note(ctx, methodPatch, p.Session)
}

func (f *fake) Close(ctx context.Context, session string) error {
	return f.note(ctx, methodClose, session)
}

func (f *fake) Mute(ctx context.Context, room, user string, source Source, on bool) error {
	return f.note(ctx, methodMute, fmt.Sprint(room, " ", user, " ", source, " ", on))
}

func (f *fake) Want(ctx context.Context, w Want) error {
	return f.note(ctx, methodWant, fmt.Sprint(w.Session, w.Heights))
}

func (f *fake) Record(ctx context.Context, r Record) error {
	return f.note(ctx, methodRecord, r.Room+" "+r.Dir)
}

func (f *fake) Load(ctx context.Context) (Load, error) {
	return Load{Watchers: 7, Path: "fast"}, f.note(ctx, methodLoad, "")
}

func (f *fake) Events() <-chan Event { return f.events }

// full is a refusal with all that a refusal can have.
func full() error {
	e := errs.Field("peer.Publish", "sdp", "full", 30, "no more than 30")
	e.Kind = errs.Busy
	return e
}

func same(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func code(err error) string {
	if err == nil {
		return ""
	}
	return errs.KindOf(err).String() + " " + errs.BodyOf(err).Code
}
