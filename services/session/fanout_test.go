package session_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/session"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/wire"
)

const (
	perRoom = 30
	loadFor = 6 * time.Second
)

// BenchmarkFanout has rooms of 30 in which one member writes 100 characters, and counts
// the processor time of this process for each message delivered. The members are sockets
// of a second process. floor-us is a bare write of the same bytes to the same number of
// sockets in the same run. No server can be faster.
func BenchmarkFanout(b *testing.B) {
	for _, c := range []struct{ sockets, rate int }{{990, 8}, {9990, 1}} {
		b.Run(fmt.Sprintf("sockets=%d", c.sockets), func(b *testing.B) {
			for range b.N {
				benchFanout(b, c.sockets, c.rate)
			}
		})
	}
}

func benchFanout(b *testing.B, sockets, rate int) {
	floor := measureFloor(b, sockets, rate)
	f := measureLoad(b, sockets, rate, "phoenix")
	per := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(f.Delivered) }
	b.ReportMetric(per(f.user), "user-us/delivery")
	b.ReportMetric(per(f.user+f.sys), "us/delivery")
	b.ReportMetric(floor, "floor-us/delivery")
	b.ReportMetric(per(f.user+f.sys)/floor, "x-floor")
	b.ReportMetric(float64(f.idle)/float64(sockets), "B/socket")
	b.ReportMetric(f.P50, "p50-us")
	b.ReportMetric(f.P99, "p99-us")
	b.ReportMetric(100*float64(f.Delivered)/float64(f.Sent*perRoom), "%delivered")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkFlood compares the delivery of chat to 300 pupils in a quiet box with the delivery during a
// flood. One socket sends as fast as it can and reconnects when it is closed.
func BenchmarkFlood(b *testing.B) {
	for range b.N {
		calm, flood := measureLoad(b, 300, 4, "phoenix"), measureLoad(b, 300, 4, "flood")
		b.ReportMetric(calm.P99, "calm-p99-us")
		b.ReportMetric(flood.P99, "flood-p99-us")
		b.ReportMetric(flood.P99/calm.P99, "x-calm")
		b.ReportMetric(float64(flood.Flooded)/loadFor.Seconds(), "flood-msg/s")
		b.ReportMetric(100*float64(flood.Delivered)/float64(flood.Sent*perRoom), "%delivered")
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkHeartbeats has 9,990 sockets that ask every 25 s, and every 2 s as pages do, and
// reports the share of a core.
func BenchmarkHeartbeats(b *testing.B) {
	for _, mode := range []string{"phoenix", "beat25s", "beat2s"} {
		b.Run(mode, func(b *testing.B) {
			for range b.N {
				f := measureLoad(b, 9990, 1, mode)
				b.ReportMetric(100*float64(f.user+f.sys)/float64(loadFor), "%core")
				b.ReportMetric(f.P99, "p99-us")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

// beat has all sockets but those that write ask for a heartbeat in turn, each once in every.
func beat(conns []net.Conn, every time.Duration) {
	frame, err := ws.CompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(`[null,"7","phoenix","heartbeat",{}]`))))
	if err != nil {
		panic(err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	asked, begun := 0, time.Now()
	for now := begun; now.Sub(begun) < loadFor; now = <-tick.C {
		for due := int(float64(len(conns)) * now.Sub(begun).Seconds() / every.Seconds()); asked < due; asked++ {
			if i := asked % len(conns); i%perRoom != 0 {
				if _, err := conns[i].Write(frame); err != nil {
					panic(err)
				}
			}
		}
	}
}

// loadCost is the cost of one load for this process.
type loadCost struct {
	loadResult
	user, sys time.Duration
	idle      int64 // bytes of all sockets before the load
}

// measureLoad measures journal, rooms and sessions under the load of a generator.
func measureLoad(b *testing.B, sockets, rate int, mode string) (f loadCost) {
	r := newRig(b, b.TempDir(), session.Config{})
	defer r.stop()
	addr, stop := r.listen(b, sockets)
	defer stop()
	if err := supervise.CalmMonitor(); err != nil { // as a box does
		b.Log(err)
	}
	before := residentBytes()
	g := startGenerator(b, addr, sockets, rate, mode)
	f.idle = residentBytes() - before
	user0, sys0 := cpuTime()
	f.loadResult = g.load(b)
	user1, sys1 := cpuTime()
	f.user, f.sys = user1-user0, sys1-sys0
	return f
}

// listen opens rooms of perRoom for a number of sockets, and serves them on a TCP port.
func (r *rig) listen(b *testing.B, sockets int) (addr string, stop func()) {
	r.hub.Exists = func(string) bool { return true }
	for i := range sockets / perRoom {
		r.open(fmt.Sprint("r", i))
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		q := req.URL.Query()
		r.hub.Accept(w, req, session.Identity{User: q.Get("user"), Name: "N", Role: event.Pupil, Room: q.Get("room")})
	})}
	var served sync.WaitGroup
	served.Go(func() { _ = srv.Serve(ln) })
	return ln.Addr().String(), func() {
		_ = srv.Close()
		served.Wait()
	}
}

// measureFloor writes the same frame to every member of each room, from one goroutine.
func measureFloor(b *testing.B, sockets, rate int) float64 {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	conns := make(chan net.Conn, sockets)
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			conns <- c
		}
	})
	g := startGenerator(b, ln.Addr().String(), sockets, rate, "bare")
	all := make([]net.Conn, sockets)
	for i := range all {
		all[i] = <-conns
		defer all[i].Close()
	}
	stop := make(chan struct{})
	var writing sync.WaitGroup
	defer writing.Wait()
	defer close(stop)
	writing.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(rate*sockets/perRoom))
		defer tick.Stop()
		for room := 0; ; room = (room + 1) % (sockets / perRoom) {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			f := wire.NewBroadcast("room:r0", "chat.said", json.RawMessage(fmt.Sprintf(
				`{"seq":1,"epoch":1,"at":1700000000000,"by":"u0","id":"00000","data":{"text":"%s","to":"all"}}`, stampText())))
			for _, c := range all[room*perRoom : (room+1)*perRoom] {
				if _, err := c.Write(f.Bytes); err != nil {
					return
				}
			}
		}
	})
	user0, sys0 := cpuTime()
	got := g.load(b)
	user1, sys1 := cpuTime()
	return float64((user1 - user0 + sys1 - sys0).Microseconds()) / float64(got.Delivered)
}

