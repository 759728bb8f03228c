package whip

import (
	"net/http"
	"slices"
	"sync"

	"github.com/pion/sdp/v3"

	"github.com/livelearn/box/services/errs"
)

// session is one that a token began.
type session struct {
	id    string // random, and the last part of its address
	grant Grant
	// turn holds one while a PATCH is handled: an ICE restart changes the fields below.
	turn  chan struct{}
	tag   string                  // names the ICE session; without quotes
	offer *sdp.SessionDescription // the last one, with the credentials of its ICE session
}

// sessions are those that live, and the names of the last that did.
type sessions struct {
	mu   sync.Mutex
	byID map[string]*session // guarded by mu, as all below
	last map[string]*session // by token
	gone []string            // ids, the newest last
}

// maxGone bounds how long a session that has ended is told from one that never was.
const maxGone = 256

func newSessions() *sessions {
	return &sessions{byID: map[string]*session{}, last: map[string]*session{}}
}

// put adds s and gives the session of the same token whose place it takes, or nil.
func (l *sessions) put(s *session) (old *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old = l.last[s.grant.ID]
	if old != nil {
		l.forget(old)
	}
	l.byID[s.id], l.last[s.grant.ID] = s, s
	return old
}

// remove takes s out.
func (l *sessions) remove(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(s)
}

// forget is remove for those who hold mu.
func (l *sessions) forget(s *session) {
	if l.byID[s.id] != s {
		return
	}
	delete(l.byID, s.id)
	if l.last[s.grant.ID] == s {
		delete(l.last, s.grant.ID)
	}
	l.gone = append(l.gone, s.id)
	if len(l.gone) > maxGone {
		l.gone = slices.Delete(l.gone, 0, len(l.gone)-maxGone)
	}
}

// of is the session of a token, or nil.
func (l *sessions) of(grant string) *session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last[grant]
}

// grants are those of the sessions that live.
func (l *sessions) grants() []Grant {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]Grant, 0, len(l.last))
	for _, s := range l.last {
		list = append(list, s.grant)
	}
	return list
}

// get is the session with the id, if the token began it: another's is as unknown as one
// that never was.
func (l *sessions) get(id, grant string) (*session, error) {
	const op = "whip.session"
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.byID[id]; s != nil && s.grant.ID == grant {
		return s, nil
	}
	if slices.Contains(l.gone, id) {
		return nil, gone(op)
	}
	return nil, errs.Code(op, errs.Missing, "no_session", "no such session")
}

func gone(op string) error {
	return with(http.StatusGone, errs.Code(op, errs.Missing, "gone", "the session has ended; POST again"))
}
