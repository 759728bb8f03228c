// Package media is the border between a lesson and the media server.
//
// A Node is a selective forwarding unit (SFU, RFC 7667 3.7): it receives tracks from publishers
// and forwards them to watchers. It knows sessions and rooms by their ids and knows nothing of
// lessons. The room decides who may publish before a Node is asked. The core talks to a Node in
// another process over a control connection (Client, Serve) and to the active node through a
// Failover. Media itself does not pass through here.
//
// Each person has two peer connections. The browser makes the offer for both and the node
// answers: one sends (Publish) and one receives (Watch). A watcher offers a fixed number of
// receiving slots once. The node decides which source feeds which slot and reports it by an
// Event, so no renegotiation is needed when people come and go.
package media

import (
	"context"
	"time"
)

// Source is the content of a track.
type Source string

// The sources. Each person has at most one of each.
const (
	Camera     Source = "camera"
	Microphone Source = "microphone"
	Screen     Source = "screen"
)

// Track describes the content of an m-line of an offer.
type Track struct {
	MID    string `json:"mid"` // of the m-line (RFC 5888), a WHIP offer's m-lines are named by their kind
	Source Source `json:"source"`
}

// Publish is a request to receive a publisher's media. The same Session again renegotiates
// (another track, ICE restart).
type Publish struct {
	Room    string  `json:"room"`
	User    string  `json:"user"`
	Session string  `json:"session"` // chosen by the caller: unguessable, 1 to 64 characters
	SDP     string  `json:"sdp"`     // the offer
	Tracks  []Track `json:"tracks"`  // the tracks that may be published, other m-lines are refused
	First   bool    `json:"first"`   // a teacher: shown before all others
}

// Mode is the quality that a watcher wants.
type Mode string

// The modes.
const (
	Full  Mode = "full"  // as good as the link carries
	Saver Mode = "saver" // thumbnails: the lowest layer only
	Sound Mode = "sound" // no pictures
)

// Watch is a request to send media to a watcher. The same Session again renegotiates.
type Watch struct {
	Room    string `json:"room"`
	User    string `json:"user"`
	Session string `json:"session"`
	SDP     string `json:"sdp"` // the offer: each receiving m-line is a slot
	Mode    Mode   `json:"mode"`
}

// Answer is a node's answer to an offer.
type Answer struct {
	SDP string `json:"sdp"`
}

// Patch is a trickle-ICE fragment (RFC 8840) for a session, or an ICE restart.
type Patch struct {
	Session  string `json:"session"`
	Fragment string `json:"fragment"`
}

// Want describes the display of a watcher's page: Mode, and the height in CSS pixels for each
// slot's mid. 0 means out of sight. A missing entry means the largest layer.
type Want struct {
	Session string         `json:"session"`
	Mode    Mode           `json:"mode"`
	Heights map[string]int `json:"heights,omitempty"`
}

// Record is a request to write the tracks of a room to files in Dir, or to stop (Dir empty).
// Only First publishers are recorded unless All.
type Record struct {
	Room string `json:"room"`
	Dir  string `json:"dir"`
	All  bool   `json:"all"`
}

// Node is a media server: peer.Node in its own process, or a Client of one. Refusals have errs
// kinds: Invalid (bad offer), Missing (unknown session), Busy (the node's admission limit, code
// "full"), Down (the node is gone). A session ends by Close, by its transport's end, or with
// its node.
type Node interface {
	Publish(context.Context, Publish) (Answer, error)
	Watch(context.Context, Watch) (Answer, error)
	Patch(context.Context, Patch) (Answer, error) // Answer.SDP is a fragment, or empty
	Close(ctx context.Context, session string) error
	// Mute stops or resumes forwarding of one source of a user, whatever the publisher sends.
	Mute(ctx context.Context, room, user string, source Source, on bool) error
	Want(context.Context, Want) error
	Record(context.Context, Record) error
	Load(context.Context) (Load, error)
	// Events yields the node's events until the node ends. There is one reader. A reader that
	// falls behind by EventQueue loses the newest events. The next Slots or Speakers event is
	// complete.
	Events() <-chan Event
}

// EventQueue is the number of events that may wait for their reader.
const EventQueue = 1024

// The kinds of events.
const (
	TrackUp     = "track.up"     // Room, User, Session, Source: media has begun to arrive
	TrackDown   = "track.down"   // the same, ended
	SessionDown = "session.down" // Room, User, Session: transport failed or closed
	SlotsAre    = "slots"        // Room, User, Session, Slots: the sources of a watcher's slots now
	Speakers    = "speakers"     // Room, Users: loudest first
	Layers      = "layers"       // Room, User, Session, Source, Active: the watched layers of a publisher (dynacast)
	Moved       = "moved"        // Room, User, Session: from a Failover, connect again, another node is active
	Recording   = "recording"    // Room, On, Err: recording began or ended, Err is the cause if it ended by itself
)

// Event is a report of a node.
type Event struct {
	Kind    string   `json:"kind"`
	Room    string   `json:"room"`
	User    string   `json:"user,omitempty"`
	Session string   `json:"session,omitempty"`
	Source  Source   `json:"source,omitempty"`
	Slots   []Slot   `json:"slots,omitempty"`
	Users   []string `json:"users,omitempty"`
	Active  []string `json:"active,omitempty"` // rids
	On      bool     `json:"on,omitempty"`
	Err     string   `json:"err,omitempty"`
}

// Slot is the source of one receiving m-line of a watcher. User is empty for an empty slot.
type Slot struct {
	MID    string `json:"mid"`
	User   string `json:"user,omitempty"`
	Source Source `json:"source,omitempty"`
}

// Load is the load of a node and its capacity.
type Load struct {
	Publishers int     `json:"publishers"`
	Watchers   int     `json:"watchers"`
	Capacity   int     `json:"capacity"` // watchers of one 1.5 Mbit/s picture, by the self-test at start
	CPU        float64 `json:"cpu"`      // of all cores, 0 to 1, the last second

	Path        string `json:"path"`    // "fast" or "plain": forward or pion seals and sends
	GSO         bool   `json:"gso"`     // one send for a burst
	Profile     string `json:"profile"` // the preferred SRTP profile
	PacketsIn   uint64 `json:"packetsIn"`
	PacketsOut  uint64 `json:"packetsOut"`
	Dropped     uint64 `json:"dropped"`
	Retransmits uint64 `json:"retransmits"`

	Up time.Duration `json:"up"`
}
