package media

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/livelearn/box/services/errs"
)

func TestAnErrorIsTheSameAtTheOtherEnd(t *testing.T) {
	for k := errs.Internal; k <= errs.Corrupt; k++ {
		e := errs.NewCode("peer.Publish", k, "a_code", "in words")
		e.Field, e.Limit = "sdp", 30
		got, ok := errors.AsType[*errs.Error](newWireError(e).toError("peer.Publish"))
		if !ok || got.Kind != k || got.Code != e.Code || got.Field != e.Field || got.Limit != e.Limit || got.Error() != e.Error() {
			t.Errorf("%v: got %+v", k, got)
		}
	}
	if got := newWireError(errors.New("plain")).toError("x"); errs.KindOf(got) != errs.Internal || !strings.Contains(got.Error(), "plain") {
		t.Errorf("got %v", got)
	}
	long := errs.New("x", errs.Invalid, errors.New(strings.Repeat("a", MaxLine)))
	if n := len(newWireError(long).Text); n != maxErrorText {
		t.Errorf("a text of %d bytes", n)
	}
}

func TestLinesComeWholeOrNotAtAll(t *testing.T) {
	const ok = `{"id":1,"method":"load","params":{}}` + "\n"
	for text, want := range map[string]string{
		"":                            "EOF",
		ok[:10]:                       "unexpected EOF",
		"{}\n":                        "neither",
		"\n":                          "EOF",
		"[]\n":                        "cannot unmarshal",
		`{"id":1}` + "\n":             "neither",
		`{"id":0,"result":{}}` + "\n": "neither",
		`{"id":1,"result":{},"error":{"kind":"busy"}}` + "\n":         "neither",
		`{"id":1,"event":{"kind":"moved","room":"r"}}` + "\n":         "neither",
		`{"id":1,"method":"load","more":1}` + "\n":                    "unknown field",
		`{"id":1,"method":"load"} {"id":2,"method":"load"}` + "\n":    "more than one",
		`{"id":-1,"method":"load"}` + "\n":                            "cannot unmarshal",
		`{"id":1,"method":"` + strings.Repeat("a", MaxLine) + "\"}\n": "a line of more than",
	} {
		_, err := newLineReader(strings.NewReader(text)).readLine()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: got %v, want %q", text, err, want)
		}
	}
	r := newLineReader(iotest.OneByteReader(strings.NewReader(ok + ok)))
	for range 2 {
		if l, err := r.readLine(); err != nil || !l.isRequest() {
			t.Errorf("got %+v %v", l, err)
		}
	}
	if _, err := r.readLine(); err != io.EOF {
		t.Errorf("got %v", err)
	}
}

func TestALineOfTheGreatestLengthPasses(t *testing.T) {
	l := line{ID: 1, Method: "load"}
	params := `"` + strings.Repeat("a", MaxLine-len(`{"id":1,"method":"load","params":""}`)-1) + `"`
	l.Params = []byte(params)
	text, err := l.encodeLine()
	if err != nil || len(text) != MaxLine {
		t.Fatalf("%d bytes, %v", len(text), err)
	}
	got, err := newLineReader(bytes.NewReader(text)).readLine()
	if err != nil || string(got.Params) != params {
		t.Errorf("%d bytes, %v", len(got.Params), err)
	}
	l.Params = []byte(`"a` + params[1:])
	if _, err := l.encodeLine(); errorCode(err) != "invalid too_long" {
		t.Errorf("one more: %v", err)
	}
}

func FuzzLine(f *testing.F) {
	for _, seed := range []string{
		`{"id":7,"method":"publish","params":{"room":"r","session":"s","sdp":"v=0"}}`,
		`{"id":7,"result":{"sdp":"v=0"}}`, `{"id":7,"error":{"kind":"busy","code":"full","limit":30}}`,
		`{"event":{"kind":"slots","room":"r","slots":[{"mid":"0","user":"u","source":"camera"}]}}`, `{"id":1,"result":null}`,
		`{"event":{"slots":[]}}`,
	} {
		f.Add([]byte(seed + "\n"))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := newLineReader(bytes.NewReader(text)).readLine()
		if err != nil {
			return
		}
		again, err := l.encodeLine()
		if err != nil {
			return // longer with its escapes
		}
		l, err = newLineReader(bytes.NewReader(again)).readLine()
		if err != nil {
			t.Fatalf("%q became %q: %v", text, again, err)
		}
		if twice, err := l.encodeLine(); err != nil || !bytes.Equal(twice, again) {
			t.Errorf("%q became %q, then %q: %v", text, again, twice, err)
		}
	})
}
