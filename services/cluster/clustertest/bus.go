// Package clustertest is the network between boxes for tests: a bus in memory that delays, loses and
// cuts (Net), and the suite that every bus must pass (TestBus).
//
// A Net works in the fake time of testing/synctest and on the real clock. Its seed decides which
// messages are lost and how long each one takes, by link, subject and the number of the message there.
// The order of goroutines within one instant remains the scheduler's.
package clustertest

import (
	"context"
	"hash/fnv"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/livelearn/box/services/cluster"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
)

// Weather is how bad the links are.
type Weather struct {
	Loss               float64 // share of the messages that get lost, 0 to 1
	MinDelay, MaxDelay time.Duration
}

// Net connects the buses of several boxes in memory. Made by NewNet.
type Net struct {
	seed uint64

	mu      sync.Mutex // guards all fields below, and those of the buses and links
	weather Weather
	boxes   map[string]*Bus
	links   map[[2]string]*link
	cuts    map[[2]string]bool // one-way, by sender and receiver
	counts  map[string]uint64  // messages, by sender, receiver and subject
	asks    map[uint64]*ask
	lastAsk uint64
	lost    int
	pending sync.WaitGroup // messages on their way, and handlers
}

// link holds the messages that are on their way from one box to another.
type link struct{ way []transit }

type transit struct {
	due     time.Time
	subject string
	data    []byte
	ask     uint64 // 0: no question
	answer  bool
}

type ask struct {
	from   string
	answer chan []byte
}

// NewNet makes a network whose losses and delays follow from the seed.
func NewNet(seed uint64) *Net {
	return &Net{
		seed: seed, boxes: map[string]*Bus{}, links: map[[2]string]*link{}, cuts: map[[2]string]bool{},
		counts: map[string]uint64{}, asks: map[uint64]*ask{},
	}
}

// Bus is the bus of one box. Made by Net.Box.
type Bus struct {
	net *Net
	id  string

	subs []*subscription // guarded by net.mu
	down bool            // guarded by net.mu: this box has no connection at all
}

var _ cluster.Bus = (*Bus)(nil)

// subscription handles its messages one after another, in a goroutine that lives while there are any.
type subscription struct {
	subject string
	handle  func(data []byte, reply func([]byte))
	queue   []func() // guarded by Net.mu
	running bool
	stopped bool
}

// Box adds a box, or returns the bus that it has.
func (n *Net) Box(id string) *Bus {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.boxes[id] == nil {
		n.boxes[id] = &Bus{net: n, id: id}
	}
	return n.boxes[id]
}

// SetWeather changes the links from now on.
func (n *Net) SetWeather(w Weather) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.weather = w
}

// SetCut cuts both directions between two boxes, or heals them. Messages on their way are lost.
func (n *Net) SetCut(a, b string, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, way := range [][2]string{{a, b}, {b, a}} {
		n.setCut(way, cut)
	}
}

// SetOneWayCut cuts the way from one box to another, and not the way back.
func (n *Net) SetOneWayCut(from, to string, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.setCut([2]string{from, to}, cut)
}

func (n *Net) setCut(way [2]string, cut bool) {
	n.cuts[way] = cut
	if l := n.links[way]; cut && l != nil {
		n.lost += len(l.way)
		l.way = nil
	}
}

// SetDown takes a box off the network, as the death of its engine does: Publish fails with errs.Down.
func (n *Net) SetDown(id string, down bool) {
	b := n.Box(id)
	n.mu.Lock()
	defer n.mu.Unlock()
	b.down = down
}

// Lost is how many messages did not arrive.
func (n *Net) Lost() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lost
}

// Wait returns when no message is on its way and no handler runs. Call it after the last Publish.
func (n *Net) Wait() { n.pending.Wait() }

// Publish implements cluster.Bus.
func (b *Bus) Publish(subject string, data []byte) error {
	b.net.mu.Lock()
	defer b.net.mu.Unlock()
	if b.down {
		return errs.Newf("clustertest.Publish", errs.Down, "no connection")
	}
	for _, to := range b.net.boxes {
		if to != b && to.listens(subject) {
			b.net.send(b.id, to.id, transit{subject: subject, data: slices.Clone(data)})
		}
	}
	return nil
}

func (b *Bus) listens(subject string) bool {
	return slices.ContainsFunc(b.subs, func(s *subscription) bool { return s.subject == subject })
}

// Subscribe implements cluster.Bus.
func (b *Bus) Subscribe(subject string, handle func(data []byte, reply func([]byte))) (func(), error) {
	s := &subscription{subject: subject, handle: handle}
	b.net.mu.Lock()
	defer b.net.mu.Unlock()
	b.subs = append(b.subs, s)
	return func() {
		b.net.mu.Lock()
		defer b.net.mu.Unlock()
		s.stopped, s.queue = true, nil
		b.subs = slices.DeleteFunc(b.subs, func(o *subscription) bool { return o == s })
	}, nil
}

