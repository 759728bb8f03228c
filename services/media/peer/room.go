package peer

import (
	"cmp"
	"slices"
	"time"

	"github.com/livelearn/box/services/media"
)

// room is those who publish and watch together. Guarded by Node.mu.
type room struct {
	id       string
	sources  []*source
	watchers []*watcher
	muted    map[mutedKey]bool
	spoke    map[string]time.Time // when a person was last heard
	ups      int
	speakers []string // as last told
	rec      *recording
}

type mutedKey struct {
	user string
	what media.Source
}

// room finds or makes a room.
func (n *Node) room(id string) *room {
	r := n.rooms[id]
	if r == nil {
		r = &room{id: id, muted: map[mutedKey]bool{}, spoke: map[string]time.Time{}}
		n.rooms[id] = r
	}
	return r
}

func (r *room) add(p *publisher, what media.Source, audio bool) *source {
	r.ups++
	s := &source{pub: p, what: what, audio: audio, up: r.ups}
	r.sources = append(r.sources, s)
	return s
}

// ranked are the sources of a kind, the most important first: teachers before pupils, a
// screen before a camera, who spoke last before who did not, who came first.
func (r *room) ranked(audio bool) []*source {
	var list []*source
	for _, s := range r.sources {
		if s.audio == audio && !r.muted[mutedKey{s.pub.ask.User, s.what}] && len(s.layers) > 0 {
			list = append(list, s)
		}
	}
	slices.SortStableFunc(list, func(a, b *source) int {
		return cmp.Or(
			-order(a.pub.first, b.pub.first),
			-order(a.what == media.Screen, b.what == media.Screen),
			r.spoke[b.pub.ask.User].Compare(r.spoke[a.pub.ask.User]),
			cmp.Compare(a.up, b.up),
		)
	})
	return list
}

func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// fill gives slots their sources: the first of ranked that find a place. Who has a slot
// keeps it, so that pictures do not jump about.
func fill(now, ranked []*source) []*source {
	want := ranked[:min(len(now), len(ranked))]
	next := make([]*source, len(now))
	for i, s := range now {
		if s != nil && slices.Contains(want, s) {
			next[i] = s
		}
	}
	for _, s := range want {
		if !slices.Contains(next, s) {
			next[slices.Index(next, nil)] = s
		}
	}
	return next
}

// arrange decides anew what feeds every watcher of a room. The caller holds mu.
func (n *Node) arrange(id string) {
	r := n.rooms[id]
	if r == nil {
		return
	}
	sound, pictures := r.ranked(true), r.ranked(false)
	for _, w := range r.watchers {
		w.arrange(sound, pictures)
	}
	r.rest(n, time.Now())
	if len(r.watchers) == 0 && len(r.sources) == 0 && r.rec == nil && len(r.muted) == 0 && !n.inUse(id) {
		delete(n.rooms, id)
	}
}

// inUse tells that a session is connecting in the room.
func (n *Node) inUse(id string) bool {
	for _, s := range n.sessions {
		if in, _ := s.owner(); in == id {
			return true
		}
	}
	return false
}
