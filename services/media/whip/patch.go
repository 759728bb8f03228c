package whip

import (
	"context"
	"crypto/rand"
	"net/http"
	"slices"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media"
)

// patch takes candidates (204) or begins another ICE session (200 with its credentials).
func (d *Door) patch(w http.ResponseWriter, r *http.Request, use Use) {
	s, f, err := d.patched(w, r, use)
	if err != nil {
		d.refusePatch(w, err)
		return
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-r.Context().Done():
		return // the client is gone
	}
	if err := matches(r, s.tag); err != nil {
		d.refusePatch(w, err)
		return
	}
	text, err := d.apply(r.Context(), s, f)
	switch {
	case err != nil:
		d.refusePatch(w, err)
	case text == "":
		w.WriteHeader(http.StatusNoContent) // without an ETag (RFC 9725 4.3.2)
	default:
		w.Header().Set("ETag", quoted(s.tag))
		w.Header().Set("Content-Type", typeFragment)
		_, _ = w.Write([]byte(text)) // the client is gone: its next restart finds "*"
	}
}

func (d *Door) refusePatch(w http.ResponseWriter, err error) {
	d.note("session not changed", err)
	refuse(w, err)
}

// patched is what is to be changed, and how.
func (d *Door) patched(w http.ResponseWriter, r *http.Request, use Use) (*session, raw, error) {
	g, err := d.admit(r, use)
	if err != nil {
		return nil, raw{}, err
	}
	s, err := d.list.get(r.PathValue("session"), g.ID)
	if err != nil {
		return nil, raw{}, err
	}
	text, err := read(w, r, typeFragment)
	if err != nil {
		return nil, raw{}, err
	}
	f, err := readFragment(text)
	return s, raw{f, text}, err
}

// raw is a fragment with its text.
type raw struct {
	fragment
	text string
}

// matches compares If-Match strongly with the tag of the ICE session (RFC 9110 13.1.1).
func matches(r *http.Request, tag string) error {
	const op = "whip.patch"
	tags, star := tagList(r)
	switch {
	case star || slices.Contains(tags, quoted(tag)):
		return nil
	case len(tags) == 0:
		return with(http.StatusPreconditionRequired, errs.Field(op, "If-Match", "no_tag", 0, "must name the ICE session by its ETag, or be *"))
	}
	return with(http.StatusPreconditionFailed, errs.Code(op, errs.Stale, "other_tag", "another ICE session is current"))
}

// apply gives the node the fragment; the text is empty when no ICE session began. The
// caller holds the turn of s.
//
// The node is asked with the fragment first in both cases: that tells whether it still has
// the session. A node that restarts by itself says so by a fragment of its own. Another is
// given the offer again with the new credentials, which is what a restart is between
// browsers (RFC 8839 4.4.1.1.1). Should it refuse, the old ICE session stays.
func (d *Door) apply(ctx context.Context, s *session, f raw) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patient)
	defer cancel()
	restart := f.restarts(s.offer)
	a, err := d.node.Patch(ctx, media.Patch{Session: s.id, Fragment: f.text})
	switch {
	case err != nil && errs.KindOf(err) == errs.Missing:
		d.list.remove(s)
		return "", gone("whip.patch")
	case err != nil || !restart:
		return "", err
	}
	offer, text := f.restarted(s.offer), a.SDP
	if text == "" {
		answer, err := d.negotiate(ctx, s, offer)
		if err != nil {
			return "", err
		}
		text = iceOf(answer)
	}
	s.offer, s.tag = offer, rand.Text()
	return text, nil
}