// Ask implements cluster.Bus.
func (b *Bus) Ask(ctx context.Context, subject string, data []byte) ([]byte, error) {
	n := b.net
	n.mu.Lock()
	if b.down {
		n.mu.Unlock()
		return nil, errs.Newf("clustertest.Ask", errs.Down, "no connection")
	}
	n.lastAsk++
	id, a, listeners := n.lastAsk, &ask{b.id, make(chan []byte, 1)}, 0
	n.asks[id] = a
	for _, to := range n.boxes {
		if to != b && to.listens(subject) && n.isLinked(b, to) {
			listeners++
			n.send(b.id, to.id, transit{subject: subject, data: slices.Clone(data), ask: id})
		}
	}
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.asks, id)
	}()
	if listeners == 0 {
		return nil, errs.Newf("clustertest.Ask", errs.Missing, "nobody listens to %s", subject)
	}
	select {
	case answer := <-a.answer:
		return answer, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Linked implements cluster.Bus.
func (b *Bus) Linked() []string {
	b.net.mu.Lock()
	defer b.net.mu.Unlock()
	var ids []string
	for id, other := range b.net.boxes {
		if other != b && b.net.isLinked(b, other) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (n *Net) isLinked(a, b *Bus) bool {
	return !a.down && !b.down && !n.cuts[[2]string{a.id, b.id}] && !n.cuts[[2]string{b.id, a.id}]
}

// send puts a message on its way, behind those that left before it. mu is held.
func (n *Net) send(from, to string, t transit) {
	way := [2]string{from, to}
	key := from + " " + to + " " + t.subject
	n.counts[key]++
	chance, delay := n.draw(key, n.counts[key])
	if n.cuts[way] || n.boxes[to].down || chance < n.weather.Loss {
		n.lost++
		return
	}
	l := n.links[way]
	if l == nil {
		l = &link{}
		n.links[way] = l
	}
	t.due = time.Now().Add(delay)
	l.way = append(l.way, t)
	n.pending.Add(1)
	time.AfterFunc(time.Until(t.due), func() {
		defer n.pending.Done()
		n.arrive(way)
	})
}

// draw is the fate of a message: a number from 0 to 1, and its delay.
func (n *Net) draw(key string, count uint64) (float64, time.Duration) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(strconv.FormatUint(n.seed, 10) + " " + key + " " + strconv.FormatUint(count, 10))) // a hash takes all bytes
	x := h.Sum64()
	x = (x ^ x>>31) * 0x9e3779b97f4a7c15 // the high bits of FNV alone are too much alike
	spread := n.weather.MaxDelay - n.weather.MinDelay
	delay := n.weather.MinDelay + time.Duration(float64(spread)*float64(x>>32&0xffff)/0x10000)
	return float64(x&0xffffffff) / (1 << 32), delay
}

// arrive delivers the messages that are due on a link. A message waits for those before it.
func (n *Net) arrive(way [2]string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l, now := n.links[way], time.Now()
	for len(l.way) > 0 && !l.way[0].due.After(now) {
		t := l.way[0]
		l.way = l.way[1:]
		n.deliver(way[0], n.boxes[way[1]], t)
	}
}

func (n *Net) deliver(from string, to *Bus, t transit) {
	if t.answer {
		if a := n.asks[t.ask]; a != nil {
			select {
			case a.answer <- t.data:
			default: // the first answer counts
			}
		}
		return
	}
	var reply func([]byte)
	if t.ask != 0 {
		reply = func(data []byte) { n.reply(to.id, from, t, data) }
	}
	for _, s := range to.subs {
		if s.subject == t.subject {
			n.enqueue(s, func() { s.handle(t.data, reply) })
		}
	}
}

func (n *Net) reply(from, to string, question transit, data []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.send(from, to, transit{subject: question.subject + " answer", data: slices.Clone(data), ask: question.ask, answer: true})
}

func (n *Net) enqueue(s *subscription, call func()) {
	s.queue = append(s.queue, call)
	if s.running {
		return
	}
	s.running = true
	n.pending.Add(1)
	supervise.Spawn(nil, "clustertest", func() {
		defer n.pending.Done()
		for {
			n.mu.Lock()
			if len(s.queue) == 0 {
				s.running = false
				n.mu.Unlock()
				return
			}
			next := s.queue[0]
			s.queue = s.queue[1:]
			n.mu.Unlock()
			next()
		}
	})
}
