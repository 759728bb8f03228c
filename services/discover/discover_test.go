package discover

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// zeroconf's announcer sleeps out its 3 s after Shutdown and then ends.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/grandcat/zeroconf.(*Server).probe"))
}

// fakeNetwork is a network and a responder that record events.
type fakeNetwork struct {
	mu     sync.Mutex
	faces  []netInterface
	fail   error
	events []string
	texts  []string
}

func (n *fakeNetwork) deps(log *slog.Logger) Deps {
	return Deps{
		Box: "b1", Version: "1.2.3", Port: 8080, Log: log,
		Report: func(err error) {
			if err != nil {
				n.note("report: " + err.Error())
			} else {
				n.note("report: ok")
			}
		},
		network: func() []netInterface {
			n.mu.Lock()
			defer n.mu.Unlock()
			return slices.Clone(n.faces)
		},
		hosts: func([]netInterface, []string) (*hosts, error) { return nil, nil },
		publish: func(instance string, _ int, text []string, faces []net.Interface) (advert, error) {
			n.mu.Lock()
			err := n.fail
			n.texts = text
			n.mu.Unlock()
			if err != nil {
				return nil, err
			}
			n.note("publish " + instance + " on " + faces[0].Name)
			return fakeAdvert{n}, nil
		},
	}
}

func (n *fakeNetwork) note(s string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, s)
}

func (n *fakeNetwork) set(fail error, faces ...netInterface) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faces, n.fail = faces, fail
}

// want compares the events since the last call.
func (n *fakeNetwork) want(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.events) != len(want) {
		t.Fatalf("got %q, want %q", n.events, want)
	}
	for i, e := range n.events {
		if !strings.Contains(e, want[i]) {
			t.Fatalf("got %q, want %q", n.events, want)
		}
	}
	n.events = nil
}

type fakeAdvert struct{ n *fakeNetwork }

func (e fakeAdvert) Shutdown() { e.n.note("withdrawn") }

func newFace(index int, addrs string) netInterface {
	return netInterface{Interface: net.Interface{Index: index, Name: "eth0"}, addrs: addrs}
}

func serveAdvertiser(t *testing.T, a *Advertiser) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Serve(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
	}
}

func TestAdvertisementFollowsTheNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNetwork{}
		n.set(nil, newFace(2, "192.0.2.1/24"))
		stop := serveAdvertiser(t, New(Config{}, n.deps(slog.New(slog.DiscardHandler))))
		n.want(t, "publish livelearn-b1 on eth0", "report: ok")
		time.Sleep(time.Hour)
		n.want(t)
		n.set(nil, newFace(2, "192.0.2.99/24"))
		time.Sleep(2 * lookInterval)
		n.want(t, "withdrawn", "publish")
		n.set(nil)
		time.Sleep(2 * lookInterval)
		n.want(t, "withdrawn", "report: discover: no network interface that does multicast")
		n.set(nil, newFace(3, "192.0.2.99/24"))
		time.Sleep(2 * lookInterval)
		n.want(t, "publish", "report: ok")
		stop()
		n.want(t, "withdrawn")
	})
}

func TestMissingMulticastIsSaidOnceAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		n := &fakeNetwork{}
		n.set(errors.New("port 5353 taken"), newFace(2, "192.0.2.1/24"))
		stop := serveAdvertiser(t, New(Config{}, n.deps(slog.New(slog.NewTextHandler(&log, nil)))))
		time.Sleep(time.Hour)
		n.want(t, "port 5353 taken")
		n.set(nil, newFace(2, "192.0.2.1/24"))
		time.Sleep(2 * lookInterval)
		n.want(t, "publish", "report: ok")
		stop()
		if got := strings.Count(log.String(), "mDNS is off"); got != 1 {
			t.Errorf("said %d times, want once:\n%s", got, log.String())
		}
	})
}

func TestOffByConfigurationSendsNothing(t *testing.T) {
	n := &fakeNetwork{}
	n.set(nil, newFace(2, "192.0.2.1/24"))
	if err := New(Config{Off: true}, n.deps(slog.New(slog.DiscardHandler))).Serve(t.Context()); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	if len(n.events) > 0 {
		t.Errorf("got %q, want nothing", n.events)
	}
}

func TestRecordHoldsNoNameOfAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNetwork{}
		n.set(nil, newFace(2, "192.0.2.1/24"))
		stop := serveAdvertiser(t, New(Config{}, n.deps(slog.New(slog.DiscardHandler))))
		synctest.Wait()
		stop()
		want := []string{"txtvers=1", "id=b1", "version=1.2.3", "http=8080"}
		if !slices.Equal(n.texts, want) {
			t.Errorf("got %q, want %q", n.texts, want)
		}
	})
}
