// Package peer is the media node: it answers the offers of publishers and watchers with pion
// (ICE, DTLS, SDP and RTCP) and lets package forward carry the packets.
//
//	offer -> PeerConnection -> OnTrack -> reader --Write--> forward.Layer
//	                                                            |  (shards, fan-out)
//	offer -> PeerConnection -> keys, address -> forward.Sub <---+
//	RTCP of watchers -> NACK to the slot, loss and REMB to bwe, PLI to the publisher
//
// On the fast path pion never writes RTP on a watcher's connection: forward seals with the
// keys of that connection, and two writers with one key would repeat GCM nonces. On the plain
// path pion's own TrackLocal writes, which is the reference.
//
// The package runs the socket, one goroutine for each incoming layer and one for the RTCP of
// each slot, and a tick that chooses speakers and layers. A fault that pion's own goroutines
// do not contain ends the process. The core then continues with the standby.
package peer

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/transport/v5"
	"github.com/pion/webrtc/v4"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/media/forward"
	"github.com/livelearn/box/services/media/record"
	"github.com/livelearn/box/services/supervise"
)

// Config is the configuration of a node. The zero value listens on any port and takes the fast
// path.
type Config struct {
	UDP      string // address of the one port for all media, default ":0"
	Plain    bool   // the reference path: pion seals and sends
	NoGSO    bool   // one send for each packet
	Shards   int    // 0: one for each core
	Capacity int    // watchers that are admitted, 0: no limit

	Recordings  string // folder of all recordings, for the budget, default: the folder of each recording
	RecordBytes int64  // bytes for recordings, 0: limited by the disk only
	Reserve     int64  // bytes that recordings leave free, for lesson data

	// Profiles are the SRTP profiles in order of preference. Empty: AES-128-GCM first.
	Profiles []forward.Profile

	// Net and Conn replace the machine's network, for tests on a virtual one. They imply Plain.
	Net  transport.Net
	Conn net.PacketConn
}

// Node implements media.Node.
type Node struct {
	cfg       Config
	log       *slog.Logger
	conn      net.PacketConn
	mux       *ice.UDPMuxDefault
	forwarder *forward.Forwarder
	api       pionAPIs
	cert      webrtc.Certificate // of all connections
	events    chan media.Event
	startedAt time.Time
	meter     cpuMeter

	mu       sync.Mutex
	tasks    *supervise.Tasks // nil before and after Serve
	sessions map[string]session
	rooms    map[string]*room
	budget   *record.Budget // of all recordings, nil before the first
}

// session is a publisher or a watcher.
type session interface {
	roomAndUser() (room, user string)
	// leaveRoom removes the session from its room. The caller holds Node.mu.
	leaveRoom()
	// closeTransport ends its transport, without Node.mu.
	closeTransport()
}

// New opens the socket. Serve must be called, and ends it.
func New(cfg Config, log *slog.Logger) (*Node, error) {
	n := &Node{
		cfg: cfg, log: log, events: make(chan media.Event, media.EventQueue), startedAt: time.Now(),
		sessions: map[string]session{}, rooms: map[string]*room{},
	}
	if err := n.openSocket(); err != nil {
		return nil, err
	}
	forwarder, err := forward.New(forward.Config{Shards: cfg.Shards, NoGSO: cfg.NoGSO}, n.udpSocket())
	if err != nil {
		return nil, errs.New("peer.New", errs.Down, err)
	}
	n.forwarder = forwarder
	n.mux = ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: n.conn, Net: cfg.Net, Logger: silentLogger{}.NewLogger("mux")})
	if n.api, err = newAPIs(); err == nil {
		n.cert, err = newCertificate()
	}
	if err != nil {
		return nil, errs.New("peer.New", errs.Internal, err)
	}
	return n, nil
}

