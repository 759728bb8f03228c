package screen

import (
	"image"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/devices/v3/ssd1306"

	"github.com/livelearn/box/hal"
)

// i2cAddress is the address of an SSD1306 on its I2C bus (data sheet, 8.1.5). SA0 is low on the
// boards that are sold.
const i2cAddress = 0x3c

// OLED is a display with an SSD1306. It opens the bus and initialises the display for each page. A
// display that was unplugged shows the next page, and another program can use the display in
// between.
type OLED struct {
	open func() (i2c.BusCloser, error)
}

// NewOLED returns the display on the bus that open returns.
func NewOLED(open func() (i2c.BusCloser, error)) *OLED { return &OLED{open: open} }

// IsPresent reports whether a device answers at the address of the display. It reads the status.
func (o *OLED) IsPresent() bool {
	bus, err := o.open()
	if err != nil {
		return false
	}
	err = bus.Tx(i2cAddress, nil, make([]byte, 1))
	_ = bus.Close() // nothing was written
	return err == nil
}

// Show implements hal.Display. It takes a tenth of a second on a bus of 100 kHz.
func (o *OLED) Show(p hal.Page) error {
	bus, err := o.open()
	if err != nil {
		return err
	}
	err = showPage(bus, p)
	if e := bus.Close(); err == nil {
		err = e
	}
	return err
}

func showPage(bus i2c.Bus, p hal.Page) error {
	opts := ssd1306.DefaultOpts // 128 by 64
	d, err := ssd1306.NewI2C(bus, &opts)
	if err != nil {
		return err
	}
	return d.Draw(d.Bounds(), Render(p), image.Point{})
}
