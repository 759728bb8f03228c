package cloud_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
)

// newPicture returns a small PNG in a colour of its own.
func newPicture(shade uint8) []byte {
	m := image.NewGray(image.Rect(0, 0, 8, 6))
	m.SetGray(1, 1, color.Gray{Y: shade})
	var out bytes.Buffer
	if err := png.Encode(&out, m); err != nil {
		panic(err) // to memory
	}
	return out.Bytes()
}

func pictureItem(n uint64, data []byte) cloud.Item {
	raw, err := json.Marshal(cloud.Picture{Data: data})
	if err != nil {
		panic(err) // our own type
	}
	return cloud.Item{N: n, Kind: cloud.ItemPicture, ID: item.MakeImageID(data, "png"), Data: raw}
}

// TestPicturesComeBeforeTheirQuiz brings a picture, once more, and one that is not what its id says.
func TestPicturesComeBeforeTheirQuiz(t *testing.T) {
	s := newSchoolFixture(t, t.TempDir())
	sink := newMemorySink()
	data := newPicture(7)
	forged := pictureItem(3, newPicture(8))
	forged.Data = pictureItem(3, newPicture(9)).Data
	sink.items = []cloud.Item{pictureItem(1, data), pictureItem(2, data), forged, quizItem(4, "k1", "Fractions")}
	if err := s.PullAll(t.Context(), sink); err != nil {
		t.Fatal(err)
	}
	f, err := s.Library.OpenPicture(item.MakeImageID(data, "png"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, data) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	if _, err := s.Library.OpenPicture(forged.ID); errs.KindOf(err) != errs.Missing {
		t.Errorf("a picture with other content is there: %v", err)
	}
	if !slices.ContainsFunc(s.notes, func(n string) bool { return strings.HasPrefix(n, "refused picture "+forged.ID) }) {
		t.Errorf("notes %q", s.notes)
	}
}

func TestAPictureNamesItsFault(t *testing.T) {
	good := newPicture(1)
	for code, c := range map[string]struct {
		id   string
		data []byte
	}{
		"bad_id":      {"../../x.png", good},
		"altered":     {item.MakeImageID(newPicture(2), "png"), good},
		"broken_file": {item.MakeImageID(good, "jpg"), good},
		"too_long":    {item.MakeImageID(nil, "png"), make([]byte, cloud.MaxPictureBytes+1)},
	} {
		if _, err := cloud.CheckPicture("test", c.id, c.data); errs.BodyOf(err).Code != code || errs.BodyOf(err).Field != "picture" {
			t.Errorf("%s: %v", code, err)
		}
	}
	if p, err := cloud.CheckPicture("test", item.MakeImageID(good, "png"), good); err != nil || p.W != 8 || p.H != 6 {
		t.Errorf("got %+v, %v", p, err)
	}
}
