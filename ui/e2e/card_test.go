package e2e

import (
	"strings"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
)

// TestAPupilsCardIsAWayIn opens what a card's QR code holds: nothing is asked.
func TestAPupilsCardIsAWayIn(t *testing.T) {
	say := words(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.Claim("Ada")
	class := ada.Class("7B", 3)
	var cards []struct{ ID, Name, Link string }
	if _, err := ada.Call("GET", "/api/classes/"+class+"/cards", nil, &cards); err != nil || len(cards) != 3 {
		t.Fatalf("%v: %v", cards, err)
	}
	home := "http://" + box.HTTP
	p := newPage(t, phone)
	p.open(home + cards[1].Link)
	p.sees(say("join.card")) // no lesson yet
	ada.Lesson(class, "Planets")
	p.press(say("retry"))
	p.until("the lesson", `location.pathname === "/lesson"`)
	p.sees(cards[1].Name)
	p.noFaults()
	if _, err := ada.Call("POST", "/api/classes/"+class+"/cards/renew", struct{}{}, nil); err != nil {
		t.Fatal(err)
	}
	late := newPage(t, phone)
	late.open(home + cards[2].Link)
	late.sees(say("err.card"))
	if strings.Contains(late.text(), cards[2].Name) {
		t.Error("a void card tells a name")
	}
}
