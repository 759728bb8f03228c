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

// panel is a double of an SSD1306 as far as its data sheet's page addressing goes.
type panel struct {
	ram       [8][Width]byte
	page, col int
	on        bool
	opened    int
	gone      bool
}

func (p *panel) Tx(addr uint16, w, r []byte) error {
	if p.gone || addr != Address {
		return errors.New("no acknowledge")
	}
	if len(w) == 0 {
		return nil // its status
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

func (*panel) SetSpeed(physic.Frequency) error { return nil }
func (*panel) String() string                  { return "panel" }
func (p *panel) Close() error                  { p.opened--; return nil }

func (p *panel) open() (i2c.BusCloser, error) { p.opened++; return p, nil }

func (p *panel) lit(x, y int) bool { return p.ram[y/8][x]>>(y%8)&1 == 1 }

func TestPageIsSeenOnTheDisplay(t *testing.T) {
	p := &panel{}
	o := NewOLED(p.open)
	for range 2 { // a second page, and another program's in between
		if err := o.Show(pages["claim"]); err != nil {
			t.Fatal(err)
		}
		if got, err := scan(p.lit); err != nil || got != pages["claim"].QR || !p.on {
			t.Errorf("got %q, %v, on %v", got, err, p.on)
		}
		p.ram[3] = [Width]byte{}
	}
	haltest.TestBoard(t, hal.Board{Name: "oled", Display: o}, haltest.Hands{})
	if p.opened != 0 {
		t.Errorf("the bus was left open %d times", p.opened)
	}
}

func TestDisplayThatIsGoneTellsSo(t *testing.T) {
	p := &panel{}
	o := NewOLED(p.open)
	if !o.Answers() {
		t.Error("it does not answer")
	}
	p.gone = true
	if o.Answers() || o.Show(pages["claim"]) == nil {
		t.Error("it answers")
	}
	none := NewOLED(func() (i2c.BusCloser, error) { return nil, errors.New("no bus") })
	if none.Answers() || none.Show(pages["claim"]) == nil || p.opened != 0 {
		t.Error("a display without a bus answers, or a bus is left open")
	}
}

// TestTrafficIsTheSameForTheSamePage records what goes over the bus and plays it back.
func TestTrafficIsTheSameForTheSamePage(t *testing.T) {
	record := &i2ctest.Record{Bus: &panel{}}
	if err := show(record, pages["lesson"]); err != nil {
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
	if err := errors.Join(show(back, pages["lesson"]), back.Close()); err != nil {
		t.Error(err)
	}
}
