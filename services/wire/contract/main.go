// Contract writes what the features declare in forms for others: the TypeScript types of the
// pages and the tables of the protocol's document. Run it by `go generate ./services/wire`
// after a change of an event.Def, a room.Command or a payload type. A test compares.
//
//	features: Events, Commands, Casts -> ui/src/contract.ts
//	                                  -> services/wire/PROTOCOL.md, between its markers
package main

import (
	"fmt"
	"os"

	"github.com/livelearn/box/services/call"
	"github.com/livelearn/box/services/chat"
	"github.com/livelearn/box/services/groups"
	"github.com/livelearn/box/services/hand"
	"github.com/livelearn/box/services/quiz"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/reaction"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/whiteboard"
)

// The files, seen from services/wire.
const (
	typesFile    = "../../ui/src/contract.ts"
	protocolFile = "PROTOCOL.md"
)

// features are all that a room has. A test in firmware compares them with the box's list.
func features() []room.Kind {
	return []room.Kind{room.ControlKind, chat.Kind, hand.Kind, reaction.Kind, quiz.Kind, whiteboard.Kind, groups.Kind, call.Kind(nil)}
}

// limits are constants that the pages need.
var limits = []struct {
	name  string
	value int
}{
	{"maxChatText", chat.MaxText},
	{"maxItemText", item.MaxText},
	{"maxAnswerText", item.MaxAnswer},
	{"maxOptions", item.MaxOptions},
	{"maxGaps", item.MaxGaps},
	{"maxSeconds", item.MaxSeconds},
	{"extent", whiteboard.Extent},
	{"maxStrokePoints", whiteboard.MaxPoints},
	{"maxStrokeBytes", whiteboard.MaxStroke},
	{"minGroups", groups.MinGroups},
	{"maxGroups", groups.MaxGroups},
	{"maxGroupName", groups.MaxName},
	{"maxSDP", call.MaxSDP},
	{"maxSlots", call.MaxSlots},
}

func main() {
	if err := writeAll(); err != nil {
		fmt.Fprintln(os.Stderr, "contract:", err)
		os.Exit(1)
	}
}

func writeAll() error {
	document, err := os.ReadFile(protocolFile)
	if err != nil {
		return err
	}
	document, err = fillTables(document, features())
	if err != nil {
		return err
	}
	if err := os.WriteFile(protocolFile, document, 0o644); err != nil {
		return err
	}
	return os.WriteFile(typesFile, writeTypes(features()), 0o644)
}
