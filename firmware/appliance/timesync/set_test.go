package timesync

import (
	"context"
	"encoding/binary"
	"net"
	"testing"
	"time"
)

// startServer starts a time server that is ahead by an offset (RFC 5905 7.3), or never answers.
func startServer(t *testing.T, ahead time.Duration, answers bool) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 512)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			if n < 48 || !answers {
				continue
			}
			now := time.Now().Add(ahead)
			stamp := uint64(now.Unix()+2_208_988_800)<<32 | uint64(now.Nanosecond())<<32/1_000_000_000
			reply := make([]byte, 48)
			reply[0], reply[1] = 4<<3|4, 1 // version 4, a server; stratum 1
			copy(reply[24:32], b[40:48])   // the origin timestamp
			for _, at := range []int{16, 32, 40} {
				binary.BigEndian.PutUint64(reply[at:], stamp)
			}
			_, _ = c.WriteTo(reply, from)
		}
	}()
	t.Cleanup(func() { _ = c.Close(); <-done })
	return c.LocalAddr().String()
}

func TestAServerIsAsked(t *testing.T) {
	got, err := queryServer(t.Context(), startServer(t, time.Hour, true))
	if d := got - time.Hour; err != nil || d.Abs() > time.Minute {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAQuestionEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := startServer(t, 0, false)
	cancel()
	if got, err := queryServer(ctx, s); err == nil {
		t.Errorf("a dead server answered %v", got)
	}
}
