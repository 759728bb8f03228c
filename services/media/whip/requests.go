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

	maxBody = 256 << 10        // bytes
	patient = 10 * time.Second // for a node's answer
)

// read gives the body of a request of one media type.
func read(w http.ResponseWriter, r *http.Request, want string) (string, error) {
	const op = "whip.read"
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != want {
		return "", with(http.StatusUnsupportedMediaType, errs.Field(op, "Content-Type", "bad_type", 0, "must be %s", want))
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return "", with(http.StatusRequestEntityTooLarge, errs.Field(op, "body", "too_long", maxBody, "at most %d bytes", maxBody))
	}
	if err != nil {
		return "", errs.Field(op, "body", "cut_off", 0, "the body did not arrive whole")
	}
	return string(data), nil
}

// post begins a session, or refuses.
func (d *Door) post(w http.ResponseWriter, r *http.Request, use Use) {
	s, answer, err := d.begin(w, r, use)
	if err != nil {
		d.note("session refused", err)
		refuse(w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", typeSDP)
	h.Set("Location", address(r)+"/"+s.id)
	h.Set("ETag", quoted(s.tag))
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(answer) // the client is gone: the node notices
}

// address is the absolute address of the endpoint: some programs cannot resolve a relative
// Location. The host is one that the gateway lets through.
func address(r *http.Request) string {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return scheme + r.Host + r.URL.EscapedPath()
}

func (d *Door) begin(w http.ResponseWriter, r *http.Request, use Use) (*session, []byte, error) {
	g, err := d.admit(r, use)
	if err != nil {
		return nil, nil, err
	}
	text, err := read(w, r, typeSDP)
	if err != nil {
		return nil, nil, err
	}
	offer, err := readOffer(text, use)
	if err != nil {
		return nil, nil, err
	}
	s := &session{id: rand.Text(), grant: g, turn: make(chan struct{}, 1), tag: rand.Text(), offer: offer}
	answer, err := d.negotiate(r.Context(), s, offer)
	if err != nil {
		return nil, nil, err
	}
	data, err := answer.Marshal()
	if err != nil {
		return nil, nil, errs.New("whip.post", errs.Internal, err)
	}
	return s, data, d.keep(r, s, use)
}

// keep makes s the token's session in place of its last. The token may have been taken
// back after it was looked at and before End could find the session.
func (d *Door) keep(r *http.Request, s *session, use Use) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), patient)
	defer cancel()
	if old := d.list.put(s); old != nil {
		if err := d.close(ctx, old.id); err != nil {
			d.log.Warn("a session that was replaced may still be on", "err", err)
		}
	}
	if _, err := d.grant(r, use); err != nil {
		return errors.Join(err, d.drop(ctx, s))
	}
	return nil
}

// admit tells whether the token may ask now.
func (d *Door) admit(r *http.Request, use Use) (Grant, error) {
	g, err := d.grant(r, use)
	if err != nil {
		return g, err
	}
	if d.node == nil {
		return g, errs.Code("whip", errs.Down, "no_media", "this box carries no pictures and no sound")
	}
	return g, d.pace.allow(g.ID)
}

// negotiate asks the node; a session that is only answered in part is ended if it is new.
func (d *Door) negotiate(ctx context.Context, s *session, offer *sdp.SessionDescription) (*sdp.SessionDescription, error) {
	text, err := offer.Marshal()
	if err != nil {
		return nil, bad("", "bad_sdp", "%v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, patient)
	defer cancel()
	var a media.Answer
	if g := s.grant; g.Use == Ingest {
		a, err = d.node.Publish(ctx, media.Publish{
			Room: g.Room, User: g.User, Session: s.id, SDP: string(text), Tracks: tracks(offer, g.Source), First: g.First,
		})
	} else {
		a, err = d.node.Watch(ctx, media.Watch{Room: g.Room, User: g.User, Session: s.id, SDP: string(text), Mode: media.Full})
	}
	if err != nil {
		return nil, err
	}
	answer, err := readAnswer(a.SDP, s.grant.Use)
	if err != nil && offer == s.offer {
		return nil, errors.Join(err, d.close(context.WithoutCancel(ctx), s.id))
	}
	return answer, err
}

// find is the session in the path, for who began it.
func (d *Door) find(r *http.Request, use Use) (*session, error) {
	g, err := d.grant(r, use)
	if err != nil {
		return nil, err
	}
	return d.list.get(r.PathValue("session"), g.ID)
}

// delete ends a session. Entity tags say nothing here (RFC 9725 4.3.1).
func (d *Door) delete(w http.ResponseWriter, r *http.Request, use Use) {
	s, err := d.find(r, use)
	if err == nil {
		err = d.drop(r.Context(), s)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// drop ends a session at the node and here. When the node does not answer it stays, so
// that it can be tried again: nobody should think that a camera is off which is not.
func (d *Door) drop(ctx context.Context, s *session) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patient)
	defer cancel()
	if err := d.close(ctx, s.id); err != nil {
		return err
	}
	d.list.remove(s)
	return nil
}

// close ends a session at the node; one that is not there has ended.
func (d *Door) close(ctx context.Context, id string) error {
	if err := d.node.Close(ctx, id); err != nil && errs.KindOf(err) != errs.Missing {
		return err
	}
	return nil
}

// note logs what is ours; never a token, an address or a session.
func (d *Door) note(what string, err error) {
	switch k := errs.KindOf(err); k {
	case errs.Internal, errs.Corrupt:
		d.log.Error(what, "kind", k.String(), "err", err)
	case errs.Busy, errs.Down:
		d.log.Warn(what, "kind", k.String(), "err", err)
	}
}

func quoted(tag string) string { return `"` + tag + `"` }

// tagList is the value of If-Match; a star in quotes, as in the examples of RFC 9725, is
// meant as a star.
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
