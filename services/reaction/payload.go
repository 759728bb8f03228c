package reaction

import "github.com/livelearn/box/services/room"

// SetRequest is the payload of tap.set. An empty tap takes the last one back.
type SetRequest struct {
	room.ID
	Tap string `json:"tap" enum:",yes,no,lost"`
}

// TappedData is the payload of tap.tapped. An empty tap takes the last one back.
type TappedData struct {
	Tap string `json:"tap" enum:",yes,no,lost"`
}

// ReactRequest is the payload of tap.react.
type ReactRequest struct {
	room.ID
	Emoji string `json:"emoji" enum:"👍,❤️,😂,👏,🎉,😮"`
}

// ReactedCast is the payload of the ephemeral event tap.reacted.
type ReactedCast struct {
	By    string `json:"by"`
	Emoji string `json:"emoji" enum:"👍,❤️,😂,👏,🎉,😮"`
}
