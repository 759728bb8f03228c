package item

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"github.com/livelearn/box/services/errs"
)

// Limits of pictures and of pins and strokes on them. MaxRegions is of the right places on one picture.
const (
	MaxAlt     = 250 // characters
	MaxRegions = 10
	MaxSide    = 4096 // pixels
)

// Image is a picture of the library. Alt says in words what it shows. It is empty for a picture
// that says nothing which is not in the text, and Decorative says that this was meant.
type Image struct {
	ID         string `json:"id"` // its file: "<32 hex digits>.<jpg or png>"
	Alt        string `json:"alt,omitempty"`
	Decorative bool   `json:"decorative,omitempty"`
	W          int    `json:"w"` // pixels
	H          int    `json:"h"`
}

var imageID = regexp.MustCompile(`^[0-9a-f]{32}\.(jpg|png)$`)

// MakeImageID returns the id of a made picture. The same content has the same id.
func MakeImageID(data []byte, ext string) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16]) + "." + ext
}

// IsImageID reports whether a text may be the id of an image.
func IsImageID(id string) bool { return imageID.MatchString(id) }

// Place is a place on a picture: 0, 0 is its upper left corner and 1, 1 its lower right one.
type Place struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// Region is a part of a picture: a rectangle, or the ellipse in it.
type Region struct {
	X     float64 `json:"x"` // of its upper left corner
	Y     float64 `json:"y"`
	W     float64 `json:"w"`
	H     float64 `json:"h"`
	Round bool    `json:"round,omitempty"`
}

// contains reports whether a place is in the region or on its edge.
func (r Region) contains(p Place) bool {
	if !r.Round {
		return p.X >= r.X && p.X <= r.X+r.W && p.Y >= r.Y && p.Y <= r.Y+r.H
	}
	dx, dy := (p.X-r.X-r.W/2)/(r.W/2), (p.Y-r.Y-r.H/2)/(r.H/2)
	return dx*dx+dy*dy <= 1+1e-9 // a place on the edge is inside
}

// Images returns the pictures of a question, in the order in which they are shown.
func (it Item) Images() (list []Image) {
	if it.Image != nil {
		list = append(list, *it.Image)
	}
	for _, o := range slices.Concat(it.Options, it.Choices) {
		if o.Image != nil {
			list = append(list, *o.Image)
		}
	}
	return list
}

// IsMarked reports whether answers to a question are right or wrong.
func IsMarked(it Item, k Key) bool {
	switch it.Kind {
	case Poll, Slide, Draw:
		return false
	case Pin:
		return len(k.Regions) > 0
	}
	return true
}

// checkImage trims and checks a picture. Named: its words are the only ones of an option.
func checkImage(op, at string, m *Image, named bool) error {
	if m == nil {
		return nil
	}
	var err error
	if m.Alt, err = cleanText(op, at+".alt", m.Alt, MaxAlt, true); err != nil {
		return err
	}
	switch {
	case !IsImageID(m.ID):
		return errs.NewField(op, at+".id", "bad_id", 0, "must be the id of a picture of the library")
	case m.W < 1 || m.H < 1 || m.W > MaxSide || m.H > MaxSide:
		return errs.NewField(op, at+".w", "out_of_range", MaxSide, "a picture has 1 to %d pixels on each side", MaxSide)
	case m.Alt == "" && (named || !m.Decorative):
		return errs.NewField(op, at+".alt", "empty", 1, "must say what the picture shows, or the picture must be decorative")
	case m.Alt != "":
		m.Decorative = false
	}
	return nil
}

// checkRegions checks the right places of a pin. Nothing outside the picture can be tapped.
func checkRegions(op, at string, list []Region) ([]Region, error) {
	if len(list) > MaxRegions {
		return nil, errs.NewField(op, at+"key.regions", "too_many", MaxRegions, "%d, at most %d", len(list), MaxRegions)
	}
	for i, r := range list {
		if !(r.X >= 0 && r.Y >= 0 && r.W > 0 && r.H > 0 && r.X+r.W <= 1+1e-9 && r.Y+r.H <= 1+1e-9) { // false for NaN
			return nil, errs.NewField(op, fmt.Sprintf("%skey.regions[%d]", at, i), "out_of_range", 1, "must lie in the picture: x, y, w and h are parts of it, 0 to 1")
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	return list, nil
}

func checkPin(op string, p Place) error {
	if !(p.X >= 0 && p.X <= 1 && p.Y >= 0 && p.Y <= 1) {
		return errs.NewField(op, "response.pin", "out_of_range", 1, "x and y must be 0 to 1")
	}
	return nil
}

// SortPlaces sorts places so that their order says nothing about who chose them.
func SortPlaces(list []Place) {
	slices.SortFunc(list, func(a, b Place) int { return cmp.Or(cmp.Compare(a.X, b.X), cmp.Compare(a.Y, b.Y)) })
}

// Bytes is the size of a response in a fact.
func (r Response) Bytes() int {
	data, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("item: %v", err)) // our own type
	}
	return len(data)
}
