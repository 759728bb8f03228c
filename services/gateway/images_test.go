package gateway

import (
	"bytes"
	"encoding/json"
	"image/png"
	"net/http"
	"strings"
	"testing"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/slides"
)

func (r *rig) uploadImage(data []byte) (m item.Image) {
	r.t.Helper()
	w := r.do(r.send("/api/images", "image/png", bytes.NewReader(data)))
	if w.Code != 200 {
		r.t.Fatalf("%d %s", w.Code, w.Body)
	}
	checkError(r.t, json.Unmarshal(w.Body.Bytes(), &m))
	return m
}

func (r *rig) command(name string, payload any) {
	r.t.Helper()
	data, err := json.Marshal(payload)
	checkError(r.t, err)
	_, err = r.Rooms.Call(r.t.Context(), r.lesson.Room, room.Message{Name: name, By: event.Viewer{User: "t_1", Role: event.Teacher}, Data: data})
	checkError(r.t, err)
}

func TestAPupilSeesAPictureOnceItsQuestionIsOpen(t *testing.T) {
	r := newRig(t).school()
	shown, secret := r.uploadImage(encodeGray(t, 2000, 1000)), r.uploadImage(encodeGray(t, 30, 20))
	if shown.W != 1600 || shown.H != 800 {
		t.Errorf("it is %d x %d", shown.W, shown.H)
	}
	if again := r.uploadImage(encodeGray(t, 2000, 1000)); again.ID != shown.ID {
		t.Errorf("the same picture is %s and %s", shown.ID, again.ID)
	}
	shown.Alt, secret.Alt = "A map", "The next picture"
	q, err := r.Library.AddQuiz(item.Quiz{Title: "Maps", Items: []item.Authored{
		{Item: item.Item{Kind: item.Pin, Text: "Where?", Image: &shown, Points: 1}, Key: item.Key{Regions: []item.Region{{W: 0.5, H: 0.5}}}},
		{Item: item.Item{Kind: item.Poll, Text: "Which?", Options: []item.Option{{Image: &secret}, {Text: "none"}}}},
	}})
	checkError(t, err)
	r.ok("admin", "POST", "/api/lessons/"+r.lesson.ID+"/quiz", map[string]string{"quiz": q.ID}, nil)
	code := func(who, id string) int { return r.do(r.request(who, "GET", "/images/"+id, nil)).Code }
	if a, b, c := code("pupil", shown.ID), code("nobody", shown.ID), code("teacher", shown.ID); a != 404 || b != 401 || c != 200 {
		t.Errorf("before it is open: pupil %d, nobody %d, teacher %d", a, b, c)
	}
	r.command("quiz.open", map[string]any{})
	w := r.do(r.request("pupil", "GET", "/images/"+shown.ID, nil))
	if img, err := png.Decode(w.Body); err != nil || img.Bounds().Dx() != 1600 || w.Header().Get("Content-Type") != "image/png" || !strings.HasPrefix(w.Header().Get("Cache-Control"), "private") {
		t.Errorf("while it is open: %d %v, %v", w.Code, w.Header(), err)
	}
	if a, b := code("pupil", secret.ID), code("pupil", strings.Repeat("0", 32)+".png"); a != 404 || b != 404 {
		t.Errorf("the next picture %d, none %d", a, b)
	}
	r.command("quiz.lock", map[string]any{"round": 1})
	r.command("quiz.open", map[string]any{})
	if a, b := code("pupil", secret.ID), code("pupil", shown.ID); a != 200 || b != 200 {
		t.Errorf("later: %d, %d", a, b)
	}
}

func TestAPictureIsRefusedWithAReason(t *testing.T) {
	r := newRig(t).school()
	large := append(encodeGray(t, 9, 9), make([]byte, slides.MaxPicture)...)
	for want, req := range map[string]*http.Request{
		"file unknown_type": r.send("/api/images", "image/gif", strings.NewReader("no picture")),
		"file empty":        r.send("/api/images", "image/png", strings.NewReader("")),
		"file broken_file":  r.send("/api/images", "image/png", bytes.NewReader(encodeGray(t, 90, 30)[:60])),
		"file too_large":    r.send("/api/images", "image/png", bytes.NewReader(large)),
	} {
		if b := readRefusal(t, r.do(req)); b.Field+" "+b.Code != want {
			t.Errorf("got %+v, want %s", b, want)
		}
	}
	if w := r.do(r.request("pupil", "POST", "/api/images", "x")); w.Code != 403 {
		t.Errorf("a pupil may: %d", w.Code)
	}
}
