package peer

import (
	"bytes"
	"math/rand/v2"
	"net"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// lossyLink is a path between a client and the node that loses, doubles, swaps and delays
// packets. Its address replaces the node's in the answer.
type lossyLink struct {
	outer *net.UDPConn // clients connect to it
	node  *net.UDPAddr

	loss  atomic.Int32 // of a thousand packets from the node
	messy atomic.Bool  // also doubles and swaps
	rate  atomic.Int64 // bits/s to each client, 0: no limit

	mu   sync.Mutex
	ways map[string]*net.UDPConn // by client
	seen func(packet []byte)     // each packet from the node, may be nil
}

func newLink(t testing.TB, n *Node, seen func([]byte)) *lossyLink {
	t.Helper()
	outer, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	l := &lossyLink{outer: outer, node: n.Addr().(*net.UDPAddr), ways: map[string]*net.UDPConn{}, seen: seen}
	_ = outer.SetReadBuffer(4 << 20)
	var wg sync.WaitGroup
	wg.Go(func() { l.up(t, &wg) })
	t.Cleanup(func() {
		_ = outer.Close()
		l.mu.Lock()
		for _, c := range l.ways {
			_ = c.Close()
		}
		l.mu.Unlock()
		wg.Wait()
	})
	return l
}

func (l *lossyLink) up(t testing.TB, wg *sync.WaitGroup) {
	buf := make([]byte, 2000)
	for {
		n, from, err := l.outer.ReadFromUDP(buf)
		if err != nil {
			return
		}
		l.mu.Lock()
		way := l.ways[from.String()]
		if way == nil {
			if way, err = net.DialUDP("udp4", nil, l.node); err != nil {
				t.Error(err)
				l.mu.Unlock()
				return
			}
			_ = way.SetReadBuffer(4 << 20)
			l.ways[from.String()] = way
			out := make(chan delayedPacket, 1000)
			wg.Go(func() { l.down(way, out) })
			wg.Go(func() {
				for p := range out {
					time.Sleep(time.Until(p.due)) // the delay of the link
					_, _ = l.outer.WriteToUDP(p.data, from)
				}
			})
		}
		l.mu.Unlock()
		_, _ = way.Write(buf[:n])
	}
}

// delayedPacket is a packet on its way.
type delayedPacket struct {
	due  time.Time
	data []byte
}

const queueFor = 60 * time.Millisecond // the queue of a slow link: a home router's, made short

func (l *lossyLink) down(way *net.UDPConn, out chan<- delayedPacket) {
	defer close(out)
	buf := make([]byte, 2000)
	var held []byte
	var free time.Time // when the link has sent all it holds
	send := func(p []byte, media bool) {
		now := time.Now()
		if rate := l.rate.Load(); rate > 0 {
			if free.Before(now) {
				free = now
			}
			if media && free.Sub(now) > queueFor {
				return
			}
			free = free.Add(time.Duration(len(p)) * 8 * time.Second / time.Duration(rate))
			now = free
		}
		out <- delayedPacket{now, bytes.Clone(p)}
	}
	for {
		n, err := way.Read(buf)
		if err != nil {
			return
		}
		p := buf[:n]
		media := p[0]>>6 == 2
		if media && l.seen != nil {
			l.seen(p)
		}
		switch {
		case media && rand.Int32N(1000) < l.loss.Load():
			continue
		case media && l.messy.Load() && held == nil && rand.IntN(50) == 0:
			held = bytes.Clone(p)
			continue
		case media && l.messy.Load() && rand.IntN(50) == 0:
			send(p, media)
		}
		send(p, media)
		if held != nil {
			send(held, true)
			held = nil
		}
	}
}

var candidate = regexp.MustCompile(`(?m)^a=candidate:.*$`)

// through changes an answer so that it leads over the link.
func (l *lossyLink) through(sdp string) string {
	port := l.outer.LocalAddr().(*net.UDPAddr).Port
	return candidate.ReplaceAllString(sdp, "a=candidate:1 1 udp 2130706431 127.0.0.1 "+strconv.Itoa(port)+" typ host\r")
}
