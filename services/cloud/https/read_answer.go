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

// MaxAnswer is the largest answer in bytes. MaxPage is the largest answer with items, because a
// single quiz may have 8 MiB.
const (
	MaxAnswer = 4 << 20
	MaxPage   = 12 << 20
)

const (
	maxOthers = 10_000 // incarnations of one box
	maxText   = 1000   // bytes kept of an error's text
)

// errSessionOver is the error of a request whose session is over. A caller that gets it after a
// new session tries again later.
var errSessionOver = errs.NewCode(op, errs.Down, CodeSession, "the cloud ends each session at once: check its clock")

// errStrange is the error of an answer that the cloud does not give.
func errStrange(format string, args ...any) error {
	return errs.NewCode(op, errs.Down, CodeAnswer, "the answer is not from the cloud: "+format, args...)
}

// readAnswer decodes an answer into a value, or returns the error that it holds. It skips unknown
// keys, because the cloud may be newer.
func readAnswer(resp *http.Response, into any) error {
	most := MaxAnswer
	if _, page := into.(*cloud.Page); page {
		most = MaxPage
	}
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || kind != typeJSON {
		return errStrange("%s of type %.40q", statusText(resp), kind)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(most)+1))
	switch {
	case err != nil:
		return transportError(err)
	case len(body) > most:
		return errStrange("more than %d bytes", most)
	case resp.StatusCode != http.StatusOK:
		return refusalError(resp, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return errStrange("%w", err)
	}
	return nil
}

// statusText returns the status code only. The reason phrase may hold any text.
func statusText(resp *http.Response) string {
	if text := http.StatusText(resp.StatusCode); text != "" {
		return text
	}
	return "a status that nobody knows"
}

// refusalError returns the error that an answer holds. The body names the kind. If the kind and
// the status differ, the answer is not from the cloud.
func refusalError(resp *http.Response, body []byte) error {
	var b errs.Body
	if err := json.Unmarshal(body, &b); err != nil {
		return errStrange("%s, without a reason", statusText(resp))
	}
	kind, known := errs.KindNamed(b.Reason)
	switch {
	case known && resp.StatusCode == StatusOver && b.Code == CodeSession:
		return errSessionOver
	case !known || kind.HTTPStatus() != resp.StatusCode:
		return errStrange("%s, for the reason %.20q", statusText(resp), b.Reason)
	case kind == errs.Internal:
		return errs.NewCode(op, errs.Down, CodeCloudFault, "the cloud has an internal fault: see its log")
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
		return errStrange("a watermark of %d, items up to %d", st.Pos, st.Down)
	case len(st.Dead) > cloud.MaxDead || len(st.Others) > maxOthers:
		return errStrange("%d dead letters, %d other incarnations", len(st.Dead), len(st.Others))
	}
	return nil
}

func checkReceipt(r cloud.Receipt, b *batch.Batch) error {
	switch n := len(b.Facts); {
	case r.Pos > math.MaxInt64, !b.Again && r.Pos != b.To:
		return errStrange("a watermark of %d after a batch to %d", r.Pos, b.To)
	case r.Stored < 0 || r.Known < 0 || r.Stored > n || r.Known > n || len(r.Dead) > n:
		return errStrange("%d facts are new, %d known and %d dead, of %d", r.Stored, r.Known, len(r.Dead), n)
	}
	return nil
}

func checkPage(p cloud.Page, since uint64, most int) error {
	if len(p.Items) > most {
		return errStrange("%d items, at most %d were asked for", len(p.Items), most)
	}
	last := since
	for _, it := range p.Items {
		if it.N <= last || it.N > math.MaxInt64 {
			return errStrange("item %d after %d", it.N, last)
		}
		last = it.N
	}
	if p.Next < last || p.Next > math.MaxInt64 || p.More && p.Next == since {
		return errStrange("the next page starts after %d, but the last item is %d", p.Next, last)
	}
	return nil
}
