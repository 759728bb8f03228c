package https

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"mime"
	"net/http"
	"strings"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/errs"
)

// MaxAnswer is how many bytes an answer may have, MaxPage how many one with items: a single
// quiz may be 8 MiB.
const (
	MaxAnswer = 4 << 20
	MaxPage   = 12 << 20
)

const (
	maxOthers = 10_000 // incarnations of one box
	maxText   = 1000   // bytes of an error's text that are kept
)

// errOver is why a request was refused whose session is over. What stays of it, when a new
// session did not help, is tried again later.
var errOver = errs.Code(op, errs.Down, CodeSession, "the cloud ends each session at once; is its clock right?")

// strange is an answer that the cloud would not give.
func strange(format string, args ...any) error {
	return errs.Code(op, errs.Down, CodeAnswer, "what answers is not the cloud: "+format, args...)
}

// read takes in an answer: into a value, or as the error that it tells. A key that this
// program does not know is passed over: the cloud may be newer.
func read(resp *http.Response, into any) error {
	most := MaxAnswer
	if _, page := into.(*cloud.Page); page {
		most = MaxPage
	}
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || kind != typeJSON {
		return strange("%s of type %.40q", status(resp), kind)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(most)+1))
	switch {
	case err != nil:
		return away(err)
	case len(body) > most:
		return strange("more than %d bytes", most)
	case resp.StatusCode != http.StatusOK:
		return refusal(resp, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return strange("%w", err)
	}
	return nil
}

// status is the code alone: the text behind it is anybody's.
func status(resp *http.Response) string {
	if text := http.StatusText(resp.StatusCode); text != "" {
		return text
	}
	return "a status that nobody knows"
}

// refusal is the error that an answer tells. The kind is that of its body; where that and
// the status differ, something else has spoken.
func refusal(resp *http.Response, body []byte) error {
	var b errs.Body
	if err := json.Unmarshal(body, &b); err != nil {
		return strange("%s, without a reason", status(resp))
	}
	kind, known := errs.KindNamed(b.Reason)
	switch {
	case known && resp.StatusCode == StatusOver && b.Code == CodeSession:
		return errOver
	case !known || kind.Status() != resp.StatusCode:
		return strange("%s, for the reason %.20q", status(resp), b.Reason)
	case kind == errs.Internal:
		return errs.Code(op, errs.Down, CodeCloudFault, "the cloud has a fault of its own; its log says more")
	}
	if len(b.Message) > maxText {
		b.Message = strings.ToValidUTF8(b.Message[:maxText], "")
	}
	e := errs.New(op, kind, errors.New(b.Message))
	e.Code, e.Field, e.Limit = b.Code, b.Field, b.Limit
	return e
}

func checkState(st cloud.State) error {
	switch {
	case st.Pos > math.MaxInt64 || st.Down > math.MaxInt64:
		return strange("a watermark of %d, items up to %d", st.Pos, st.Down)
	case len(st.Dead) > cloud.MaxDead || len(st.Others) > maxOthers:
		return strange("%d dead letters, %d other incarnations", len(st.Dead), len(st.Others))
	}
	return nil
}

func checkReceipt(r cloud.Receipt, b *batch.Batch) error {
	switch n := len(b.Facts); {
	case r.Pos > math.MaxInt64, !b.Again && r.Pos != b.To:
		return strange("a watermark of %d after a batch to %d", r.Pos, b.To)
	case r.Stored < 0 || r.Known < 0 || r.Stored > n || r.Known > n || len(r.Dead) > n:
		return strange("%d facts are new, %d known and %d dead, of %d", r.Stored, r.Known, len(r.Dead), n)
	}
	return nil
}

func checkPage(p cloud.Page, since uint64, most int) error {
	if len(p.Items) > most {
		return strange("%d items, at most %d were asked for", len(p.Items), most)
	}
	last := since
	for _, it := range p.Items {
		if it.N <= last || it.N > math.MaxInt64 {
			return strange("item %d after %d", it.N, last)
		}
		last = it.N
	}
	if p.Next < last || p.Next > math.MaxInt64 || p.More && p.Next == since {
		return strange("go on after %d, the last item being %d", p.Next, last)
	}
	return nil
}
