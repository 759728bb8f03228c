package peer

import (
	"context"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media"
)

// recording writes a room's tracks to files.
type recording struct{ all bool }

// wants tells that the source is recorded.
func (r *recording) wants(s *source) bool { return r != nil && (r.all || s.pub.first) }

// Record implements media.Node.
func (n *Node) Record(context.Context, media.Record) error {
	return errs.New("media.Record", errs.Down, nil)
}
