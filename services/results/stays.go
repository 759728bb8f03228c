package results

import "github.com/livelearn/box/services/event"

// resumed is how long after a room's restart a pupil who was here before it may be seen
// again and count as never gone, in milliseconds. The room tells at once who still sits in
// it; a minute leaves time for those whose sockets had to connect again.
const resumed = 60_000

// stays works out who was here when.
//
// A room's log has epochs. The room is rebuilt at the start of each and tells anew who is
// here, so a stay that is open when the epoch rises ends there, unless the program went on
// and the pupil is seen again at once.
type stays struct {
	users map[string]*stay
	epoch uint64
	first event.Stamp // of this epoch
	last  event.Stamp // of the last fact
}

// stay is the time of one pupil in the lesson.
type stay struct {
	here   bool
	since  event.Stamp // of this interval
	until  event.Stamp // of the last one, when not here
	cut    bool        // the last one was ended by a new epoch and not by its pupil
	arrive int64       // wall clock of the first; 0: never came
	ms     int64       // of the intervals before this one
	times  int         // intervals begun
}

func newStays() stays { return stays{users: map[string]*stay{}} }

// pass notes that e happened, whatever it is.
func (s *stays) pass(e event.Event) {
	if e.Epoch != s.epoch {
		if s.epoch != 0 {
			s.cut()
		}
		s.epoch, s.first = e.Epoch, e.Stamp
	}
	s.last = e.Stamp
}

// cut ends what is open at the last fact of the old epoch.
func (s *stays) cut() {
	for _, u := range s.users {
		if u.here {
			u.leave(s.last)
			u.cut = true
		}
	}
}

func (s *stays) came(e event.Event) {
	u := s.users[e.By]
	if u == nil {
		u = &stay{arrive: max(e.Stamp.Wall, 1)}
		s.users[e.By] = u
	}
	if u.here {
		return
	}
	u.here = true
	if u.cut && u.until.Boot == e.Stamp.Boot && e.Stamp.Mono-s.first.Mono <= resumed {
		u.since, u.cut = u.until, false // never gone: the gap counts
		return
	}
	u.since, u.cut = e.Stamp, false
	u.times++
}

func (s *stays) went(e event.Event) {
	if u := s.users[e.By]; u != nil && u.here {
		u.leave(e.Stamp)
	}
}

// end ends all at the end of the lesson.
func (s *stays) end(at event.Stamp) {
	for _, u := range s.users {
		if u.here {
			u.leave(at)
		}
	}
}

func (u *stay) leave(at event.Stamp) {
	u.ms += between(u.since, at)
	u.here, u.until = false, at
}

// here gives who is here now, in no order.
func (s *stays) here(yield func(string) bool) {
	for user, u := range s.users {
		if u.here && !yield(user) {
			return
		}
	}
}

// present is the time here up to now, in milliseconds.
func (s *stays) present(user string) int64 {
	u := s.users[user]
	switch {
	case u == nil:
		return 0
	case u.here:
		return u.ms + between(u.since, s.last)
	}
	return u.ms
}

// between is the time from a to b in milliseconds, never negative. Within one run of the
// program the wall clock is not asked: somebody may set it.
func between(a, b event.Stamp) int64 {
	if a.Boot == b.Boot {
		return max(b.Mono-a.Mono, 0)
	}
	return max(b.Wall-a.Wall, 0)
}
