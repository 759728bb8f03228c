package https

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/errs"
)

func FuzzParseLink(f *testing.F) {
	f.Add("https://h:8443/x/#ABCDEFGHIJKLMNOPQRST." + strings.Repeat("A", 43))
	f.Add("https://[::1]/#abcde-fghij-klmno-pqrst")
	f.Add("https://u:p@h/?q#")
	f.Fuzz(func(t *testing.T, link string) {
		at, code, pin, err := ParseLink(link)
		if err != nil {
			if b := errs.BodyOf(err); b.Reason != "invalid" || b.Field == "" {
				t.Fatalf("%v", err)
			}
			return
		}
		at2, code2, pin2, err := ParseLink(FormatLink(at, code, pin))
		if err != nil || at2 != at || code2 != code || pin2 != pin {
			t.Fatalf("written and read again: %q %q %q, %v", at2, code2, pin2, err)
		}
		if _, err := http.NewRequest(http.MethodGet, at+"/v1/nonce", nil); err != nil {
			t.Fatal(err)
		}
	})
}

// readFakeAnswer reads a fake answer.
func readFakeAnswer(status int, kind string, body []byte, into any) error {
	return readAnswer(&http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(bytes.NewReader(body))}, into)
}

// FuzzAnswer checks that any answer gives valid values or an error of a kind that the cloud uses.
func FuzzAnswer(f *testing.F) {
	sum := sha256.Sum256(nil)
	for _, v := range []any{
		cloud.State{Known: true, Pos: 9, School: "S", Dead: []cloud.Dead{{Pos: 1, Code: "22P05"}}, Others: []cloud.Past{{Incarnation: 3}}},
		cloud.Receipt{Pos: 9, Stored: 2},
		cloud.Page{Items: []cloud.Item{{N: 6, Kind: cloud.ItemQuiz, Data: json.RawMessage(`{}`)}}, Next: 6},
		Nonce{"n"},
		Session{"t", 3600},
		Enrolled{"S"},
		errs.Body{Reason: "stale", Code: cloud.CodeMoved},
		sum,
	} {
		raw, err := json.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint16(200), typeJSON, raw)
		f.Add(uint16(409), typeJSON+"; charset=utf-8", raw)
	}
	b := &batch.Batch{From: 5, To: 9, Facts: make([]batch.Fact, 4)}
	f.Fuzz(func(t *testing.T, status uint16, kind string, body []byte) {
		var (
			st  cloud.State
			r   cloud.Receipt
			p   cloud.Page
			tok Session
		)
		for name, err := range map[string]error{
			"state":   firstError(readFakeAnswer(int(status), kind, body, &st), func() error { return checkState(st) }),
			"receipt": firstError(readFakeAnswer(int(status), kind, body, &r), func() error { return checkReceipt(r, b) }),
			"page":    firstError(readFakeAnswer(int(status), kind, body, &p), func() error { return checkPage(p, 5, 2) }),
			"session": firstError(readFakeAnswer(int(status), kind, body, &tok), func() error { return checkToken(tok.Token) }),
			"enrol":   readFakeAnswer(int(status), kind, body, &Enrolled{}),
			"nonce":   readFakeAnswer(int(status), kind, body, &Nonce{}),
		} {
			switch k := errs.KindOf(err); {
			case err == nil && status != 200:
				t.Fatalf("%s: status %d was taken for good", name, status)
			case err != nil && (k == errs.Internal || k == errs.Corrupt):
				t.Fatalf("%s: %v", name, err)
			}
		}
		if last := uint64(5); p.More && p.Next <= last && checkPage(p, 5, 2) == nil {
			t.Fatal("a page that leads nowhere")
		}
	})
}

func firstError(err error, then func() error) error {
	if err != nil {
		return err
	}
	return then()
}