func (r *rig) open(id string) {
	r.t.Helper()
	r.lessonIn(id, "l1")
}

func cpuTime() (user, sys time.Duration) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano()), time.Duration(u.Stime.Nano())
}

// residentBytes is the process's memory after a collection, in bytes.
func residentBytes() int64 {
	runtime.GC()
	debug.FreeOSMemory()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(data))[1], 10, 64)
	if err != nil {
		panic(err)
	}
	return pages * int64(os.Getpagesize())
}

// stampText is 100 characters that begin with the time.
func stampText() string {
	s := fmt.Sprintf("t%020d", time.Now().UnixNano())
	return s + strings.Repeat("x", 100-len(s))
}

// loadResult is the result of the generator.
type loadResult struct {
	Sent, Delivered int
	P50, P99        float64 // us from writing to seeing
	Flooded         int     // messages of the flood
}

func (r loadResult) encode() string {
	out, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return string(out)
}

type generator struct {
	in  io.WriteCloser
	out *bufio.Scanner
}

// startGenerator runs the members in another process and returns when all have joined.
func startGenerator(b *testing.B, addr string, sockets, rate int, mode string) *generator {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LIVELEARN_GENERATOR="+fmt.Sprint(addr, ",", sockets, ",", rate, ",", mode))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	g := &generator{in, bufio.NewScanner(out)}
	if !g.out.Scan() || g.out.Text() != "ready" {
		b.Fatalf("generator: %q", g.out.Text())
	}
	return g
}

func (g *generator) load(b *testing.B) (got loadResult) {
	if _, err := io.WriteString(g.in, "go\n"); err != nil {
		b.Fatal(err)
	}
	if !g.out.Scan() {
		b.Fatal("generator gave no result")
	}
	if err := json.Unmarshal(g.out.Bytes(), &got); err != nil || got.Delivered == 0 {
		b.Fatalf("generator: %q %v", g.out.Text(), err)
	}
	_ = g.in.Close()
	return got
}

// runGenerator is the main function of the generator.
func runGenerator(spec string) {
	part := strings.Split(spec, ",")
	sockets, _ := strconv.Atoi(part[1]) // startGenerator wrote them
	rate, _ := strconv.Atoi(part[2])
	if part[3] == "turns" {
		runTurns(part[0], sockets, rate)
		return
	}
	s := &seenDelays{}
	conns := make([]net.Conn, sockets)
	var joined sync.WaitGroup
	slots := make(chan struct{}, 64)
	for i := range conns {
		joined.Add(1)
		slots <- struct{}{}
		go func() {
			conns[i] = s.connect(part[0], i, part[3], &joined)
			<-slots
		}()
	}
	joined.Wait()
	answerLoad(func() loadResult { return s.runLoad(conns, part[0], part[3], rate) })
}

// runLoad is the load of a mode.
func (s *seenDelays) runLoad(conns []net.Conn, addr, mode string, rate int) loadResult {
	s.reset()
	sent := 0
	flooded := 0
	var beating sync.WaitGroup
	defer beating.Wait()
	if every, err := time.ParseDuration(strings.TrimPrefix(mode, "beat")); err == nil {
		beating.Go(func() { beat(conns, every) })
	}
	switch mode {
	case "bare":
		time.Sleep(loadFor) // the length of the measurement
		sent = 1
	case "flood":
		stop := time.Now().Add(loadFor)
		var flooding sync.WaitGroup
		flooding.Go(func() { flooded = floodRoom(addr, stop) })
		defer flooding.Wait()
		fallthrough
	default:
		sent = publishMessages(conns, rate)
		time.Sleep(500 * time.Millisecond) // the last messages arrive
	}
	got := s.result(sent)
	got.Flooded = flooded
	return got
}

