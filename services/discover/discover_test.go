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

// network is a network and a responder that only write down what happens.
type network struct {
	mu     sync.Mutex
	faces  []netface
	fail   error
	events []string
	texts  []string
}

func (n *network) deps(log *slog.Logger) Deps {
	return Deps{
		Box: "b1", Version: "1.2.3", Port: 8080, Log: log,
		Report: func(err error) {
			if err != nil {
				n.note("report: " + err.Error())
			} else {
				n.note("report: ok")
			}
		},
		network: func() []netface {
			n.mu.Lock()
			defer n.mu.Unlock()
			return slices.Clone(n.faces)
		},
		publish: func(instance string, _ int, text []string, faces []net.Interface) (advert, error) {
			n.mu.Lock()
			err := n.fail
			n.texts = text
			n.mu.Unlock()
			if err != nil {
				return nil, err
			}
			n.note("publish " + instance + " on " + faces[0].Name)
			return ended{n}, nil
		},
	}
}

func (n *network) note(s string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, s)
}

func (n *network) set(fail error, faces ...netface) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faces, n.fail = faces, fail
}

// want compares what happened since the last call.
func (n *network) want(t *testing.T, want ...string) {
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

type ended struct{ n *network }

func (e ended) Shutdown() { e.n.note("withdrawn") }

func face(index int, addrs string) netface {
	return netface{Interface: net.Interface{Index: index, Name: "eth0"}, addrs: addrs}
}

func serve(t *testing.T, a *Advertiser) (stop func()) {
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
		n := &network{}
		n.set(nil, face(2, "192.0.2.1/24"))
		stop := serve(t, New(Config{}, n.deps(slog.New(slog.DiscardHandler))))
		n.want(t, "publish livelearn-b1 on eth0", "report: ok")
		time.Sleep(time.Hour)
		n.want(t)
		n.set(nil, face(2, "192.0.2.99/24"))
		time.Sleep(2 * period)
		n.want(t, "withdrawn", "publish")
		n.set(nil)
		time.Sleep(2 * period)
		n.want(t, "withdrawn", "report: discover: no network interface that does multicast")
		n.set(nil, face(3, "192.0.2.99/24"))
		time.Sleep(2 * period)
		n.want(t, "publish", "report: ok")
		stop()
		n.want(t, "withdrawn")
	})
}

func TestMissingMulticastIsSaidOnceAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		n := &network{}
		n.set(errors.New("port 5353 taken"), face(2, "192.0.2.1/24"))
		stop := serve(t, New(Config{}, n.deps(slog.New(slog.NewTextHandler(&log, nil)))))
		time.Sleep(time.Hour)
		n.want(t, "port 5353 taken")
		n.set(nil, face(2, "192.0.2.1/24"))
		time.Sleep(2 * period)
		n.want(t, "publish", "report: ok")
		stop()
		if got := strings.Count(log.String(), "mDNS is off"); got != 1 {
			t.Errorf("said %d times, want once:\n%s", got, log.String())
		}
	})
}

func TestOffByConfigurationSendsNothing(t *testing.T) {
	n := &network{}
	n.set(nil, face(2, "192.0.2.1/24"))
	if err := New(Config{Off: true}, n.deps(slog.New(slog.DiscardHandler))).Serve(t.Context()); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	if len(n.events) > 0 {
		t.Errorf("got %q, want nothing", n.events)
	}
}

func TestRecordHoldsNoNameOfAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		n.set(nil, face(2, "192.0.2.1/24"))
		stop := serve(t, New(Config{}, n.deps(slog.New(slog.DiscardHandler))))
		synctest.Wait()
		stop()
		want := []string{"txtvers=1", "id=b1", "version=1.2.3", "http=8080"}
		if !slices.Equal(n.texts, want) {
			t.Errorf("got %q, want %q", n.texts, want)
		}
	})
}
