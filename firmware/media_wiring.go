package firmware

import (
	"context"
	"path/filepath"
	"time"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/firmware/medianode"
	"github.com/livelearn/box/services/call"
	"github.com/livelearn/box/services/gateway/adminapi"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/media/signaling"
	"github.com/livelearn/box/services/media/whip"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/supervise"
)

// buildMedia makes what carries pictures and sound, unless this box has none.
func (b *Box) buildMedia() {
	if b.cfg.Media.Off || b.parts.NoMachineIO {
		return
	}
	b.nodes = medianode.New(b.cfg.Media, medianode.Deps{
		Program: b.parts.Program, Stderr: b.parts.Stderr, LogConfig: b.cfg.Log, Recordings: b.folder.PathOf(datafolder.RecordingsDir),
		Health: b.health, Log: b.loggerFor("media"), Metrics: b.registry,
	})
	b.signaling = signaling.New(b.nodes.Failover, func(ctx context.Context, id string, m room.Message) (room.Reply, error) {
		return b.rooms.Call(ctx, id, m)
	}, b.recordDir, b.loggerFor("media"))
}

// recordDir is where the lesson that is open in a room is recorded.
func (b *Box) recordDir(room string) (string, error) {
	l, err := b.roster.LessonIn(room)
	return filepath.Join(b.folder.Path, datafolder.RecordingsDir, l.ID), err
}

// callExchange, whipNode and mediaAdmin are how the rooms and the gateway reach the nodes. Each
// is nil when there are no nodes.
func (b *Box) callExchange() call.Exchange {
	if b.signaling == nil {
		return nil
	}
	return b.signaling
}

func (b *Box) whipNode() whip.Node {
	if b.nodes == nil {
		return nil
	}
	return b.nodes
}

func (b *Box) mediaAdmin() adminapi.Media {
	if b.nodes == nil {
		return nil
	}
	return b.nodes
}

// mediaStates are the nodes. The list is empty when this box carries no media.
func (b *Box) mediaStates() []media.NodeState {
	if b.nodes == nil {
		return []media.NodeState{}
	}
	return b.nodes.States()
}

// mediaChildren are the signaling, the processes and their monitor.
func (b *Box) mediaChildren() []supervise.Child {
	if b.nodes == nil {
		return nil
	}
	return []supervise.Child{
		withShutdownTimeout(5*time.Second, supervise.Run("exchange", b.signaling)),
		supervise.Run("media", b.nodes.Processes()),
		withShutdownTimeout(time.Second, supervise.Run("media watch", b.nodes.Monitor())),
	}
}