// publishMessages has the first member of each room write at the given rate.
func publishMessages(conns []net.Conn, rate int) (sent int) {
	rooms := len(conns) / perRoom
	tick := time.NewTicker(time.Second / time.Duration(rate*rooms))
	defer tick.Stop()
	for end := time.Now().Add(loadFor); time.Now().Before(end); sent++ {
		<-tick.C
		r := sent % rooms
		text := fmt.Appendf(nil, `["1","%d","room:r%d","chat.say",{"id":"%d","text":"%s","to":"all"}]`, sent+10, r, sent, stampText())
		if err := ws.WriteFrame(conns[r*perRoom], ws.MaskFrame(ws.NewTextFrame(text))); err != nil {
			panic(err)
		}
	}
	return sent
}

// floodRoom sends as fast as one socket takes it, as a pupil of room r0, until stop.
func floodRoom(addr string, stop time.Time) (sent int) {
	text := []byte(`["1","9","room:r0","chat.say",{"id":"f","text":"flood","to":"all"}]`)
	var block []byte
	for range 500 {
		f, err := ws.CompileFrame(ws.MaskFrame(ws.NewTextFrame(text)))
		if err != nil {
			panic(err)
		}
		block = append(block, f...)
	}
	for time.Now().Before(stop) {
		conn := dialMember(addr, "flooder", 0)
		if conn == nil {
			time.Sleep(10 * time.Millisecond) // refused: try again
			continue
		}
		for time.Now().Before(stop) {
			if _, err := conn.Write(block); err != nil {
				break // closed by the box, so connect again
			}
			sent += 500
		}
		_ = conn.Close()
	}
	return sent
}

type seenDelays struct {
	mu    sync.Mutex
	delay []int64
}

func (s *seenDelays) reset() { s.mu.Lock(); s.delay = nil; s.mu.Unlock() }

func (s *seenDelays) result(sent int) loadResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.delay)
	n := len(s.delay)
	if n == 0 {
		return loadResult{}
	}
	return loadResult{Sent: sent, Delivered: n, P50: float64(s.delay[n/2]) / 1000, P99: float64(s.delay[n*99/100]) / 1000}
}

// dialMember upgrades a connection of the user and asks to join the room; nil: refused.
func dialMember(addr, user string, room int) net.Conn {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		panic(err)
	}
	if !upgradeAndJoin(conn, bufio.NewReader(conn), user, room) {
		_ = conn.Close()
		return nil
	}
	return conn
}

func upgradeAndJoin(conn net.Conn, in *bufio.Reader, user string, room int) bool {
	fmt.Fprintf(conn, "GET /socket/websocket?vsn=2.0.0&user=%s&room=r%d HTTP/1.1\r\nHost: box\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", user, room)
	for first := true; ; first = false {
		line, err := in.ReadString('\n')
		if err != nil {
			panic(err)
		}
		if first && !strings.Contains(line, "101") {
			return false
		}
		if line == "\r\n" {
			break
		}
	}
	join := fmt.Appendf(nil, `["1","1","room:r%d","phx_join",{}]`, room)
	if err := ws.WriteFrame(conn, ws.MaskFrame(ws.NewTextFrame(join))); err != nil {
		panic(err)
	}
	return true
}

// connect joins member i and reads in the background.
func (s *seenDelays) connect(addr string, i int, mode string, joined *sync.WaitGroup) net.Conn {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+i%4))}}
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		panic(err)
	}
	in := bufio.NewReaderSize(conn, 1024)
	if mode == "bare" {
		joined.Done()
	} else {
		upgradeAndJoin(conn, in, fmt.Sprint("u", i), i/perRoom)
	}
	go s.read(in, mode != "bare", joined)
	return conn
}

func (s *seenDelays) read(in *bufio.Reader, waits bool, joined *sync.WaitGroup) {
	var buf []byte
	for {
		h, err := ws.ReadHeader(in)
		if err != nil {
			return
		}
		if int(h.Length) > cap(buf) {
			buf = make([]byte, h.Length)
		}
		buf = buf[:h.Length]
		if _, err := io.ReadFull(in, buf); err != nil {
			return
		}
		now := time.Now().UnixNano()
		text := string(buf)
		if waits && strings.Contains(text, "presence_state") {
			waits = false
			joined.Done()
		}
		if _, rest, ok := strings.Cut(text, `"text":"t`); ok && strings.Contains(text[:40], "chat.said") {
			at, _ := strconv.ParseInt(rest[:20], 10, 64)
			s.mu.Lock()
			s.delay = append(s.delay, now-at)
			s.mu.Unlock()
		}
	}
}
