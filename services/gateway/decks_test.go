package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	pixels "image"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/livelearn/box/services/gateway/staff"

	"github.com/livelearn/box/services/deck"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/slides"
	"github.com/livelearn/box/services/timetest"
)

// slidesOf makes pages in the process of the test.
func slidesOf(decks *deck.Store) jobs.Kind {
	kind := deck.NewKind(decks, "", func(ctx context.Context, spec slides.Spec, progress func(string, int64, int64)) ([]slides.Page, error) {
		return slides.Rasterise(ctx, spec, func(done, total int64) { progress("pages", done, total) })
	})
	run := kind.Run
	kind.Run = func(ctx context.Context, t jobs.Task) (any, error) {
		if strings.HasPrefix(t.Job.Title, "Hang") {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return run(ctx, t)
	}
	return kind
}

func encodeGray(t testing.TB, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	checkError(t, png.Encode(&b, pixels.NewGray(pixels.Rect(0, 0, w, h))))
	return b.Bytes()
}

// send posts a body as a browser posts a file.
func (r *rig) send(path, kind string, body io.Reader) *http.Request {
	req := r.request("teacher", "POST", path, nil)
	req.Body, req.ContentLength = io.NopCloser(body), -1
	req.Header.Set("Content-Type", kind)
	return req
}

// deck waits until the job of a deck has ended.
func (r *rig) deck(id string) (d deck.Deck) {
	r.t.Helper()
	timetest.WaitUntil(r.t, "the deck", func() bool {
		r.ok("teacher", "GET", "/api/decks/"+id, nil, &d)
		return d.State != deck.Making
	})
	return d
}

func (r *rig) uploaded(req *http.Request) (out staff.Uploaded) {
	r.t.Helper()
	w := r.do(req)
	if w.Code != 200 {
		r.t.Fatalf("%d %s", w.Code, w.Body)
	}
	checkError(r.t, json.Unmarshal(w.Body.Bytes(), &out))
	return out
}

func TestPicturesBecomeADeck(t *testing.T) {
	r := newRig(t).school()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	checkError(t, w.WriteField("note", "not a file"))
	for range 2 {
		part, err := w.CreateFormFile("file", "dots.png")
		checkError(t, err)
		_, err = part.Write(encodeGray(t, 900, 300))
		checkError(t, err)
	}
	checkError(t, w.Close())
	out := r.uploaded(r.send("/api/decks?title=Dots", w.FormDataContentType(), &form))
	if out.Deck.Job != out.Job.ID || out.Deck.Title != "Dots" || out.Job.Kind != "slides" {
		t.Errorf("got %+v", out)
	}
	d := r.deck(out.Deck.ID)
	if d.State != deck.Ready || len(d.Pages) != 2 {
		t.Fatalf("got %+v", d)
	}
	page := "/slides/" + d.ID + "/" + d.Pages[1].Key
	got := r.do(r.request("nobody", "GET", page+"-900.png", nil))
	if img, err := png.Decode(got.Body); err != nil || img.Bounds().Dx() != 900 {
		t.Errorf("got %d, %v", got.Code, err)
	}
	r.ok("teacher", "PATCH", "/api/decks/"+d.ID, map[string]string{"title": "More dots"}, &d)
	if d.Title != "More dots" {
		t.Errorf("got %+v", d)
	}
	r.ok("teacher", "DELETE", "/api/decks/"+d.ID, nil, nil)
	if w := r.do(r.request("nobody", "GET", page+"-900.png", nil)); w.Code != 404 {
		t.Errorf("got %d", w.Code)
	}
}

func TestUploadIsRefusedWithAReason(t *testing.T) {
	r := newRig(t).school()
	broken := "--x\r\nContent-Disposition: form-data; name=f; filename=a.png\r\n\r\nGIF89a"
	tall := io.MultiReader(strings.NewReader("%PDF-1.7"), io.LimitReader(rand0{}, slides.MaxFile))
	for want, req := range map[string]*http.Request{
		"file office":    r.send("/api/decks?title=x", "application/x", strings.NewReader("PK\x03\x04ppt/presentation.xml")),
		"file empty":     r.send("/api/decks?title=x", "application/pdf", strings.NewReader("")),
		"title missing":  r.send("/api/decks", "image/png", bytes.NewReader(encodeGray(t, 9, 9))),
		"file too_large": r.send("/api/decks?title=x", "application/pdf", tall),
		" broken_off":    r.send("/api/decks?title=x", "multipart/form-data; boundary=x", strings.NewReader(broken)),
	} {
		if b := readRefusal(t, r.do(req)); b.Field+" "+b.Code != want {
			t.Errorf("got %+v, want %s", b, want)
		}
	}
	said := r.send("/api/decks?title=x", "application/pdf", strings.NewReader("%PDF-1.7"))
	said.ContentLength = 1 << 40
	if b := readRefusal(t, r.do(said)); b.Code != "too_large" {
		t.Errorf("got %+v", b)
	}
	var list []deck.Deck
	r.ok("teacher", "GET", "/api/decks", nil, &list)
	if len(list) != 1 || list[0].Pages[0].Text != "" { // the sample
		t.Errorf("got %+v", list)
	}
}

type rand0 struct{}

func (rand0) Read(p []byte) (int, error) { return len(p), nil }

func TestDeckTellsWhyItFailed(t *testing.T) {
	r := newRig(t).school()
	cut := encodeGray(t, 900, 300)[:60]
	out := r.uploaded(r.send("/api/decks?title=Cut", "image/png", bytes.NewReader(cut)))
	if d := r.deck(out.Deck.ID); d.State != deck.Failed || d.Error == nil || d.Error.Code != "broken_file" || d.Error.Field != "pages[0]" {
		t.Errorf("got %+v", d)
	}
	out = r.uploaded(r.send("/api/decks?title=Hang", "image/png", bytes.NewReader(encodeGray(t, 9, 9))))
	checkError(t, r.Jobs.CancelJob(t.Context(), out.Job.ID))
	if d := r.deck(out.Deck.ID); d.State != deck.Failed {
		t.Errorf("got %+v", d)
	}
	out = r.uploaded(r.send("/api/decks?title=Hang", "image/png", bytes.NewReader(encodeGray(t, 9, 9))))
	r.ok("teacher", "DELETE", "/api/decks/"+out.Deck.ID, nil, nil)
	if job, err := r.Jobs.GetJob(out.Job.ID); err != nil || job.State != jobs.Withdrawn {
		t.Errorf("got %+v, %v", job, err)
	}
}
