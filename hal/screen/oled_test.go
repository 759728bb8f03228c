package screen

import (
	"errors"
	"fmt"
	"testing"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/i2c/i2ctest"
	"periph.io/x/conn/v3/physic"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/haltest"
)

// fakePanel is a double of an SSD1306 with the page addressing of its data sheet.
type fakePanel struct {
	ram       [8][Width]byte
	page, col int
	on        bool
	opened    int
	gone      bool
}

func (p *fakePanel) Tx(addr uint16, w, r []byte) error {
	if p.gone || addr != i2cAddress {
		return errors.New("no acknowledge")
	}
	if len(w) == 0 {
		return nil // the status
	}
	switch {
	case w[0] == 0x40:
		for _, b := range w[1:] {
			p.ram[p.page][p.col%Width] = b
			p.col++
		}
	case w[0] == 0 && len(w) == 4:
		p.page, p.col = int(w[1]&7), int(w[2]&15)|int(w[3]&15)<<4
	case w[0] == 0:
		p.on = w[len(w)-1] == 0xaf
	default:
		return fmt.Errorf("control byte %#x", w[0])
	}
	return nil
}

func (*fakePanel) SetSpeed(physic.Frequency) error { return nil }
func (*fakePanel) String() string                  { return "panel" }
func (p *fakePanel) Close() error                  { p.opened--; return nil }

func (p *fakePanel) open() (i2c.BusCloser, error) { p.opened++; return p, nil }

func (p *fakePanel) lit(x, y int) bool { return p.ram[y/8][x]>>(y%8)&1 == 1 }

func TestPageIsSeenOnTheDisplay(t *testing.T) {
	p := &fakePanel{}
	o := NewOLED(p.open)
	for range 2 { // a second page, with the writes of another program in between
		if err := o.Show(testPages["claim"]); err != nil {
			t.Fatal(err)
		}
		if got, err := scanQR(p.lit); err != nil || got != testPages["claim"].QR || !p.on {
			t.Errorf("got %q, %v, on %v", got, err, p.on)
		}
		p.ram[3] = [Width]byte{}
	}
	haltest.TestBoard(t, hal.Board{Name: "oled", Display: o}, haltest.Operator{})
	if p.opened != 0 {
		t.Errorf("the bus was left open %d times", p.opened)
	}
}

func TestDisplayThatIsGoneTellsSo(t *testing.T) {
	p := &fakePanel{}
	o := NewOLED(p.open)
	if !o.IsPresent() {
		t.Error("it does not answer")
	}
	p.gone = true
	if o.IsPresent() || o.Show(testPages["claim"]) == nil {
		t.Error("it answers")
	}
	none := NewOLED(func() (i2c.BusCloser, error) { return nil, errors.New("no bus") })
	if none.IsPresent() || none.Show(testPages["claim"]) == nil || p.opened != 0 {
		t.Error("a display without a bus answers, or a bus is left open")
	}
}

// TestTrafficIsTheSameForTheSamePage records the traffic on the bus and replays it.
func TestTrafficIsTheSameForTheSamePage(t *testing.T) {
	record := &i2ctest.Record{Bus: &fakePanel{}}
	if err := showPage(record, testPages["lesson"]); err != nil {
		t.Fatal(err)
	}
	sent := 0
	for _, o := range record.Ops {
		sent += len(o.W) + 1
	}
	if sent > 1200 {
		t.Errorf("%d bytes for a page of 1024", sent)
	}
	back := &i2ctest.Playback{Ops: record.Ops, DontPanic: true}
	if err := errors.Join(showPage(back, testPages["lesson"]), back.Close()); err != nil {
		t.Error(err)
	}
}
