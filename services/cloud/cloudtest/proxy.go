package cloudtest

import (
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy is a bad line to a server: it delays bytes and breaks. It carries any protocol over TCP on
// the loopback.
type Proxy struct {
	Addr string // clients connect here instead of the server

	target string
	ln     net.Listener
	rtt    atomic.Int64 // nanoseconds of a round trip
	down   atomic.Bool
	cuts   atomic.Int64
	bytes  atomic.Int64

	mu    sync.Mutex // guards the fields below
	rand  *rand.Rand // nil: no cuts
	mean  int        // bytes
	conns map[net.Conn]bool
	ended sync.WaitGroup
}

// NewProxy opens a line to target, "host:port". The line closes at the end of the test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: ln.Addr().String(), target: target, ln: ln, conns: map[net.Conn]bool{}}
	p.ended.Add(1)
	go p.acceptConns()
	t.Cleanup(func() {
		_ = ln.Close()
		p.DropAll()
		p.ended.Wait()
	})
	return p
}

// SetDelay sets the time of a round trip. Each direction takes half of it, for any load.
func (p *Proxy) SetDelay(rtt time.Duration) { p.rtt.Store(int64(rtt)) }

// SetCut makes the proxy cut each connection after a random number of bytes, mean on average. 0
// turns cuts off.
func (p *Proxy) SetCut(mean int, seed uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mean, p.rand = mean, rand.New(rand.NewPCG(seed, 0))
	if mean == 0 {
		p.rand = nil
	}
}

// SetDown turns the line off or on.
func (p *Proxy) SetDown(down bool) {
	p.down.Store(down)
	if down {
		p.DropAll()
	}
}

// CutCount returns the number of connections that were cut.
func (p *Proxy) CutCount() int { return int(p.cuts.Load()) }

// ByteCount returns the number of bytes in both directions.
func (p *Proxy) ByteCount() int64 { return p.bytes.Load() }

// DropAll closes all connections.
func (p *Proxy) DropAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *Proxy) acceptConns() {
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
		go p.carryConn(c)
	}
}

// carryConn carries one connection.
func (p *Proxy) carryConn(in net.Conn) {
	defer p.ended.Done()
	defer p.closeConn(in)
	out, err := net.DialTimeout("tcp", p.target, 5*time.Second)
	if err != nil {
		return
	}
	defer p.closeConn(out)
	p.mu.Lock()
	p.conns[in], p.conns[out] = true, true
	left := int64(-1)
	if p.rand != nil {
		left = int64(p.rand.ExpFloat64() * float64(p.mean))
	}
	p.mu.Unlock()
	l := &proxyLine{proxy: p, in: in, out: out}
	l.left.Store(left)
	l.limited = left >= 0
	var both sync.WaitGroup
	both.Go(func() { l.copyDelayed(in, out) })
	both.Go(func() { l.copyDelayed(out, in) })
	both.Wait()
}

func (p *Proxy) closeConn(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// proxyLine is one connection.
type proxyLine struct {
	proxy   *Proxy
	in, out net.Conn
	limited bool
	left    atomic.Int64 // bytes until it is cut
	cut     sync.Once
}

// delayedPiece is a piece of data with its time of arrival.
type delayedPiece struct {
	data []byte
	due  time.Time
}

// copyDelayed copies bytes in one direction until either end closes.
func (l *proxyLine) copyDelayed(from, to net.Conn) {
	under := make(chan delayedPiece, 4096) // pieces on their way
	var writing sync.WaitGroup
	writing.Go(func() {
		defer l.resetBoth()
		for p := range under {
			if d := time.Until(p.due); d > 0 {
				time.Sleep(d) // the delay of the line
			}
			if _, err := to.Write(p.data); err != nil {
				l.resetBoth()
				for range under { // until the reading goroutine has ended
				}
				return
			}
		}
	})
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		n = l.allowedBytes(n)
		if n > 0 {
			l.proxy.bytes.Add(int64(n))
			under <- delayedPiece{append([]byte(nil), buf[:n]...), time.Now().Add(time.Duration(l.proxy.rtt.Load() / 2))}
		}
		if err != nil || l.limited && l.left.Load() <= 0 {
			break
		}
	}
	close(under)
	writing.Wait()
}

// allowedBytes returns the number of the next n bytes that get through before the cut.
func (l *proxyLine) allowedBytes(n int) int {
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

// resetBoth resets both sides, because a pulled cable sends no FIN.
func (l *proxyLine) resetBoth() {
	for _, c := range []net.Conn{l.in, l.out} {
		if l.limited && l.left.Load() <= 0 {
			_ = c.(*net.TCPConn).SetLinger(0) // the connection is closed next
		}
		_ = c.Close()
	}
}
