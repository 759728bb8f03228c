package wire_test

import (
	"fmt"

	"github.com/livelearn/box/services/wire"
)

// A client sends a frame, and the server reads it. The payload stays as the client wrote it.
func ExampleDecode() {
	m, err := wire.Decode([]byte(`["1", "7", "room:c1", "chat.say", {"text": "Hello", "to": "all"}]`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("channel", m.JoinRef, "message", m.Ref)
	fmt.Println(m.Topic, m.Event)
	fmt.Println(string(m.Payload))
	// Output:
	// channel 1 message 7
	// room:c1 chat.say
	// {"text": "Hello", "to": "all"}
}

// An error names the field that is wrong.
func ExampleDecode_refused() {
	_, err := wire.Decode([]byte(`["1", "7", 5, "chat.say", {}]`))
	fmt.Println(err)
	// Output:
	// wire.Decode: topic: must be a string
}

// A broadcast is encoded once. Its bytes are a WebSocket frame and go to each member of the room.
func ExampleNewBroadcast() {
	f := wire.NewBroadcast("room:c1", "hand.raised", []byte(`{"by":"p1"}`))
	header, text := f.Bytes[:2], f.Bytes[2:] // a text below 126 bytes has a header of 2 bytes
	fmt.Printf("%x: text, %d bytes\n", header, len(text))
	fmt.Println(string(text))
	// Output:
	// 812f: text, 47 bytes
	// [null,null,"room:c1","hand.raised",{"by":"p1"}]
}
