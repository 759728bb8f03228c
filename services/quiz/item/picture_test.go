package item

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/livelearn/box/services/errs"
)

const sampleImage = "0123456789abcdef0123456789abcdef.jpg"

func newImage(alt string) *Image { return &Image{ID: sampleImage, Alt: alt, W: 800, H: 600} }

func newPin(regions ...Region) Authored {
	return Authored{Item{Kind: Pin, Text: "Where is Dakar?", Image: newImage("A map of Senegal"), Points: 2}, Key{Regions: regions}}
}

func TestAPinIsRightInsideARegion(t *testing.T) {
	box, ball := Region{X: 0.1, Y: 0.2, W: 0.3, H: 0.1}, Region{X: 0.6, Y: 0.6, W: 0.2, H: 0.4, Round: true}
	a := newPin(box, ball)
	if err := a.Normalise("t"); err != nil || a.Points != 2 {
		t.Fatalf("%+v: %v", a, err)
	}
	for _, c := range []struct {
		x, y, want float64
	}{
		{0.1, 0.2, 1},
		{0.4, 0.3, 1},
		{0.25, 0.25, 1},
		{0.41, 0.25, 0},
		{0.25, 0.31, 0},
		{0, 0, 0},
		{0.7, 0.8, 1},
		{0.7, 0.6, 1},
		{0.8, 0.8, 1},
		{0.61, 0.61, 0},
		{0.79, 0.99, 0},
		{1, 1, 0},
	} {
		r := Response{Pin: &Place{c.x, c.y}}
		if err := CheckResponse("t", a.Item, r); err != nil {
			t.Errorf("%v: %v", c, err)
		}
		if got := Grade(a.Item, a.Key, r); got != c.want {
			t.Errorf("%v: %v", c, got)
		}
	}
	if got := RevealKey(a.Item, a.Key).Regions; !reflect.DeepEqual(got, []Region{box, ball}) {
		t.Errorf("revealed %v", got)
	}
}

func TestWhatHasNoRightAnswerHasNoPoints(t *testing.T) {
	open, drawn := newPin(), Authored{Item: Item{Kind: Draw, Text: "Draw a cell", Points: 3}}
	for _, a := range []Authored{open, drawn} {
		if err := a.Normalise("t"); err != nil || a.Points != 0 || IsMarked(a.Item, a.Key) {
			t.Errorf("%s: %d points: %v", a.Kind, a.Points, err)
		}
	}
}

func TestABadPictureNamesItsField(t *testing.T) {
	for want, change := range map[string]func(*Authored){
		"image empty":          func(a *Authored) { a.Image = nil },
		"image.id bad_id":      func(a *Authored) { a.Image.ID = "../" + sampleImage },
		"image.alt empty":      func(a *Authored) { a.Image.Alt = " " },
		"image.alt too_long":   func(a *Authored) { a.Image.Alt = strings.Repeat("é", MaxAlt+1) },
		"image.w out_of_range": func(a *Authored) { a.Image.H = MaxSide + 1 },
		"key.regions too_many": func(a *Authored) { a.Key.Regions = make([]Region, MaxRegions+1) },
		"options[1].image.alt empty": func(a *Authored) {
			a.Kind, a.Options = Poll, []Option{{Text: "x"}, {Image: &Image{ID: sampleImage, Decorative: true, W: 1, H: 1}}}
		},
		"key.regions[1] out_of_range": func(a *Authored) { a.Key.Regions = []Region{{0, 0, 1, 1, false}, {0.5, 0, 0.6, 1, false}} },
	} {
		a := newPin()
		change(&a)
		e, _ := errors.AsType[*errs.Error](a.Normalise("t"))
		if e == nil || e.Field+" "+e.Code != want {
			t.Errorf("%s: %v", want, e)
		}
	}
	a := newPin()
	a.Image.Alt, a.Image.Decorative = "", true
	if err := a.Normalise("t"); err != nil {
		t.Errorf("a decorative picture: %v", err)
	}
}

func TestOptionsMayBePicturesAndKeepThemWhenShuffled(t *testing.T) {
	image := func(digit string) *Image {
		return &Image{ID: strings.Repeat(digit, 32) + ".png", Alt: "picture " + digit, W: 10, H: 10}
	}
	a := Authored{Item: Item{Kind: Order, Text: "The life of a frog", Options: []Option{{Image: image("1")}, {Image: image("2")}, {Image: image("3")}}}}
	if err := a.Normalise("t"); err != nil {
		t.Fatal(err)
	}
	var right []string
	for _, id := range a.Key.Order {
		right = append(right, a.Options[id[0]-'a'].Image.Alt)
	}
	if strings.Join(right, ", ") != "picture 1, picture 2, picture 3" || len(a.Images()) != 3 {
		t.Errorf("the key says %v", right)
	}
	m := Authored{
		Item{Kind: Match, Text: "?", Options: newOptions("cow", "ant"), Choices: []Option{{ID: "a", Image: image("4")}, {ID: "b", Image: image("5")}}},
		Key{Pairs: map[string]string{"a": "b", "b": "a"}},
	}
	if err := m.Normalise("t"); err != nil || m.Choices[m.Key.Pairs["a"][0]-'a'].Image.Alt != "picture 5" {
		t.Errorf("%+v: %v", m, err)
	}
}

