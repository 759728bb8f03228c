package room_test

import (
	"fmt"
	"testing"

	"github.com/livelearn/box/services/chat"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/room/roomtest"
)

// BenchmarkDelivery has one message of a chat go to 30 people of this box, without sockets: the cost of a
// command, its commit and 30 deliveries.
func BenchmarkDelivery(b *testing.B) {
	h := roomtest.New(b, b.TempDir(), room.Config{}, chat.Kind)
	h.StartLesson("l1")
	for i := range 30 {
		takeSeat(b, h, fmt.Sprint("p", i), discard{})
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		if err := h.SendCommand(roomtest.Ada, "chat.say", fmt.Sprint(n), map[string]string{"text": "hi", "to": "all"}); err != nil {
			b.Fatal(err)
		}
	}
}
