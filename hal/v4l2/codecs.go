package v4l2

import (
	"errors"
	"io/fs"
	"slices"

	"github.com/livelearn/box/hal"
)

// codecs implements hal.Codecs.
type codecs struct {
	paths []string
	open  func(path string) (*Device, error)
}

// New returns the codecs of the machine whose root folder is root, nil if it has no video devices.
// Each use opens a device at the same path under "/".
func New(root fs.FS) hal.Codecs {
	names, err := fs.Glob(root, "dev/video*")
	if err != nil || len(names) == 0 {
		return nil
	}
	c := &codecs{open: Open}
	for _, n := range names {
		c.paths = append(c.paths, "/"+n)
	}
	return c
}

// List implements hal.Codecs.
func (c *codecs) List() (list []hal.Codec) {
	for _, p := range c.paths {
		d, err := c.open(p)
		if err != nil {
			continue // a camera, or a busy device
		}
		list = append(list, d.Info())
		_ = d.Close() // nothing was done with it
	}
	return list
}

// Encoder implements hal.Codecs.
func (c *codecs) Encoder(cfg hal.EncoderConfig) (hal.Encoder, error) {
	if cfg.Format == "" {
		cfg.Format = hal.H264
	}
	all := []error{hal.ErrNoCodec}
	for _, p := range c.paths {
		d, err := c.open(p)
		if err != nil {
			all = append(all, err)
			continue
		}
		if !slices.Contains(d.Info().Encodes, cfg.Format) {
			_ = d.Close() // nothing was done with it
			continue
		}
		e, err := NewEncoder(d, cfg)
		if err == nil {
			return e, nil
		}
		all = append(all, err)
	}
	return nil, errors.Join(all...)
}
