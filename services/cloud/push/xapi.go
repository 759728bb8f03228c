package push

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/livelearn/box/services/cloud/pg"
)

const (
	statementsPerPage = 200
	requestTime       = time.Minute
	maxAnswer         = 64 << 10 // bytes that are read of an answer
	maxExcerpt        = 200      // of it, in a problem
	xapiVersion       = "1.0.3"
)

// newHTTPClient returns a client that follows no redirect: the secret is for the address that
// somebody typed.
func newHTTPClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       requestTime,
	}
}

// runXAPI sends the statements after the cursor, page by page, until there are no more, the run has
// lasted long or something fails.
func (p *Pusher) runXAPI(ctx context.Context, client *http.Client, job *pg.PushJob) error {
	s := recordStore{client: client, job: job}
	for began := time.Now(); ; {
		list, cursor, more, err := p.Store.StatementsToPush(ctx, job, statementsPerPage)
		if err != nil {
			return err
		}
		s.sent, s.refused = 0, 0
		if err := s.send(ctx, list); err != nil {
			return err
		}
		if s.sent == 0 && s.refused > 1 {
			return s.fault("the record store refuses each statement", 0)
		}
		o := pg.PushOutcome{Cursor: cursor, Sent: s.sent, Refused: s.refused, Wait: job.Every}
		if more {
			o.Wait = 0
		}
		again := more && time.Since(began) < pagesTime
		if again {
			o.Wait = leaseTime
		}
		mine, err := p.Store.FinishPush(ctx, job, o)
		if err != nil || !mine || !again {
			return err
		}
		job.Cursor, job.Failures = cursor, 0
	}
}

// recordStore sends statements to a learning record store (xAPI 1.0.3, part 3, section 2.1.2).
type recordStore struct {
	client  *http.Client
	job     *pg.PushJob
	sent    int // of the page, with those that the store had
	refused int
	last    string // last refusal
}

// send sends statements in one request. The store refuses all of them for one that it does not take,
// so send halves a refused list until only the bad ones are left.
func (s *recordStore) send(ctx context.Context, list []pg.PushedStatement) error {
	if len(list) == 0 {
		return nil
	}
	status, err := s.post(ctx, list)
	switch {
	case err != nil:
		return err
	case status < 300, status == http.StatusConflict && len(list) == 1:
		s.sent += len(list) // after a conflict the store has it: from a request whose answer was lost
		return nil
	case len(list) == 1:
		s.refused++
		return nil
	}
	half := len(list) / 2
	if err := s.send(ctx, list[:half]); err != nil {
		return err
	}
	return s.send(ctx, list[half:])
}

// post sends one request. An error means that the push has to wait. A status of 300 and more is a refusal
// of these statements.
func (s *recordStore) post(ctx context.Context, list []pg.PushedStatement) (int, error) {
	var body bytes.Buffer
	for i, st := range list {
		body.WriteString([]string{"[", ","}[min(i, 1)])
		body.Write(st.Data)
	}
	body.WriteString("]")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(s.job.Address, "/")+"/statements", &body)
	if err != nil {
		return 0, s.fault("the address is invalid", 0)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Experience-API-Version", xapiVersion)
	req.SetBasicAuth(s.job.Login, s.job.Secret)
	resp, err := s.client.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the address
		}
		return 0, s.fault("the record store does not answer: "+err.Error(), 0)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // its beginning says enough
	switch resp.StatusCode {
	case http.StatusOK, http.StatusNoContent:
		return http.StatusOK, nil
	case http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		s.last = excerpt(resp.Status, answer)
		return resp.StatusCode, nil
	case http.StatusUnauthorized, http.StatusForbidden:
		return 0, s.fault("the record store refuses the key: "+excerpt(resp.Status, answer), 0)
	}
	return 0, s.fault("the record store answers "+excerpt(resp.Status, answer), retryAfter(resp.Header))
}

func (s *recordStore) fault(text string, after time.Duration) error {
	if s.last != "" {
		text += ": " + s.last
	}
	return &fault{text: text, after: after}
}

// excerpt returns a status and the beginning of an answer on one line.
func excerpt(status string, answer []byte) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(answer[:min(len(answer), maxExcerpt)]), "")), " ")
	if text == "" || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return status
	}
	return fmt.Sprintf("%s (%s)", status, text)
}

// retryAfter returns the pause that an answer asks for in seconds, at most longPause.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(cmp.Or(h.Get("Retry-After"), "0"))
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(min(n, int(longPause.Seconds())))*time.Second, longPause)
}
