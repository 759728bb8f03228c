// Package media is the border between a lesson and the program that carries its pictures
// and sound.
//
// A Node receives tracks from publishers and forwards them to watchers (an SFU). It knows
// sessions and rooms by their ids and nothing of lessons: who may publish is decided by the
// room before a Node is asked. The core talks to a Node in another process over a control
// connection (Client, Serve) and to the node in charge through a Switch. No media byte
// passes here.
//
// Two connections are made for each person, both offered by the browser and answered by the
// node: one that sends (Publish) and one that receives (Watch). A watcher offers a fixed
// number of receiving slots once; the node decides which source feeds which slot and says so
// by an Event, so that people who come and go never make anybody negotiate again.
package media

import (
	"context"
	"time"
)

// Source is what a track shows.
type Source string

// The sources. Each person has at most one of each.
const (
	Camera     Source = "camera"
	Microphone Source = "microphone"
	Screen     Source = "screen"
)

// Track says what an m-line of an offer carries.
type Track struct {
	MID    string `json:"mid"` // of the m-line (RFC 5888); a WHIP offer's are named by their kind
	Source Source `json:"source"`
}

// Publish asks a node to receive. The same Session again renegotiates (another track, ICE
// restart).
type Publish struct {
	Room    string  `json:"room"`
	User    string  `json:"user"`
	Session string  `json:"session"` // made by the asker: unguessable, 1 to 64 characters
	SDP     string  `json:"sdp"`     // the offer
	Tracks  []Track `json:"tracks"`  // what may be published; other m-lines are refused
	First   bool    `json:"first"`   // a teacher: is shown before all others
}

// Mode is how much a watcher wants.
type Mode string

// The modes.
const (
	Full  Mode = "full"  // as good as the link carries
	Saver Mode = "saver" // thumbnails: the lowest layer only
	Sound Mode = "sound" // no pictures
)

// Watch asks a node to send. The same Session again renegotiates.
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

// Want says what a watcher's page shows: Mode, and the height in CSS pixels for each slot's
// mid; 0 is out of sight, no entry is as large as it comes.
type Want struct {
	Session string         `json:"session"`
	Mode    Mode           `json:"mode"`
	Heights map[string]int `json:"heights,omitempty"`
}

// Record asks a node to write the tracks of a room to files in Dir, or to stop (Dir empty).
// Only First publishers are recorded unless All.
type Record struct {
	Room string `json:"room"`
	Dir  string `json:"dir"`
	All  bool   `json:"all"`
}

// Node is a media server: peer.Node in its own process, or a Client that speaks to one.
// Refusals are errs kinds: Invalid (bad offer), Missing (no such session), Busy (the node's
// admission limit, code "full"), Down (the node is gone). A session ends by Close, by its
// transport's end, or with its node.
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
	// Events yields what happened, until the node ends. One reader. A reader that falls
	// behind by EventQueue loses what is newest; the next Slots or Speakers event is whole.
	Events() <-chan Event
}

// EventQueue is how many events wait for their reader.
const EventQueue = 1024

// The kinds of events.
const (
	TrackUp     = "track.up"     // Room, User, Session, Source: media has begun to arrive
	TrackDown   = "track.down"   // the same, ended
	SessionDown = "session.down" // Room, User, Session: transport failed or closed
	SlotsAre    = "slots"        // Room, User, Session, Slots: what feeds a watcher's slots now
	Speakers    = "speakers"     // Room, Users: loudest first
	Layers      = "layers"       // Room, User, Session, Source, Active: a publisher's layers that somebody watches (dynacast)
	Moved       = "moved"        // Room, User, Session: by a Switch; connect anew, another node is in charge
	Recording   = "recording"    // Room, On, Err: recording began or ended; Err says why it ended by itself
)

// Event is something that a node tells.
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

// Slot is what feeds one receiving m-line of a watcher; User is empty while nothing does.
type Slot struct {
	MID    string `json:"mid"`
	User   string `json:"user,omitempty"`
	Source Source `json:"source,omitempty"`
}

// Load is how busy a node is and what it can carry.
type Load struct {
	Publishers int     `json:"publishers"`
	Watchers   int     `json:"watchers"`
	Capacity   int     `json:"capacity"` // watchers of one 1.5 Mbit/s picture, by the self-test at start
	CPU        float64 `json:"cpu"`      // of all cores, 0 to 1, the last second

	Path        string `json:"path"`    // "fast" or "plain": who seals and sends
	GSO         bool   `json:"gso"`     // one send for a burst
	Profile     string `json:"profile"` // the SRTP profile that is preferred
	PacketsIn   uint64 `json:"packetsIn"`
	PacketsOut  uint64 `json:"packetsOut"`
	Dropped     uint64 `json:"dropped"`
	Retransmits uint64 `json:"retransmits"`

	Up time.Duration `json:"up"`
}