func (n *Node) openSocket() error {
	if n.cfg.Conn != nil {
		n.conn, n.cfg.Plain = n.cfg.Conn, true
		return nil
	}
	addr := n.cfg.UDP
	if addr == "" {
		addr = ":0"
	}
	a, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return errs.NewField("peer.New", "udp", "bad_address", 0, "%v", err)
	}
	c, err := net.ListenUDP("udp", a)
	if err != nil {
		return errs.New("peer.New", errs.Down, err)
	}
	// A key frame for a class is a burst of some hundred packets.
	_, _ = c.SetReadBuffer(socketBuffer), c.SetWriteBuffer(socketBuffer)
	n.conn = c
	return nil
}

const socketBuffer = 4 << 20 // bytes, the kernel may allow less

// udpSocket is the real socket. It is nil on a virtual network, which has no fast path.
func (n *Node) udpSocket() *net.UDPConn {
	c, _ := n.conn.(*net.UDPConn)
	return c
}

// Addr is the address for incoming media.
func (n *Node) Addr() net.Addr { return n.conn.LocalAddr() }

// String is the node's name in the supervision tree.
func (n *Node) String() string { return "media" }

// Serve runs the node until ctx ends. Then all sessions are closed.
func (n *Node) Serve(ctx context.Context) error {
	tasks := supervise.Group(ctx)
	n.mu.Lock()
	n.tasks = tasks
	n.mu.Unlock()
	tasks.Go(n.forwarder.Serve)
	tasks.Go(n.runTicker)
	tasks.Go(func(ctx context.Context) error {
		<-ctx.Done()
		n.closeAll()
		return nil
	})
	return tasks.Wait()
}

// closeAll closes all sessions and the socket.
func (n *Node) closeAll() {
	n.mu.Lock()
	all := n.sessions
	n.sessions, n.tasks = map[string]session{}, nil
	for _, s := range all {
		s.leaveRoom()
	}
	n.mu.Unlock()
	for _, s := range all {
		s.closeTransport()
	}
	_ = n.mux.Close() // closes the socket too
	_ = n.conn.Close()
}

// Events implements media.Node.
func (n *Node) Events() <-chan media.Event { return n.events }

// emitEvent queues an event. It is dropped if the reader is far behind.
func (n *Node) emitEvent(e media.Event) {
	select {
	case n.events <- e:
	default:
		n.log.Warn("event lost: the core does not read events", "kind", e.Kind)
	}
}

// runTask starts fn as a task of Serve. False: the node does not serve.
func (n *Node) runTask(fn func(ctx context.Context)) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tasks == nil {
		return false
	}
	n.tasks.Go(func(ctx context.Context) error { fn(ctx); return nil })
	return true
}

// Close implements media.Node.
func (n *Node) Close(_ context.Context, id string) error {
	if !n.endSession(id, nil) {
		return noSession("media.Close")
	}
	return nil
}

// endSession removes a session, if it is still s (nil: any), and reports whether it did.
func (n *Node) endSession(id string, s session) bool {
	n.mu.Lock()
	is, ok := n.sessions[id]
	if !ok || s != nil && is != s {
		n.mu.Unlock()
		return false
	}
	delete(n.sessions, id)
	is.leaveRoom()
	in, user := is.roomAndUser()
	n.arrangeRoom(in)
	n.mu.Unlock()
	is.closeTransport()
	n.emitEvent(media.Event{Kind: media.SessionDown, Room: in, User: user, Session: id})
	return true
}

func noSession(op string) error {
	return errs.NewCode(op, errs.Missing, "no_session", "no such session on this node")
}

// watchTransport ends the session when its transport does.
func (n *Node) watchTransport(id string, s session, pc *webrtc.PeerConnection, connected func()) {
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			connected()
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			n.runTask(func(context.Context) { n.endSession(id, s) })
		}
	})
}

// silentLogger drops pion's own logs: they contain addresses of people, and one of its levels
// prints key material.
type silentLogger struct{}

// NewLogger implements logging.LoggerFactory.
func (silentLogger) NewLogger(string) logging.LeveledLogger {
	return &logging.DefaultLeveledLogger{}
}
