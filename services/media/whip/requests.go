package whip

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/pion/sdp/v3"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media"
)

const (
	typeSDP      = "application/sdp"
	typeFragment = "application/trickle-ice-sdpfrag"

	maxBody     = 256 << 10        // bytes
	nodeTimeout = 10 * time.Second // for a node's answer
)

// readBody returns the body of a request of one media type.
func readBody(w http.ResponseWriter, r *http.Request, want string) (string, error) {
	const op = "whip.read"
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != want {
		return "", withStatus(http.StatusUnsupportedMediaType, errs.NewField(op, "Content-Type", "bad_type", 0, "must be %s", want))
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return "", withStatus(http.StatusRequestEntityTooLarge, errs.NewField(op, "body", "too_long", maxBody, "at most %d bytes", maxBody))
	}
	if err != nil {
		return "", errs.NewField(op, "body", "cut_off", 0, "the body did not arrive whole")
	}
	return string(data), nil
}

// handlePost begins a session, or refuses.
func (d *Handler) handlePost(w http.ResponseWriter, r *http.Request, use Use) {
	s, answer, err := d.beginSession(w, r, use)
	if err != nil {
		d.logError("session refused", err)
		writeError(w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", typeSDP)
	h.Set("Location", endpointURL(r)+"/"+s.id)
	h.Set("ETag", quoteTag(s.tag))
	w.WriteHeader(http.StatusCreated)
	//lint:ignore gosec no HTML: the type is SDP, and the gateway forbids guessing another
	_, _ = w.Write(answer) // the client is gone: the node notices
}

// endpointURL is the absolute address of the endpoint: some programs cannot resolve a relative
// Location. The host is one that the gateway lets through.
func endpointURL(r *http.Request) string {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return scheme + r.Host + r.URL.EscapedPath()
}

func (d *Handler) beginSession(w http.ResponseWriter, r *http.Request, use Use) (*session, []byte, error) {
	g, err := d.admitRequest(r, use)
	if err != nil {
		return nil, nil, err
	}
	text, err := readBody(w, r, typeSDP)
	if err != nil {
		return nil, nil, err
	}
	offer, err := readOffer(text, use)
	if err != nil {
		return nil, nil, err
	}
	s := &session{id: rand.Text(), grant: g, turn: make(chan struct{}, 1), tag: rand.Text(), offer: offer}
	answer, err := d.createAnswer(r.Context(), s, offer)
	if err != nil {
		return nil, nil, err
	}
	data, err := answer.Marshal()
	if err != nil {
		return nil, nil, errs.New("whip.post", errs.Internal, err)
	}
	return s, data, d.keepSession(r, s, use)
}

// keepSession makes s the token's session in place of its last. The token may have been taken
// back after it was looked at and before End could find the session.
func (d *Handler) keepSession(r *http.Request, s *session, use Use) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), nodeTimeout)
	defer cancel()
	if old := d.sessions.replaceSession(s); old != nil {
		if err := d.closeAtNode(ctx, old.id); err != nil {
			d.log.Warn("a session that was replaced may still be on", "err", err)
		}
	}
	if _, err := d.authorizeToken(r, use); err != nil {
		return errors.Join(err, d.dropSession(ctx, s))
	}
	return nil
}

// admitRequest reports whether the token may ask now.
func (d *Handler) admitRequest(r *http.Request, use Use) (Grant, error) {
	g, err := d.authorizeToken(r, use)
	if err != nil {
		return g, err
	}
	if d.node == nil {
		return g, errs.NewCode("whip", errs.Down, "no_media", "this box carries no pictures and no sound")
	}
	return g, d.limiter.allowRequest(g.ID)
}

// createAnswer asks the node. A session that is only answered in part is ended if it is new.
func (d *Handler) createAnswer(ctx context.Context, s *session, offer *sdp.SessionDescription) (*sdp.SessionDescription, error) {
	text, err := offer.Marshal()
	if err != nil {
		return nil, errBadSDP("", "bad_sdp", "%v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, nodeTimeout)
	defer cancel()
	var a media.Answer
	if g := s.grant; g.Use == Ingest {
		a, err = d.node.Publish(ctx, media.Publish{
			Room: g.Room, User: g.User, Session: s.id, SDP: string(text), Tracks: publishedTracks(offer, g.Source), First: g.First,
		})
	} else {
		a, err = d.node.Watch(ctx, media.Watch{Room: g.Room, User: g.User, Session: s.id, SDP: string(text), Mode: media.Full})
	}
	if err != nil {
		return nil, err
	}
	answer, err := readAnswer(a.SDP, s.grant.Use)
	if err != nil && offer == s.offer {
		return nil, errors.Join(err, d.closeAtNode(context.WithoutCancel(ctx), s.id))
	}
	return answer, err
}

// findSession is the session in the path, for the token that began it.
func (d *Handler) findSession(r *http.Request, use Use) (*session, error) {
	g, err := d.authorizeToken(r, use)
	if err != nil {
		return nil, err
	}
	return d.sessions.findSession(r.PathValue("session"), g.ID)
}

// handleDelete ends a session. Entity tags say nothing here (RFC 9725 4.3.1).
func (d *Handler) handleDelete(w http.ResponseWriter, r *http.Request, use Use) {
	s, err := d.findSession(r, use)
	if err == nil {
		err = d.dropSession(r.Context(), s)
	}
	if err != nil {
		writeError(w, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// dropSession ends a session at the node and here. If the node does not answer the session
// stays, so that the client can try again. Otherwise a user might think that a camera is off
// while it is on.
func (d *Handler) dropSession(ctx context.Context, s *session) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), nodeTimeout)
	defer cancel()
	if err := d.closeAtNode(ctx, s.id); err != nil {
		return err
	}
	d.sessions.removeSession(s)
	return nil
}

// closeAtNode ends a session at the node. One that is not there has ended.
func (d *Handler) closeAtNode(ctx context.Context, id string) error {
	if err := d.node.Close(ctx, id); err != nil && errs.KindOf(err) != errs.Missing {
		return err
	}
	return nil
}

// logError logs faults of the box. It never logs a token, an address or a session.
func (d *Handler) logError(what string, err error) {
	switch k := errs.KindOf(err); k {
	case errs.Internal, errs.Corrupt:
		d.log.Error(what, "kind", k.String(), "err", err)
	case errs.Busy, errs.Down:
		d.log.Warn(what, "kind", k.String(), "err", err)
	}
}

func quoteTag(tag string) string { return `"` + tag + `"` }

// tagList is the value of If-Match. A star in quotes, as in the examples of RFC 9725, is meant
// as a star.
func tagList(r *http.Request) (tags []string, any bool) {
	for t := range strings.SplitSeq(strings.Join(r.Header.Values("If-Match"), ","), ",") {
		switch t = strings.TrimSpace(t); t {
		case "":
		case "*", `"*"`:
			any = true
		default:
			tags = append(tags, t)
		}
	}
	return tags, any
}
