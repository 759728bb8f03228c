package room

import "github.com/livelearn/box/services/event"

// Def is how facts of a kind are treated; false: no feature of this box has the kind.
func (rs *Rooms) Def(kind event.Kind) (event.Def, bool) {
	d, ok := rs.defs[kind]
	return d, ok
}
