package e2e

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"mime/multipart"
	"testing"
	"time"

	"github.com/livelearn/box/services/timetest"
)

// TestInkLandsWhereItWasDrawn draws with a pointer on the console, on pages of several shapes and
// on a whiteboard, and checks the ink on the projector.
func TestInkLandsWhereItWasDrawn(t *testing.T) {
	say := loadWords(t, "en")
	s := newStage(t, 18)
	deck := s.deck(image.Pt(1600, 900), image.Pt(900, 1200), image.Pt(1500, 400), image.Pt(1200, 900))
	if _, err := s.ada.CallAPI("POST", "/api/lessons/"+s.lesson.ID+"/deck", map[string]string{"deck": deck}, nil); err != nil {
		t.Fatal(err)
	}
	console := newPage(t, laptop)
	console.as("http://"+s.box.HTTP, s.ada)
	console.speak("http://"+s.box.HTTP, "en")
	console.open("http://" + s.box.HTTP + "/teach/" + s.lesson.Room)
	pupil := newPage(t, phone)
	pupil.as("http://"+s.box.HTTP, s.box.JoinLesson(s.lesson, s.lesson.Names[0].ID))
	pupil.open("http://" + s.box.HTTP + "/lesson")
	for i, surface := range []string{"d:" + deck + ":0", "d:" + deck + ":1", "d:" + deck + ":2", "d:" + deck + ":3", "w:1"} {
		s.do(s.teach, "board.show", map[string]any{"surface": surface})
		console.until("the surface without ink", `document.querySelector("[data-part=draw] [data-part=page]") && !document.querySelector("[data-part=draw] line")`)
		if surface != "w:1" {
			console.until("the picture", fmt.Sprintf(`document.querySelector("[data-part=draw] img")?.naturalWidth && document.querySelectorAll("[data-part=thumbs] button")[%d].ariaPressed === "true"`, i))
		}
		console.press(say("board.tool.line"))
		evalJS[bool](console, `(() => {
		  const e = document.querySelector("[data-part=draw]"), r = document.querySelector("[data-part=draw] [data-part=page]").getBoundingClientRect();
		  const at = (type, x, y) => e.dispatchEvent(new PointerEvent(type, { bubbles: true, pointerId: 1, button: 0, pressure: 0.5, clientX: r.left + x * r.width, clientY: r.top + y * r.height }));
		  e.setPointerCapture = () => {};
		  at("pointerdown", 0.2, 0.3);
		  at("pointermove", 0.8, 0.7);
		  at("pointerup", 0.8, 0.7);
		  return true;
		})()`)
		for name, p := range map[string]*page{"screen": s.screen, "console": console, "pupil": pupil} {
			p.until("the line", fmt.Sprintf(`document.querySelectorAll("[data-part=ink] line").length === 1 && (!document.querySelector("[data-part=surface] img") === %t)`, surface == "w:1"))
			if off := evalJS[float64](p, landing); off > 2 {
				t.Errorf("the ink on page %d of the %s is %.1f px away", i+1, name, off)
			}
		}
		if wide := evalJS[float64](pupil, `((e) => e ? e.clientWidth / e.clientHeight / (e.naturalWidth / e.naturalHeight) : 1)(document.querySelector("img[data-part=page]"))`); wide < 0.98 || wide > 1.02 {
			t.Errorf("page %d is squashed to %.2f for a pupil", i+1, wide)
		}
		for _, size := range s.sizes() {
			s.resize(size)
			if off := evalJS[float64](s.screen, landing); off > 2 {
				t.Errorf("the ink on page %d is %.1f px away at %d by %d", i+1, off, size[0], size[1])
			}
		}
		s.look(fmt.Sprintf("slide %d", i+1), least)
	}
	s.screen.noFaults()
}

// landing is the distance in pixels of the line's ends on a page from (0.2, 0.3) and (0.8, 0.7) of
// the shown picture.
const landing = `(() => {
  const line = document.querySelector("[data-part=ink] line"), r = document.querySelector("[data-part=page]").getBoundingClientRect(), m = line.getScreenCTM();
  const off = (x, y, wx, wy) => { const p = new DOMPoint(x, y).matrixTransform(m); return Math.hypot(p.x - r.left - wx * r.width, p.y - r.top - wy * r.height); };
  return Math.max(off(line.x1.baseVal.value, line.y1.baseVal.value, 0.2, 0.3), off(line.x2.baseVal.value, line.y2.baseVal.value, 0.8, 0.7));
})()`

// grayPage is a gray picture with a black square around (0.2, 0.3) and (0.8, 0.7).
func grayPage(size image.Point) image.Image {
	img := image.NewGray(image.Rectangle{Max: size})
	draw.Draw(img, img.Bounds(), image.NewUniform(color.Gray{220}), image.Point{}, draw.Src)
	for _, at := range []image.Point{{size.X / 5, size.Y * 3 / 10}, {size.X * 4 / 5, size.Y * 7 / 10}} {
		draw.Draw(img, image.Rect(-20, -20, 20, 20).Add(at), image.Black, image.Point{}, draw.Src)
	}
	return img
}

// deck makes a deck of pictures with a black square around (0.2, 0.3) and (0.8, 0.7).
func (s *stage) deck(sizes ...image.Point) string {
	s.t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for _, size := range sizes {
		part, err := w.CreateFormFile("file", "page.png")
		if err == nil {
			err = png.Encode(part, grayPage(size))
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		s.t.Fatal(err)
	}
	s.post("/api/decks?title=Pages", w.FormDataContentType(), &form)
	for end := time.Now().Add(timetest.Patience); time.Now().Before(end); {
		var decks []struct{ ID, Title, State string }
		if _, err := s.ada.CallAPI("GET", "/api/decks", nil, &decks); err != nil {
			s.t.Fatal(err)
		}
		for _, d := range decks {
			if d.Title == "Pages" && d.State == "ready" {
				return d.ID
			}
		}
		time.Sleep(100 * time.Millisecond) // a separate process runs the deck's job
	}
	s.t.Fatal("the deck is not ready")
	return ""
}
