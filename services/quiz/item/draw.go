package item

import (
	"fmt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/ink"
)

// Limits of a drawing.
const (
	MaxStrokes = 200
	MaxDrawing = 12 << 10 // bytes of points
	MaxColor   = 7
	MaxPen     = 8
)

// Stroke is one line of a drawing. Points are as on a whiteboard (see services/ink).
type Stroke struct {
	Color  int    `json:"color"` // 0 to 7, of the pages' palette
	Size   int    `json:"size"`  // 1 to 8
	Points string `json:"points"`
}

func checkDrawing(op string, list []Stroke) error {
	if len(list) > MaxStrokes {
		return errs.NewField(op, "response.strokes", "too_many", MaxStrokes, "%d strokes, at most %d", len(list), MaxStrokes)
	}
	size := 0
	for i, s := range list {
		at := fmt.Sprintf("response.strokes[%d].", i)
		n, ok := 0, true
		if size += len(s.Points); size <= MaxDrawing {
			n, ok = ink.CountPoints(s.Points)
		}
		switch {
		case size > MaxDrawing:
			return errs.NewField(op, "response.strokes", "too_large", MaxDrawing, "more than %d bytes of points", MaxDrawing)
		case s.Color < 0 || s.Color > MaxColor:
			return errs.NewField(op, at+"color", "out_of_range", MaxColor, "must be 0 to %d", MaxColor)
		case s.Size < 1 || s.Size > MaxPen:
			return errs.NewField(op, at+"size", "out_of_range", MaxPen, "must be 1 to %d", MaxPen)
		case !ok || n == 0:
			return errs.NewField(op, at+"points", "bad_points", ink.Extent, "must be places of 0 to %d with a pressure of 0 to 100", ink.Extent)
		}
	}
	return nil
}
