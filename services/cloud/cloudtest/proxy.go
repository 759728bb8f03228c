package cloudtest

import (
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy is a bad line to a server: it takes its time, and it breaks. It carries any protocol
// over TCP on the loopback.
type Proxy struct {
	Addr string // where to connect in the server's place

	target string
	ln     net.Listener
	rtt    atomic.Int64 // nanoseconds of a round trip
	down   atomic.Bool
	cuts   atomic.Int64
	bytes  atomic.Int64

	mu    sync.Mutex // guards the fields below
	rand  *rand.Rand // nil: nothing is cut
	mean  int        // bytes
	conns map[net.Conn]bool
	ended sync.WaitGroup
}

// NewProxy opens a line to target, "host:port", until the test ends.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: ln.Addr().String(), target: target, ln: ln, conns: map[net.Conn]bool{}}
	p.ended.Add(1)
	go p.accept()
	t.Cleanup(func() {
		_ = ln.Close()
		p.Drop()
		p.ended.Wait()
	})
	return p
}

// Delay makes a round trip take so long: half of it each way, however much is on its way.
func (p *Proxy) Delay(rtt time.Duration) { p.rtt.Store(int64(rtt)) }

// Cut cuts each connection after a random number of bytes, mean bytes on average; 0: none.
func (p *Proxy) Cut(mean int, seed uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mean, p.rand = mean, rand.New(rand.NewPCG(seed, 0))
	if mean == 0 {
		p.rand = nil
	}
}

// Down takes the line away, or gives it back.
func (p *Proxy) Down(down bool) {
	p.down.Store(down)
	if down {
		p.Drop()
	}
}

// Cuts is how many connections were cut.
func (p *Proxy) Cuts() int { return int(p.cuts.Load()) }

// Bytes is how many went either way.
func (p *Proxy) Bytes() int64 { return p.bytes.Load() }

// Drop ends what is connected now.
func (p *Proxy) Drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *Proxy) accept() {
	defer p.ended.Done()
	for {
		c, err := p.ln.Accept()
		if err != nil {
			return
		}
		if p.down.Load() {
			_ = c.Close()
			continue
		}
		p.ended.Add(1)
		go p.join(c)
	}
}

// join carries one connection.
func (p *Proxy) join(in net.Conn) {
	defer p.ended.Done()
	defer p.forget(in)
	out, err := net.DialTimeout("tcp", p.target, 5*time.Second)
	if err != nil {
		return
	}
	defer p.forget(out)
	p.mu.Lock()
	p.conns[in], p.conns[out] = true, true
	left := int64(-1)
	if p.rand != nil {
		left = int64(p.rand.ExpFloat64() * float64(p.mean))
	}
	p.mu.Unlock()
	l := &line{proxy: p, in: in, out: out}
	l.left.Store(left)
	l.limited = left >= 0
	var both sync.WaitGroup
	both.Go(func() { l.carry(in, out) })
	both.Go(func() { l.carry(out, in) })
	both.Wait()
}

func (p *Proxy) forget(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// line is one connection.
type line struct {
	proxy   *Proxy
	in, out net.Conn
	limited bool
	left    atomic.Int64 // bytes until it is cut
	cut     sync.Once
}

// piece is some bytes and when they arrive.
type piece struct {
	data []byte
	due  time.Time
}

// carry takes bytes one way until either end is gone.
func (l *line) carry(from, to net.Conn) {
	under := make(chan piece, 4096) // on their way
	var writing sync.WaitGroup
	writing.Go(func() {
		defer l.end()
		for p := range under {
			if d := time.Until(p.due); d > 0 {
				time.Sleep(d)
			}
			if _, err := to.Write(p.data); err != nil {
				l.end()
				for range under { // until whoever fills it has seen that
				}
				return
			}
		}
	})
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		n = l.allowed(n)
		if n > 0 {
			l.proxy.bytes.Add(int64(n))
			under <- piece{append([]byte(nil), buf[:n]...), time.Now().Add(time.Duration(l.proxy.rtt.Load() / 2))}
		}
		if err != nil || l.limited && l.left.Load() <= 0 {
			break
		}
	}
	close(under)
	writing.Wait()
}

// allowed is how many of n bytes still get through.
func (l *line) allowed(n int) int {
	if !l.limited || n == 0 {
		return n
	}
	left := l.left.Add(-int64(n))
	if left > 0 {
		return n
	}
	l.cut.Do(func() { l.proxy.cuts.Add(1) })
	return max(0, n+int(left))
}

// end resets both sides: a cable that was pulled says no goodbye.
func (l *line) end() {
	for _, c := range []net.Conn{l.in, l.out} {
		if l.limited && l.left.Load() <= 0 {
			_ = c.(*net.TCPConn).SetLinger(0) // it is closed anyway
		}
		_ = c.Close()
	}
}
