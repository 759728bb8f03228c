package pg

import (
	"context"
	"sync"
	"time"

	"github.com/livelearn/box/services/errs"
)

const (
	replicaPatience = 2 * time.Second // for a replica to answer, before the database itself is asked
	replicaRest     = 5 * time.Second // after a replica did not answer
)

// replica is a database that follows and only reads.
type replica struct {
	store *Store

	mu   sync.Mutex // guards the fields below
	rest time.Time  // not asked before
	up   bool
}

// AddReplica gives the Store a database that follows it, for Reader. Call it before other methods.
func (s *Store) AddReplica(ctx context.Context, url string) error {
	read, err := Open(ctx, url)
	if err != nil {
		return errs.NewField("pg.AddReplica", "replica", "bad_url", 0, "must be like postgres://user:password@host:5432/database")
	}
	s.replica = &replica{store: read}
	return nil
}

// Reader returns the Store for one export or answer, all of whose queries must use it: the replica
// if it answers and has what a reader who was told since has seen, else the Store itself. A replica
// may be behind, so ConsistentThrough must come from the same Store.
func (s *Store) Reader(ctx context.Context, since time.Time) *Store {
	if s.replica == nil || !s.replica.isReady() {
		return s
	}
	ctx, cancel := context.WithTimeout(ctx, replicaPatience)
	defer cancel()
	through, err := s.replica.store.ConsistentThrough(ctx)
	s.replica.note(err == nil)
	if err != nil || through.Before(since) {
		return s
	}
	return s.replica.store
}

// ReplicaUp reports whether the Store has a replica, and whether that answered when it was last
// asked.
func (s *Store) ReplicaUp() (up, has bool) {
	if s.replica == nil {
		return false, false
	}
	s.replica.mu.Lock()
	defer s.replica.mu.Unlock()
	return s.replica.up, true
}

func (r *replica) isReady() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !time.Now().Before(r.rest)
}

func (r *replica) note(up bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.up = up; !up {
		r.rest = time.Now().Add(replicaRest)
	}
}
