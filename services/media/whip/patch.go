package whip

import (
	"context"
	"crypto/rand"
	"net/http"
	"slices"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media"
)

// handlePatch takes candidates (204) or begins another ICE session (200 with its credentials).
func (d *Handler) handlePatch(w http.ResponseWriter, r *http.Request, use Use) {
	s, f, err := d.readPatch(w, r, use)
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
	if err := checkIfMatch(r, s.tag); err != nil {
		d.refusePatch(w, err)
		return
	}
	text, err := d.applyFragment(r.Context(), s, f)
	switch {
	case err != nil:
		d.refusePatch(w, err)
	case text == "":
		w.WriteHeader(http.StatusNoContent) // without an ETag (RFC 9725 4.3.2)
	default:
		w.Header().Set("ETag", quoteTag(s.tag))
		w.Header().Set("Content-Type", typeFragment)
		//lint:ignore gosec no HTML: the type is SDP, and the gateway forbids guessing another
		_, _ = w.Write([]byte(text)) // the client is gone: its next restart finds "*"
	}
}

func (d *Handler) refusePatch(w http.ResponseWriter, err error) {
	d.logError("session not changed", err)
	writeError(w, err)
}

// readPatch returns the session and the fragment of a PATCH request.
func (d *Handler) readPatch(w http.ResponseWriter, r *http.Request, use Use) (*session, rawFragment, error) {
	g, err := d.admitRequest(r, use)
	if err != nil {
		return nil, rawFragment{}, err
	}
	s, err := d.sessions.findSession(r.PathValue("session"), g.ID)
	if err != nil {
		return nil, rawFragment{}, err
	}
	text, err := readBody(w, r, typeFragment)
	if err != nil {
		return nil, rawFragment{}, err
	}
	f, err := readFragment(text)
	return s, rawFragment{f, text}, err
}

// rawFragment is a fragment with its text.
type rawFragment struct {
	fragment
	text string
}

// checkIfMatch compares If-Match strongly with the tag of the ICE session (RFC 9110 13.1.1).
func checkIfMatch(r *http.Request, tag string) error {
	const op = "whip.patch"
	tags, star := tagList(r)
	switch {
	case star || slices.Contains(tags, quoteTag(tag)):
		return nil
	case len(tags) == 0:
		return withStatus(http.StatusPreconditionRequired, errs.NewField(op, "If-Match", "no_tag", 0, "must name the ICE session by its ETag, or be *"))
	}
	return withStatus(http.StatusPreconditionFailed, errs.NewCode(op, errs.Stale, "other_tag", "another ICE session is current"))
}

// applyFragment passes the fragment to the node. The returned text is empty when no ICE session
// began. The caller holds the turn of s.
//
// In both cases the node gets the fragment first, which shows whether it still has the session.
// A node that restarts by itself answers with a fragment of its own. Any other gets the offer
// again with the new credentials, which is a restart between browsers (RFC 8839 4.4.1.1.1). If
// it refuses, the old ICE session stays.
func (d *Handler) applyFragment(ctx context.Context, s *session, f rawFragment) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), nodeTimeout)
	defer cancel()
	restart := f.isRestart(s.offer)
	a, err := d.node.Patch(ctx, media.Patch{Session: s.id, Fragment: f.text})
	switch {
	case err != nil && errs.KindOf(err) == errs.Missing:
		d.sessions.removeSession(s)
		return "", errSessionGone("whip.patch")
	case err != nil || !restart:
		return "", err
	}
	offer, text := f.restartOffer(s.offer), a.SDP
	if text == "" {
		answer, err := d.createAnswer(ctx, s, offer)
		if err != nil {
			return "", err
		}
		text = answerFragment(answer)
	}
	s.offer, s.tag = offer, rand.Text()
	return text, nil
}