func TestABadDrawingNamesItsField(t *testing.T) {
	it := Item{Kind: Draw}
	line := Stroke{Color: 1, Size: 2, Points: "0 0 0 5 5 0"}
	if err := CheckResponse("t", it, Response{Strokes: []Stroke{line, line}}); err != nil {
		t.Error(err)
	}
	long := strings.TrimSpace(strings.Repeat("0 0 0 ", MaxDrawing/6-1))
	for want, r := range map[string]Response{
		"response.strokes empty":                 {},
		"response.strokes too_many":              {Strokes: make([]Stroke, MaxStrokes+1)},
		"response.strokes too_large":             {Strokes: []Stroke{{1, 1, long}, line, line}},
		"response.strokes[1].color out_of_range": {Strokes: []Stroke{line, {8, 1, "0 0 0"}}},
		"response.strokes[0].size out_of_range":  {Strokes: []Stroke{{1, 0, "0 0 0"}}},
		"response.strokes[0].points bad_points":  {Strokes: []Stroke{{1, 1, "0 0 -1"}}},
		"response.text unknown_field":            {Text: "x", Strokes: []Stroke{line}},
		"response.pin unknown_field":             {Pin: &Place{}, Strokes: []Stroke{line}},
	} {
		e, _ := errors.AsType[*errs.Error](CheckResponse("t", it, r))
		if e == nil || e.Field+" "+e.Code != want {
			t.Errorf("%s: %v", want, e)
		}
	}
	for _, p := range []Place{{-0.01, 0}, {0, 1.01}} {
		if e, _ := errors.AsType[*errs.Error](CheckResponse("t", Item{Kind: Pin}, Response{Pin: &p})); e == nil || e.Field != "response.pin" {
			t.Errorf("%v: %v", p, e)
		}
	}
}

// A place that was chosen inside the bounds of a region is right, and one outside is wrong,
// wherever the region lies.
func TestRegionsAreWhereTheySayTheyAre(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		r := Region{X: rnd.Float64() * 0.9, Y: rnd.Float64() * 0.9, Round: rnd.IntN(2) == 0}
		r.W, r.H = (1-r.X)*(0.01+0.99*rnd.Float64()), (1-r.Y)*(0.01+0.99*rnd.Float64())
		a := newPin(r)
		if err := a.Normalise("t"); err != nil {
			t.Fatalf("%+v: %v", r, err)
		}
		p := Place{rnd.Float64(), rnd.Float64()}
		inBox := p.X >= r.X && p.X <= r.X+r.W && p.Y >= r.Y && p.Y <= r.Y+r.H
		right := Grade(a.Item, a.Key, Response{Pin: &p}) == 1
		middle := Place{r.X + r.W/2, r.Y + r.H/2}
		if right && !inBox || inBox && !right && !r.Round || Grade(a.Item, a.Key, Response{Pin: &middle}) != 1 {
			t.Fatalf("%+v, %+v: %v", r, p, right)
		}
	}
}

// FuzzResponse gives each kind of question any response. An accepted response has a mark of 0 to 1, is
// bounded, and is the same after a round trip through a fact.
func FuzzResponse(f *testing.F) {
	for i, data := range []string{
		`{"options":["a"]}`, `{"text":"x"}`, `{"order":["b","a"]}`, `{"pairs":{"a":"b"}}`, `{"pin":{"x":0.5,"y":1e-300}}`,
		`{"strokes":[{"color":1,"size":2,"points":"0 0 0 5 -5 0"}]}`, `{"pin":null,"strokes":[]}`, `{"pin":{"x":1e999}}`,
	} {
		f.Add(uint8(i), []byte(data))
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		it := Item{Kind: Kinds[int(kind)%len(Kinds)], Options: newOptions("x", "y"), Choices: newOptions("1", "2")}
		key := Key{Regions: []Region{{0, 0, 0.5, 0.5, true}}, Texts: []Accepted{{"x*", 1}}, Order: []string{"a", "b"}}
		var r Response
		if json.Unmarshal(data, &r) != nil || CheckResponse("t", it, r) != nil {
			return
		}
		if v := Grade(it, key, r); !(v >= 0 && v <= 1) || r.Bytes() > 32<<10 {
			t.Errorf("%s %s: %v, %d bytes", it.Kind, data, v, r.Bytes())
		}
		again, err := json.Marshal(r)
		var back Response
		if err != nil || json.Unmarshal(again, &back) != nil || CheckResponse("t", it, back) != nil || !reflect.DeepEqual(back, r) && len(r.Options)+len(r.Order)+len(r.Pairs)+len(r.Strokes) > 0 {
			t.Errorf("%s is %+v and then %+v: %v", data, r, back, err)
		}
	})
}
