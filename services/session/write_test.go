package session

import (
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/wire"
)

// TestAFullKernelBufferDelaysAndLosesNothing has a reader pause on a real socket: the
// writers give it a goroutine of its own, and take it back when it reads again.
func TestAFullKernelBufferDelaysAndLosesNothing(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	const patience = 500 * time.Millisecond // for one write
	h := New(Config{Write: patience, Hard: 64 << 20}, Deps{Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler)})
	s := newSession(h, conn, nil, Identity{User: "p1"})
	defer conn.Close()

	frame := wire.Frame{Bytes: make([]byte, 1000)}
	send := func(n int) {
		for range n {
			s.Send(frame)
		}
	}
	read := func(n int) {
		t.Helper()
		if _, err := io.ReadFull(client, make([]byte, n*len(frame.Bytes))); err != nil {
			t.Fatal(err)
		}
	}
	const many = 16_000 // far more than the kernel keeps for one connection
	send(many)
	read(many)
	time.Sleep(2 * patience) // the deadline of the write that waited is long past
	send(1)
	read(1)
	if !s.armReadDeadline() {
		t.Error("the session ended because its reader once paused")
	}
	h.drainers.Wait()
}
