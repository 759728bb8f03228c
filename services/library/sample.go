package library

import (
	"embed"
	"encoding/json"
	"fmt"
	"image/png"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/records"
	"github.com/livelearn/box/services/slides"
)

// Ids of the sample: each is there once.
const (
	SampleDeckID = "d_sample"
	SampleQuizID = "q_sample"
)

// The pages have no words, the texts are <lang>.json; go test -update draws the pages.
//
//go:embed sample
var sampleFiles embed.FS

var sampleWidths = []int{640, 1280}

// SampleTexts are the words of the sample in one language.
type SampleTexts struct {
	Pages []string  `json:"pages"` // what each page shows, for who cannot see it
	Quiz  item.Quiz `json:"quiz"`
}

// Sample is the text of the sample lesson about the Solar System in a language, English
// where there is none.
func Sample(lang string) (SampleTexts, error) {
	var s SampleTexts
	data, err := sampleFiles.ReadFile("sample/" + lang + ".json")
	if err != nil {
		data, err = sampleFiles.ReadFile("sample/en.json")
	}
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		return s, errs.New("library.Sample", errs.Internal, err)
	}
	return s, nil
}

// AddSample keeps the sample deck and the sample quiz. What is there already, changed or
// in another language, stays as it is.
func (l *Library) AddSample(lang string) (Deck, item.Quiz, error) {
	s, err := Sample(lang)
	if err != nil {
		return Deck{}, item.Quiz{}, err
	}
	deck, err := l.Deck(SampleDeckID)
	if errs.KindOf(err) == errs.Missing && err != nil {
		deck, err = l.addSampleDeck(s)
	}
	if err != nil {
		return deck, item.Quiz{}, err
	}
	quiz, err := l.Quiz(SampleQuizID)
	if errs.KindOf(err) == errs.Missing && err != nil {
		quiz, err = l.addQuiz(SampleQuizID, s.Quiz)
	}
	return deck, quiz, err
}

// addSampleDeck writes the images, and then the record: as with any deck.
func (l *Library) addSampleDeck(s SampleTexts) (Deck, error) {
	const op = "library.AddSample"
	d := Deck{ID: SampleDeckID, Title: s.Quiz.Title, State: Ready, Created: after(0)}
	dir := decksDir + "/" + d.ID
	if err := l.root.MkdirAll(dir, 0o700); err != nil {
		return d, records.Fault(op, err)
	}
	for i, text := range s.Pages {
		p := slides.Page{Key: slides.NewKey(), Widths: sampleWidths, Ext: "png", Text: text}
		for _, w := range sampleWidths {
			if err := l.copySample(&p, dir, fmt.Sprintf("sample/%d-%d.png", i+1, w), w); err != nil {
				return d, records.Fault(op, err)
			}
		}
		d.Pages = append(d.Pages, p)
	}
	if err := l.sync(dir); err != nil {
		return d, records.Fault(op, err)
	}
	err := l.update(op, func(tx *bbolt.Tx) error { return add(tx, bucketDecks, d.ID, MaxDecks, d) })
	return d, err
}

func (l *Library) copySample(p *slides.Page, dir, name string, width int) error {
	data, err := sampleFiles.ReadFile(name)
	if err != nil {
		return err
	}
	f, err := sampleFiles.Open(name)
	if err != nil {
		return err
	}
	conf, err := png.DecodeConfig(f)
	if err != nil {
		return err
	}
	p.W, p.H = conf.Width, conf.Height
	return l.root.WriteFile(dir+"/"+imageName(*p, width), data, 0o600)
}
