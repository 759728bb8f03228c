package wire

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/errs"
)

func TestFramesOfThePhoenixClientAreRead(t *testing.T) {
	for in, want := range map[string]Message{
		`["1","2","room:c_1","phx_join",{"since":4}]`: {JoinRef: "1", Ref: "2", Topic: "room:c_1", Event: "phx_join", Payload: json.RawMessage(`{"since":4}`)},
		`[null,"7","phoenix","heartbeat",{}]`:         {Ref: "7", Topic: "phoenix", Event: "heartbeat", Payload: json.RawMessage(`{}`)},
		` [ null , null , "a" , "b" , null ] `:        {Topic: "a", Event: "b", Payload: json.RawMessage(`null`)},
	} {
		got, err := Decode([]byte(in))
		if err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", in, d)
		}
	}
}

func TestBadFramesNameTheFieldAndTheLimit(t *testing.T) {
	long := strings.Repeat("x", 200)
	for _, c := range []struct{ in, field, code string }{
		{`{`, "frame", "bad_json"},
		{`{}`, "frame", "bad_json"},
		{`[]`, "frame", "bad_frame"},
		{`[1,"2","t","e",{}]`, "join_ref", "bad_frame"},
		{`["1",{},"t","e",{}]`, "ref", "bad_frame"},
		{`["1","2","","e",{}]`, "topic", "bad_frame"},
		{`["1","2","` + long + `","e",{}]`, "topic", "too_long"},
		{`["1","2","t","` + long + `",{}]`, "event", "too_long"},
		{`["` + long + `","2","t","e",{}]`, "join_ref", "too_long"},
		{`["1","2","t","e","` + strings.Repeat("y", MaxFrame) + `"]`, "frame", "too_long"},
	} {
		_, err := Decode([]byte(c.in))
		b := errs.BodyOf(err)
		if b.Reason != "invalid" || b.Field != c.field || b.Code != c.code {
			t.Errorf("%.40s: got %+v, want field %s code %s", c.in, b, c.field, c.code)
		}
	}
}

func TestAFrameIsAWebSocketFrame(t *testing.T) {
	for _, n := range []int{0, 10, 125, 126, 70000} {
		f := NewBroadcast("room:1", "chat.said", json.RawMessage(`"`+strings.Repeat("z", n)+`"`))
		got, err := ws.ReadFrame(bytes.NewReader(f.Bytes))
		if err != nil || got.Header.OpCode != ws.OpText || !got.Header.Fin || got.Header.Masked {
			t.Fatalf("%d: header %+v, %v", n, got.Header, err)
		}
		var parts []json.RawMessage
		if err := json.Unmarshal(got.Payload, &parts); err != nil || len(parts) != 5 || string(parts[0]) != "null" {
			t.Fatalf("%d: payload %.60s, %v", n, got.Payload, err)
		}
	}
}

func TestReplyHasStatusAndResponse(t *testing.T) {
	f := NewReply("1", "9", "room:x", false, map[string]int{"limit": 3})
	got, err := ws.ReadFrame(bytes.NewReader(f.Bytes))
	if err != nil {
		t.Fatal(err)
	}
	if want := `["1","9","room:x","phx_reply",{"status":"error","response":{"limit":3}}]`; string(got.Payload) != want {
		t.Errorf("got %s, want %s", got.Payload, want)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`["1","2","room:c_1","phx_join",{"since":4,"epoch":2}]`, `[null,"7","phoenix","heartbeat",{}]`,
		`[]`, `[[[[`, `["\ud800","","\u0000","e",1e999]`, `["1","1","t","é\"\\",null]`, "[null,null,\"\xff\",\"e\",{}]",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Decode(data)
		if err != nil {
			if errs.KindOf(err) != errs.Invalid {
				t.Fatalf("kind of %v", err)
			}
			return
		}
		again, err := Decode(AppendMessage(nil, m))
		if err != nil && len(data) < MaxFrame/8 {
			t.Fatalf("%q: what was read is not written well: %v", data, err)
		}
		if err == nil && cmp.Diff(m, again) != "" {
			t.Fatalf("%q: read again: %s", data, cmp.Diff(m, again))
		}
	})
}

func BenchmarkBroadcast(b *testing.B) {
	payload := json.RawMessage(`{"seq":12,"epoch":1,"at":1700000000000,"by":"p_1","id":"x","data":{"text":"` + strings.Repeat("a", 100) + `","to":"all"}}`)
	b.ReportAllocs()
	for b.Loop() {
		NewBroadcast("room:c_1", "chat.said", payload)
	}
}
