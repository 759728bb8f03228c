package screen

import (
	"image"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/devices/v3/ssd1306"

	"github.com/livelearn/box/hal"
)

// Address is where an SSD1306 answers on its I2C bus (its data sheet, 8.1.5; SA0 is low on
// the boards that are sold).
const Address = 0x3c

// OLED is a display with an SSD1306. Its bus is opened for each page and the display is set
// up anew, so that one that was unplugged shows the next page, and another program may have
// it in between.
type OLED struct {
	open func() (i2c.BusCloser, error)
}

// NewOLED is the display on the bus that open opens.
func NewOLED(open func() (i2c.BusCloser, error)) *OLED { return &OLED{open: open} }

// Answers tells that there is a device at the display's address: its status is read.
func (o *OLED) Answers() bool {
	bus, err := o.open()
	if err != nil {
		return false
	}
	err = bus.Tx(Address, nil, make([]byte, 1))
	_ = bus.Close() // nothing was written
	return err == nil
}

// Show implements hal.Display. It takes a tenth of a second on a bus of 100 kHz.
func (o *OLED) Show(p hal.Page) error {
	bus, err := o.open()
	if err != nil {
		return err
	}
	err = show(bus, p)
	if e := bus.Close(); err == nil {
		err = e
	}
	return err
}

func show(bus i2c.Bus, p hal.Page) error {
	opts := ssd1306.DefaultOpts // 128 by 64
	d, err := ssd1306.NewI2C(bus, &opts)
	if err != nil {
		return err
	}
	return d.Draw(d.Bounds(), Render(p), image.Point{})
}
