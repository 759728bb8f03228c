package e2e

import (
	"strings"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
)

// TestAPupilsCardIsAWayIn opens the address in the QR code of a card. The page asks for nothing.
func TestAPupilsCardIsAWayIn(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	class := ada.AddClass("7B", 3)
	var cards []struct{ ID, Name, Link string }
	if _, err := ada.CallAPI("GET", "/api/classes/"+class+"/cards", nil, &cards); err != nil || len(cards) != 3 {
		t.Fatalf("%v: %v", cards, err)
	}
	home := "http://" + box.HTTP
	p := newPage(t, phone)
	p.open(home + cards[1].Link)
	p.sees(say("join.card")) // before the lesson
	ada.OpenLesson(class, "Planets")
	p.press(say("retry"))
	p.until("the lesson", `location.pathname === "/lesson"`)
	p.sees(cards[1].Name)
	p.noFaults()
	if _, err := ada.CallAPI("POST", "/api/classes/"+class+"/cards/renew", struct{}{}, nil); err != nil {
		t.Fatal(err)
	}
	late := newPage(t, phone)
	late.open(home + cards[2].Link)
	late.sees(say("err.card"))
	if strings.Contains(late.text(), cards[2].Name) {
		t.Error("a void card shows a name")
	}
}
