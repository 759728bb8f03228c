package library

import (
	"embed"
	"encoding/json"
	"fmt"

	"github.com/livelearn/box/services/deck"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
)

// Ids of the sample. It is in the library at most once.
const (
	SampleDeckID = "d_sample"
	SampleQuizID = "q_sample"
)

// The pages have no words, and the texts are <lang>.json. go test -update draws the pages.
//
//go:embed sample
var sampleFiles embed.FS

var sampleWidths = []int{640, 1280}

// SampleTexts are the texts of the sample in one language.
type SampleTexts struct {
	Pages []string  `json:"pages"` // a description of each page, for blind pupils
	Quiz  item.Quiz `json:"quiz"`
}

// LoadSample returns the texts of the sample lesson about the Solar System in a language, or in
// English if it has no such texts.
func LoadSample(lang string) (SampleTexts, error) {
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

// AddSample stores the sample deck and the sample quiz. A deck or quiz that is there already,
// changed or in another language, stays.
func (l *Library) AddSample(lang string) (deck.Deck, item.Quiz, error) {
	s, err := LoadSample(lang)
	if err != nil {
		return deck.Deck{}, item.Quiz{}, err
	}
	pages, err := l.Decks.Deck(SampleDeckID)
	if errs.KindOf(err) == errs.Missing && err != nil {
		pages, err = l.addSampleDeck(s)
	}
	if err != nil {
		return pages, item.Quiz{}, err
	}
	quiz, err := l.Quiz(SampleQuizID)
	if errs.KindOf(err) == errs.Missing && err != nil {
		quiz, err = l.addQuiz(SampleQuizID, s.Quiz)
	}
	return pages, quiz, err
}

func (l *Library) addSampleDeck(s SampleTexts) (deck.Deck, error) {
	pages := make([]deck.DrawnPage, len(s.Pages))
	for i, text := range s.Pages {
		pages[i].Text = text
		for _, w := range sampleWidths {
			data, err := sampleFiles.ReadFile(fmt.Sprintf("sample/%d-%d.png", i+1, w))
			if err != nil {
				return deck.Deck{}, errs.New("library.AddSample", errs.Internal, err)
			}
			pages[i].Images = append(pages[i].Images, data)
		}
	}
	return l.Decks.AddDrawn(SampleDeckID, s.Quiz.Title, pages)
}
