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
	tag   string                  // names the ICE session, without quotes
	offer *sdp.SessionDescription // the last one, with the credentials of its ICE session
}

// sessionTable are those that live, and the names of the last that did.
type sessionTable struct {
	mu      sync.Mutex
	byID    map[string]*session // guarded by mu, as all below
	byGrant map[string]*session // by token
	goneIDs []string            // ids, the newest last
}

// maxGone bounds the ended sessions that are remembered, so that they get another answer than
// unknown ones.
const maxGone = 256

func newSessionTable() *sessionTable {
	return &sessionTable{byID: map[string]*session{}, byGrant: map[string]*session{}}
}

// replaceSession adds s and returns the session of the same token that it replaces, or nil.
func (l *sessionTable) replaceSession(s *session) (old *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old = l.byGrant[s.grant.ID]
	if old != nil {
		l.removeLocked(old)
	}
	l.byID[s.id], l.byGrant[s.grant.ID] = s, s
	return old
}

// removeSession takes s out.
func (l *sessionTable) removeSession(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.removeLocked(s)
}

// removeLocked is remove for callers that hold mu.
func (l *sessionTable) removeLocked(s *session) {
	if l.byID[s.id] != s {
		return
	}
	delete(l.byID, s.id)
	if l.byGrant[s.grant.ID] == s {
		delete(l.byGrant, s.grant.ID)
	}
	l.goneIDs = append(l.goneIDs, s.id)
	if len(l.goneIDs) > maxGone {
		l.goneIDs = slices.Delete(l.goneIDs, 0, len(l.goneIDs)-maxGone)
	}
}

// sessionOf is the session of a token, or nil.
func (l *sessionTable) sessionOf(grant string) *session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byGrant[grant]
}

// liveGrants are those of the sessions that live.
func (l *sessionTable) liveGrants() []Grant {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]Grant, 0, len(l.byGrant))
	for _, s := range l.byGrant {
		list = append(list, s.grant)
	}
	return list
}

// findSession is the session with the id, if the token began it: another's is as unknown as one
// that never was.
func (l *sessionTable) findSession(id, grant string) (*session, error) {
	const op = "whip.session"
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.byID[id]; s != nil && s.grant.ID == grant {
		return s, nil
	}
	if slices.Contains(l.goneIDs, id) {
		return nil, errSessionGone(op)
	}
	return nil, errs.NewCode(op, errs.Missing, "no_session", "no such session")
}

func errSessionGone(op string) error {
	return withStatus(http.StatusGone, errs.NewCode(op, errs.Missing, "gone", "the session has ended; POST again"))
}
