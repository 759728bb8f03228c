package results

import "github.com/livelearn/box/services/event"

// resumeWindow is a time after a room's restart, in milliseconds. A pupil who was here before the
// restart and arrives within it counts as never gone. The room records at once who still has a
// seat. A minute leaves time for the sockets that had to reconnect.
const resumeWindow = 60_000

// attendance computes the stays of each pupil.
//
// A room's log has epochs. At the start of each the room is rebuilt and records again who is
// here. So a stay that is open when the epoch rises ends there, unless the program was not
// restarted and the pupil arrives again at once.
type attendance struct {
	users map[string]*pupilTime
	epoch uint64
	first event.Stamp // of this epoch
	last  event.Stamp // of the last fact
}

// pupilTime is the time of one pupil in the lesson.
type pupilTime struct {
	here      bool
	since     event.Stamp // of this interval
	until     event.Stamp // of the last one, when not here
	cutOff    bool        // the last one was ended by a new epoch and not by its pupil
	arrivedAt int64       // wall clock of the first; 0: never came
	totalMS   int64       // of the intervals before this one
	intervals int         // intervals begun
}

func newAttendance() attendance { return attendance{users: map[string]*pupilTime{}} }

// noteFact notes the epoch and the time of a fact of any kind.
func (s *attendance) noteFact(e event.Event) {
	if e.Epoch != s.epoch {
		if s.epoch != 0 {
			s.endEpoch()
		}
		s.epoch, s.first = e.Epoch, e.Stamp
	}
	s.last = e.Stamp
}

// endEpoch ends the open stays at the last fact of the old epoch.
func (s *attendance) endEpoch() {
	for _, u := range s.users {
		if u.here {
			u.endStay(s.last)
			u.cutOff = true
		}
	}
}

func (s *attendance) recordArrival(e event.Event) {
	u := s.users[e.By]
	if u == nil {
		u = &pupilTime{arrivedAt: max(e.Stamp.Wall, 1)}
		s.users[e.By] = u
	}
	if u.here {
		return
	}
	u.here = true
	if u.cutOff && u.until.Boot == e.Stamp.Boot && e.Stamp.Mono-s.first.Mono <= resumeWindow {
		u.since, u.cutOff = u.until, false // never gone: the gap counts
		return
	}
	u.since, u.cutOff = e.Stamp, false
	u.intervals++
}

func (s *attendance) recordDeparture(e event.Event) {
	if u := s.users[e.By]; u != nil && u.here {
		u.endStay(e.Stamp)
	}
}

// endAll ends the open stays at the end of the lesson.
func (s *attendance) endAll(at event.Stamp) {
	for _, u := range s.users {
		if u.here {
			u.endStay(at)
		}
	}
}

func (u *pupilTime) endStay(at event.Stamp) {
	u.totalMS += elapsedMS(u.since, at)
	u.here, u.until = false, at
}

// eachPresent yields the pupils who are here now, in no order.
func (s *attendance) eachPresent(yield func(string) bool) {
	for user, u := range s.users {
		if u.here && !yield(user) {
			return
		}
	}
}

// timePresent is the time here up to now, in milliseconds.
func (s *attendance) timePresent(user string) int64 {
	u := s.users[user]
	switch {
	case u == nil:
		return 0
	case u.here:
		return u.totalMS + elapsedMS(u.since, s.last)
	}
	return u.totalMS
}

// elapsedMS is the time from a to b in milliseconds, never negative. Within one run of the
// program it does not use the wall clock, because people may set it.
func elapsedMS(a, b event.Stamp) int64 {
	if a.Boot == b.Boot {
		return max(b.Mono-a.Mono, 0)
	}
	return max(b.Wall-a.Wall, 0)
}
