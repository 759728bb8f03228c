package relay

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"

	"github.com/livelearn/box/services/cluster/members"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/connlimit"
	"github.com/livelearn/box/services/gateway/httpapi"
)

// Headers between boxes. Accept reads them only from a member.
const (
	callerHeader = "Livelearn-Caller" // the IP address of the person
	groundHeader = "Livelearn-Ground" // "secure" or "open"
)

// maxAnswer bounds what Call reads, in bytes: the names of a class.
const maxAnswer = 1 << 20

// describeCaller adds to the request to another box who the person of in is. Of the cookies only the
// sessions at that box go out.
func describeCaller(box string, in, out *http.Request) {
	out.Header.Del("Cookie")
	for _, c := range sessionsFor(box, in) {
		out.Header.Add("Cookie", c.Name+"="+c.Value)
	}
	ground := httpapi.Open
	if in.TLS != nil {
		ground = httpapi.Secure
	}
	out.Header.Set(groundHeader, string(ground))
	out.Header.Set(callerHeader, connlimit.HostOf(in.RemoteAddr))
}

// Accept serves the requests that other boxes pass on by relayed, as if they came from the person, and all
// others by direct.
func (s *Relay) Accept(direct, relayed http.Handler) http.Handler {
	if s == nil {
		return direct
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		box := members.PeerOf(r.TLS)
		if box == "" {
			direct.ServeHTTP(w, r)
			return
		}
		if r.URL.Path != CallerPath && !isPassedOn(r.URL.Path) {
			httpapi.WriteError(w, http.StatusForbidden, errs.NewCode("relay", errs.Denied, "own_box", "this is done at the own box"))
			return
		}
		r, err := asCaller(r, box)
		if err != nil {
			httpapi.WriteError(w, http.StatusBadRequest, err)
			return
		}
		relayed.ServeHTTP(w, r)
	})
}

// asCaller returns the request of the person whom another box names. A person on the other box's own
// machine is not on this one's: the address is the box's.
func asCaller(r *http.Request, box string) (*http.Request, error) {
	ip, err := netip.ParseAddr(r.Header.Get(callerHeader))
	if err != nil {
		return nil, errs.NewField("relay", callerHeader, "bad_address", 0, "must be an IP address")
	}
	ground := httpapi.Ground(r.Header.Get(groundHeader))
	if ground != httpapi.Secure && ground != httpapi.Open {
		return nil, errs.NewField("relay", groundHeader, "unknown", 0, "must be secure or open")
	}
	r = r.Clone(httpapi.WithBox(r.Context(), box))
	r.Header.Del(callerHeader)
	r.Header.Del(groundHeader)
	if r.TLS = nil; ground == httpapi.Secure {
		r.TLS = &tls.ConnectionState{} // the other box ends it
	}
	if ip = ip.Unmap().WithZone(""); !ip.IsLoopback() {
		r.RemoteAddr = net.JoinHostPort(ip.String(), "0")
	}
	return r, nil
}

// CallerPath is where a box tells another one who a person is.
const CallerPath = "/api/boxes/caller"

// Call asks a box for something on behalf of the person of r. with says whether the box knows the person:
// then the session goes with it. A refusal of the box is the error.
func (s *Relay) Call(r *http.Request, box, method, path string, with bool, in, out any) error {
	p := s.peer(box)
	done, err := p.enter(r)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	data, err := json.Marshal(in)
	if err != nil {
		return errs.New("relay.Call", errs.Internal, err)
	}
	req, err := http.NewRequestWithContext(ctx, method, "https://"+members.ServerName+path, bytes.NewReader(data))
	if err != nil {
		return errs.New("relay.Call", errs.Internal, err)
	}
	req.Host = r.Host
	describeCaller(box, r, req)
	if !with {
		req.Header.Del("Cookie")
	} else if bearer := bearerOf(r); bearer != "" {
		req.Header.Set("Authorization", bearer)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := p.transport.RoundTrip(req)
	if err != nil {
		s.Log.Debug("a question to another box", "box", box, "err", err)
		return errAway(s.Boxes.NameOf(box))
	}
	defer func() { _ = resp.Body.Close() }()
	return readAnswer(resp, out)
}

// bearerOf returns the token of a client without cookies.
func bearerOf(r *http.Request) string {
	if token := r.URL.Query().Get("token"); token != "" {
		return "Bearer " + token
	}
	return r.Header.Get("Authorization")
}

// readAnswer reads what another box answered, or refused.
func readAnswer(resp *http.Response, out any) error {
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return errs.New("relay", errs.Down, err)
	case len(data) > maxAnswer:
		return errs.NewField("relay", "answer", "too_long", maxAnswer, "more than %d bytes", maxAnswer)
	case resp.StatusCode/100 == 2:
		if err := json.Unmarshal(data, out); err != nil {
			return errs.New("relay", errs.Down, err)
		}
		return nil
	}
	var b httpapi.Refusal
	if err := json.Unmarshal(data, &b); err != nil {
		return errs.New("relay", errs.Down, err)
	}
	return b.Cause()
}
