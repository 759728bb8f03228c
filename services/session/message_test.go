package session_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gobwas/ws"

	"github.com/livelearn/box/services/session"
)

// BenchmarkMessage has one room of thirty sockets of another process, in which one member writes when
// everybody has the message before it and its author has the acknowledgement. No two messages share
// a turn, a write or a commit, so this is the fixed cost of a message. An op is one message.
func BenchmarkMessage(b *testing.B) {
	r := newRig(b, b.TempDir(), session.Config{Rate: 1e6, Burst: 1e6})
	defer r.stop()
	addr, stop := r.listen(b, perRoom)
	defer stop()
	g := startGenerator(b, addr, perRoom, b.N, "turns")
	user0, sys0 := cpuTime()
	switches := contextSwitches()
	b.ResetTimer()
	g.load(b)
	b.StopTimer()
	user1, sys1 := cpuTime()
	per := float64(b.N * perRoom)
	b.ReportMetric(float64((user1-user0).Nanoseconds())/1000/per, "user-us/delivery")
	b.ReportMetric(float64((user1-user0+sys1-sys0).Nanoseconds())/1000/per, "us/delivery")
	b.ReportMetric(float64(contextSwitches()-switches)/float64(b.N), "switches/op")
}

func contextSwitches() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return u.Nvcsw + u.Nivcsw
}

// takeTurns writes messages as the first of conns. It waits for each message to reach all of them, and
// for its acknowledgement.
func takeTurns(conns []net.Conn, readers []*bufio.Reader, messages int) loadResult {
	arrived := make(chan struct{}, len(conns)+1)
	var reading sync.WaitGroup
	for i := range conns {
		reading.Go(func() { readTurns(readers[i], arrived) })
	}
	for n := range messages {
		text := fmt.Appendf(nil, `["1","%d","room:r0","chat.say",{"id":"%d","text":"%s","to":"all"}]`, n+10, n, stampText())
		if err := ws.WriteFrame(conns[0], ws.MaskFrame(ws.NewTextFrame(text))); err != nil {
			panic(err)
		}
		for range len(conns) + 1 {
			<-arrived
		}
	}
	for _, c := range conns {
		_ = c.(*net.TCPConn).CloseRead()
	}
	reading.Wait()
	return loadResult{Sent: messages, Delivered: messages * len(conns)}
}

// readTurns reports each message and each acknowledgement that comes.
func readTurns(in *bufio.Reader, arrived chan<- struct{}) {
	for {
		h, err := ws.ReadHeader(in)
		if err != nil {
			return
		}
		text := make([]byte, h.Length)
		if _, err := io.ReadFull(in, text); err != nil {
			return
		}
		if s := string(text); strings.Contains(s, `"chat.said"`) || strings.Contains(s, `"saved":true`) {
			arrived <- struct{}{}
		}
	}
}

// runTurns is the main function of the generator of BenchmarkMessage.
func runTurns(addr string, sockets, messages int) {
	conns, readers := make([]net.Conn, sockets), make([]*bufio.Reader, sockets)
	for i := range conns {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			panic(err)
		}
		conns[i], readers[i] = conn, bufio.NewReader(conn)
		if !upgradeAndJoin(conn, readers[i], "u"+strconv.Itoa(i), 0) {
			panic("refused")
		}
		awaitPresence(readers[i])
	}
	answerLoad(func() loadResult { return takeTurns(conns, readers, messages) })
}

// awaitPresence reads until the answer to the join has come, and presence after it.
func awaitPresence(in *bufio.Reader) {
	for {
		h, err := ws.ReadHeader(in)
		if err != nil {
			panic(err)
		}
		text := make([]byte, h.Length)
		if _, err := io.ReadFull(in, text); err != nil {
			panic(err)
		}
		if strings.Contains(string(text), "presence_state") {
			return
		}
	}
}

// answerLoad reports that the members are there, runs the load when the benchmark asks for it, and
// keeps the sockets open until the benchmark has what it needs.
func answerLoad(load func() loadResult) {
	in := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	in.Scan()
	fmt.Println(load().encode())
	in.Scan()
}
