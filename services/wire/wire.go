// Package wire turns bytes of the lesson socket into messages and back.
//
// The protocol is Phoenix Channels v2: one JSON array a frame,
//
//	[join_ref, ref, topic, event, payload]
//
// so the stock phoenix clients can connect. The reference is phoenix's
// Phoenix.Socket.V2.JSONSerializer. PROTOCOL.md in this folder is the manual for the author of a
// client. A payload stays raw bytes: the feature that owns it parses it. A Frame is encoded once
// and shared by all its receivers.
package wire

//go:generate go run ./contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/livelearn/box/services/errs"
)

// Events of the protocol itself.
const (
	Join          = "phx_join"
	Leave         = "phx_leave"
	ReplyEvent    = "phx_reply"
	Error         = "phx_error"
	Close         = "phx_close"
	Heartbeat     = "heartbeat"
	PresenceState = "presence_state"
	PresenceDiff  = "presence_diff"

	// System is the topic of heartbeats.
	System = "phoenix"
)

// Limits of a frame from a client, in bytes.
const (
	MaxFrame = 64 << 10
	maxTopic = 128
	maxEvent = 64
	maxRef   = 64
)

// Message is one frame. A null join_ref or ref is the empty string.
type Message struct {
	JoinRef string
	Ref     string
	Topic   string
	Event   string
	Payload json.RawMessage
}

// Decode parses one text frame. The payload points into data. An error is
// errs.Invalid and names the field and its limit.
func Decode(data []byte) (Message, error) {
	var m Message
	if len(data) > MaxFrame {
		return m, errs.NewField("wire.Decode", "frame", "too_long", MaxFrame, "%d bytes, at most %d", len(data), MaxFrame)
	}
	var parts [5]json.RawMessage
	if !json.Valid(data) || !splitArray(data, parts[:]) {
		return m, explainFrame(data)
	}
	for i, f := range []struct {
		name string
		to   *string
		max  int
	}{{"join_ref", &m.JoinRef, maxRef}, {"ref", &m.Ref, maxRef}, {"topic", &m.Topic, maxTopic}, {"event", &m.Event, maxEvent}} {
		if err := decodeString(parts[i], f.to); err != nil {
			return m, errs.NewField("wire.Decode", f.name, "bad_frame", 0, "must be a string")
		}
		if len(*f.to) > f.max {
			return m, errs.NewField("wire.Decode", f.name, "too_long", int64(f.max), "%d bytes, at most %d", len(*f.to), f.max)
		}
	}
	if m.Topic == "" || m.Event == "" {
		return m, errs.NewField("wire.Decode", "topic", "bad_frame", 0, "topic and event must not be empty")
	}
	m.Payload = parts[4]
	return m, nil
}

// explainFrame returns the fault of a frame that is not an array of 5 elements.
func explainFrame(data []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil {
		return errs.NewField("wire.Decode", "frame", "bad_json", 0, "not a JSON array: %v", err)
	}
	return errs.NewField("wire.Decode", "frame", "bad_frame", 5, "%d elements, must be 5: join_ref, ref, topic, event, payload", len(parts))
}

// AppendMessage appends m to dst in the serializer's form.
func AppendMessage(dst []byte, m Message) []byte {
	dst = append(dst, '[')
	dst = appendRef(dst, m.JoinRef)
	dst = append(dst, ',')
	dst = appendRef(dst, m.Ref)
	dst = append(dst, ',')
	dst = AppendString(dst, m.Topic)
	dst = append(dst, ',')
	dst = AppendString(dst, m.Event)
	dst = append(dst, ',')
	if len(m.Payload) == 0 {
		dst = append(dst, '{', '}')
	} else {
		dst = append(dst, m.Payload...)
	}
	return append(dst, ']')
}

func appendRef(dst []byte, ref string) []byte {
	if ref == "" {
		return append(dst, "null"...)
	}
	return AppendString(dst, ref)
}

// AppendString appends s to dst as a JSON string.
func AppendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic(fmt.Sprintf("wire: a string that JSON refuses: %v", err)) // json.Marshal repairs bad UTF-8 and never fails on strings
			}
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// Frame is a whole WebSocket text frame (RFC 6455 section 5.2, unmasked as a server
// sends it), ready to be written. It is shared between goroutines and never changed.
type Frame struct {
	Bytes    []byte
	Volatile bool // may be dropped when its reader is slow
}

// NewFrame encodes m.
func NewFrame(m Message) Frame {
	const room = ws.MaxHeaderSize // for the header, whose length follows from that of the text
	buf := AppendMessage(make([]byte, room, room+64+len(m.Topic)+len(m.Event)+len(m.Payload)), m)
	h := ws.Header{Fin: true, OpCode: ws.OpText, Length: int64(len(buf) - room)}
	start := room - ws.HeaderSize(h)
	head := bytes.NewBuffer(buf[start:start:room])
	if err := ws.WriteHeader(head, h); err != nil || head.Len() != room-start {
		panic(fmt.Sprintf("wire: header of %d bytes: %v", head.Len(), err)) // a bytes.Buffer takes every header
	}
	return Frame{Bytes: buf[start:]}
}

// NewBroadcast encodes an event for all members of a topic. Its join_ref and ref are
// null, so the same bytes serve every one of them.
func NewBroadcast(topic, event string, payload json.RawMessage) Frame {
	return NewFrame(Message{Topic: topic, Event: event, Payload: payload})
}

// NewReply encodes the answer to the message ref of the channel joined with joinRef.
func NewReply(joinRef, ref, topic string, ok bool, response any) Frame {
	status := "ok"
	if !ok {
		status = "error"
	}
	payload, err := json.Marshal(struct {
		Status   string `json:"status"`
		Response any    `json:"response"`
	}{status, response})
	if err != nil {
		panic(fmt.Sprintf("wire: a response that JSON refuses: %v", err))
	}
	return NewFrame(Message{JoinRef: joinRef, Ref: ref, Topic: topic, Event: ReplyEvent, Payload: payload})
}
