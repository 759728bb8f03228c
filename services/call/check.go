package call

import (
	"fmt"
	"slices"
	"strings"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/room"
)

// Letters of a session's name, and those of a mid (a token of RFC 8866 section 9).
const (
	nameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	midLetters  = nameLetters + "!#$%&'*+.^`{|}~"
)

var watchModes = []media.Mode{media.Full, media.Saver, media.Sound}

// ownSession is the sender's session, or a new one.
func (c *call) ownSession(m room.Message, client string, watch bool) (*session, error) {
	id := sessionID(m.By.User, client)
	s := c.findSession(id)
	if s == nil {
		return &session{id: id, user: m.By.User, watches: watch, unanswered: true}, nil
	}
	if s.watches != watch {
		return nil, errs.NewField(m.Name, "session", "in_use", 0, "one session publishes or watches: take another for this")
	}
	return s, nil
}

// checkOffer checks the fields that publish and watch have in common.
func (c *call) checkOffer(m room.Message, session, sdp string) error {
	switch {
	case m.By.User == "" || m.By.Role == event.Operator:
		return errs.NewCode(m.Name, errs.Denied, "role", "the box itself has no camera")
	case m.ID == "":
		return errs.NewField(m.Name, "id", "empty", room.MaxID, "the answer needs an id of 1 to %d bytes", room.MaxID)
	case sdp == "":
		return errs.NewField(m.Name, "sdp", "empty", 1, "must not be empty")
	case len(sdp) > MaxSDP:
		return errs.NewField(m.Name, "sdp", "too_long", MaxSDP, "%d bytes, at most %d", len(sdp), MaxSDP)
	}
	return checkSession(m.Name, session)
}

// checkSession checks a session's name as its user gives it.
func checkSession(op, session string) error {
	if len(session) < MinName || len(session) > MaxName || strings.Trim(session, nameLetters) != "" {
		return errs.NewField(op, "session", "bad_session", MaxName, "must be %d to %d letters, digits, - and _", MinName, MaxName)
	}
	return nil
}

// checkTracks checks the tracks of an offer, and that the sender may publish them.
func (c *call) checkTracks(m room.Message, tracks []media.Track) ([]media.Source, error) {
	if len(tracks) == 0 || len(tracks) > MaxTracks {
		return nil, errs.NewField(m.Name, "tracks", "out_of_range", MaxTracks, "%d, must be 1 to %d", len(tracks), MaxTracks)
	}
	var grant []media.Source
	for i, tr := range tracks {
		field := fmt.Sprintf("tracks[%d]", i)
		if !isMID(tr.MID) {
			return nil, errs.NewField(m.Name, field+".mid", "bad_mid", MaxMID, "must be 1 to %d characters of a token", MaxMID)
		}
		if slices.ContainsFunc(tracks[:i], func(o media.Track) bool { return o.MID == tr.MID }) {
			return nil, errs.NewField(m.Name, field+".mid", "twice", 0, "each mid once")
		}
		if err := checkSource(m.Name, field+".source", tr.Source); err != nil {
			return nil, err
		}
		if slices.Contains(grant, tr.Source) {
			return nil, errs.NewField(m.Name, field+".source", "twice", 0, "each source once")
		}
		grant = append(grant, tr.Source)
	}
	for _, src := range grant {
		if !slices.Contains(c.allowedSources(m.By), src) {
			return nil, errs.NewCode(m.Name, errs.Denied, "not_invited", "the teacher has not invited you to share your %s", src)
		}
	}
	return grant, nil
}

func isMID(mid string) bool {
	return mid != "" && len(mid) <= MaxMID && strings.Trim(mid, midLetters) == ""
}

func checkSource(op, field string, s media.Source) error {
	if !slices.Contains(sources, s) {
		return errs.NewField(op, field, "unknown", 0, "must be one of %q", sources)
	}
	return nil
}

func checkMode(op string, m media.Mode) error {
	if !slices.Contains(watchModes, m) {
		return errs.NewField(op, "mode", "unknown", 0, "must be one of %q", watchModes)
	}
	return nil
}

func noMedia(op string) error {
	return errs.NewCode(op, errs.Down, "no_media", "this box carries no pictures and sound just now")
}

func checkHeights(op string, heights map[string]int) error {
	if len(heights) > MaxSlots {
		return errs.NewField(op, "heights", "too_many", MaxSlots, "%d, at most %d", len(heights), MaxSlots)
	}
	for mid, px := range heights {
		if !isMID(mid) {
			return errs.NewField(op, "heights", "bad_mid", MaxMID, "each mid must be 1 to %d characters of a token", MaxMID)
		}
		if px < 0 || px > MaxHeight {
			return errs.NewField(op, "heights", "out_of_range", MaxHeight, "%d, must be 0 to %d", px, MaxHeight)
		}
	}
	return nil
}
