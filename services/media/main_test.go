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

var discardLog = slog.New(slog.DiscardHandler)

// fakeNode is a node that answers each offer with its own name, and notes its calls.
type fakeNode struct {
	name   string
	events chan Event

	mu    sync.Mutex
	calls []string
	fail  map[string]error         // by method: its answer instead
	wait  map[string]chan struct{} // by method: it waits until the channel is closed, or its time is over
}

func newFakeNode(name string) *fakeNode {
	return &fakeNode{name: name, events: make(chan Event, EventQueue), fail: map[string]error{}, wait: map[string]chan struct{}{}}
}

func (f *fakeNode) note(ctx context.Context, method, what string) error {
	f.mu.Lock()
	if method != methodLoad {
		f.calls = append(f.calls, method+" "+what)
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

func (f *fakeNode) refuse(method string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail[method] = err
}

// hold makes a method wait until the channel is closed.
func (f *fakeNode) hold(method string) chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wait[method] = make(chan struct{})
	return f.wait[method]
}

// callsOf lists the calls of one method so far.
func (f *fakeNode) callsOf(method string) (list []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range f.calls {
		if len(t) > len(method) && t[:len(method)+1] == method+" " {
			list = append(list, t[len(method)+1:])
		}
	}
	return list
}

func (f *fakeNode) Publish(ctx context.Context, p Publish) (Answer, error) {
	if p.SDP == "panic" {
		panic("a library's fault")
	}
	return Answer{SDP: f.name}, f.note(ctx, methodPublish, p.Session)
}

func (f *fakeNode) Watch(ctx context.Context, w Watch) (Answer, error) {
	return Answer{SDP: f.name}, f.note(ctx, methodWatch, w.Session)
}

func (f *fakeNode) Patch(ctx context.Context, p Patch) (Answer, error) {
	return Answer{SDP: p.Fragment}, f.note(ctx, methodPatch, p.Session)
}

func (f *fakeNode) Close(ctx context.Context, session string) error {
	return f.note(ctx, methodClose, session)
}

func (f *fakeNode) Mute(ctx context.Context, room, user string, source Source, on bool) error {
	return f.note(ctx, methodMute, fmt.Sprint(room, " ", user, " ", source, " ", on))
}

func (f *fakeNode) Want(ctx context.Context, w Want) error {
	return f.note(ctx, methodWant, fmt.Sprint(w.Session, w.Heights))
}

func (f *fakeNode) Record(ctx context.Context, r Record) error {
	return f.note(ctx, methodRecord, r.Room+" "+r.Dir)
}

func (f *fakeNode) Load(ctx context.Context) (Load, error) {
	return Load{Watchers: 7, Path: "fast"}, f.note(ctx, methodLoad, "")
}

func (f *fakeNode) Events() <-chan Event { return f.events }

// errFull is a refusal with all fields set.
func errFull() error {
	e := errs.NewField("peer.Publish", "sdp", "full", 30, "no more than 30")
	e.Kind = errs.Busy
	return e
}

func compareLists(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func errorCode(err error) string {
	if err == nil {
		return ""
	}
	return errs.KindOf(err).String() + " " + errs.BodyOf(err).Code
}
