package h5p

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/quiz/markup"
)

// question is the state of reading one content.
type question struct {
	draft.Reader
	report draft.Question
	title  string
	params value
}

var readers = map[string]func(*question){
	"H5P.MultiChoice": (*question).readChoice, "H5P.TrueFalse": (*question).readTrueFalse, "H5P.Blanks": (*question).readBlanks,
	"H5P.DragText": (*question).readDragText, "H5P.SingleChoiceSet": (*question).readChoiceSet, "H5P.Summary": (*question).readSummary,
	"H5P.Essay": (*question).readEssay, "H5P.Flashcards": (*question).readCards, "H5P.Dialogcards": (*question).readDialogCards,
	"H5P.Text": (*question).readText, "H5P.AdvancedText": (*question).readText, "H5P.SortParagraphs": (*question).readParagraphs,
	"H5P.OpenEndedQuestion": (*question).readOpen, "H5P.SimpleMultiChoice": (*question).readSurvey,
}

// newItem returns the beginning of a question, with its picture.
func (q *question) newItem(kind item.Kind, html string) item.Authored {
	a := item.Authored{Item: item.Item{Kind: kind, Points: 1, Title: draft.CutText(q.title)}}
	a.Text, a.Image = q.ReadText(html)
	media := q.params.get("media")
	if media.get("library").text() == "" {
		media = media.get("type") // newer files
	}
	switch name, _, _ := strings.Cut(media.get("library").text(), " "); name {
	case "":
	case "H5P.Image":
		file := media.get("params", "file")
		if m := q.KeepPicture(file.get("path").text(), media.get("params", "alt").text(), a.Image != nil); m != nil {
			a.Image = m
		}
	default:
		q.report.Lose(markup.LostMedia, "", "sound or video is left out")
	}
	q.report.Text = a.Text
	return a
}

// noteOverall notes feedback to the score as a whole.
func (q *question) noteOverall() {
	for _, f := range q.params.get("overallFeedback").list() {
		if f.get("feedback").text() != "" {
			q.report.Lose(draft.LostFeedback, "", "feedback to the score as a whole is left out")
		}
	}
}

func (q *question) readChoice() {
	a := q.newItem(item.Multi, q.params.get("question").text())
	q.noteOverall()
	a.Key.Weights = map[string]float64{}
	a.Key.Feedback = map[string]string{}
	for i, o := range q.params.get("answers").list() {
		id := strconv.Itoa(i)
		one := item.Option{ID: id}
		one.Text, one.Image = q.ReadText(o.get("text").text())
		q.NameOption(&one, i)
		a.Options = append(a.Options, one)
		if o.get("correct").isTrue() {
			a.Key.Weights[id] = 1
		}
		extra := o.get("tipsAndFeedback")
		if s, _ := q.ReadText(extra.get("chosenFeedback").text()); s != "" {
			a.Key.Feedback[id] = s
		}
		if s, _ := q.ReadText(extra.get("tip").text()); s != "" {
			q.report.Lose(draft.LostTip, "", "tips are left out")
		}
		if s, _ := q.ReadText(extra.get("notChosenFeedback").text()); s != "" {
			q.report.Lose(draft.LostFeedback, "", "feedback to what is not chosen is left out")
		}
	}
	behaviour := q.params.get("behaviour")
	kind := behaviour.get("type").text()
	if kind == "single" || len(a.Key.Weights) == 1 && kind != "multi" {
		a.Kind = item.Single
	}
	if behaviour.get("singlePoint").isTrue() && a.Kind == item.Multi {
		q.report.Lose(draft.LostScoring, "", "each right option gives its share")
	}
	q.Add(q.report, a)
}

func (q *question) readTrueFalse() {
	a := q.newItem(item.TrueFalse, q.params.get("question").text())
	right, wrong := "f", "t"
	if q.params.get("correct").isTrue() {
		right, wrong = "t", "f"
	}
	a.Key.Weights = map[string]float64{right: 1}
	a.Key.Feedback = map[string]string{}
	for id, name := range map[string]string{right: "feedbackOnCorrect", wrong: "feedbackOnWrong"} {
		a.Key.Feedback[id], _ = q.ReadText(q.params.get("behaviour", name).text())
	}
	q.Add(q.report, a)
}

// starPattern matches a gap: *right/also right:tip*.
var starPattern = regexp.MustCompile(`\*([^*\n]+)\*`)

// splitGap returns the accepted answers of a gap and its tip.
func splitGap(s string) (answers []string, tip string) {
	s, tip, _ = strings.Cut(strings.Trim(s, "*"), ":")
	for one := range strings.SplitSeq(s, "/") {
		if one = strings.TrimSpace(one); one != "" {
			answers = append(answers, one)
		}
	}
	return answers, tip
}

// readBlanks reads a text with gaps to write into. Each block with one gap is a question of its own.
func (q *question) readBlanks() {
	var blocks []string
	for _, b := range q.params.get("questions").list() {
		blocks = append(blocks, b.text())
	}
	if q.params.get("behaviour", "caseSensitive").isTrue() {
		q.report.Lose(draft.LostCase, "", "capital and small letters count as the same")
	}
	q.noteOverall()
	a := q.newItem(item.Text, q.params.get("text").text()+"<br>"+strings.Join(blocks, "<br>"))
	var gaps []draft.Gap
	a.Text = starPattern.ReplaceAllStringFunc(a.Text, func(t string) string {
		answers, tip := splitGap(t)
		if tip != "" {
			q.report.Lose(draft.LostTip, "", "tips are left out")
		}
		g := draft.Gap{}
		for _, s := range answers {
			g.Texts = append(g.Texts, item.Accepted{Text: s, Weight: 1})
		}
		gaps = append(gaps, g)
		return item.MarkGap(len(gaps))
	})
	q.report.Text = a.Text
	q.AddGaps(q.report, a, gaps)
}

// readDragText reads a text into which its words are dragged.
func (q *question) readDragText() {
	a := q.newItem(item.Single, q.params.get("taskDescription").text())
	q.noteOverall()
	text := q.params.get("textField").text()
	var words []string
	add := func(s string) int {
		if i := slices.Index(words, s); i >= 0 {
			return i
		}
		words = append(words, s)
		return len(words) - 1
	}
	var right []int
	text = starPattern.ReplaceAllStringFunc(text, func(t string) string {
		s, tip, _ := strings.Cut(strings.Trim(t, "*"), ":")
		if tip != "" {
			q.report.Lose(draft.LostTip, "", "tips are left out")
		}
		right = append(right, add(strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(s, "\\-"), "\\+"))))
		return item.MarkGap(len(right))
	})
	for _, m := range starPattern.FindAllStringSubmatch(q.params.get("distractors").text(), -1) {
		add(strings.TrimSpace(m[1]))
	}
	options := make([]item.Option, len(words))
	for i, w := range words {
		options[i] = item.Option{ID: strconv.Itoa(i), Text: w}
	}
	shuffleOptions(options)
	var gaps []draft.Gap
	for _, n := range right {
		gaps = append(gaps, draft.Gap{Options: slices.Clone(options), GapKey: item.GapKey{Weights: map[string]float64{strconv.Itoa(n): 1}}})
	}
	a.Text = strings.TrimSpace(a.Text + "\n" + text)
	q.report.Text = a.Text
	q.AddGaps(q.report, a, gaps)
}

// shuffleOptions changes the order of options by their texts, the same way each time. The file has
// the right one first.
func shuffleOptions(list []item.Option) {
	key := func(o item.Option) uint64 {
		h := fnv.New64a()
		fmt.Fprint(h, len(list), o.Text)
		return h.Sum64()
	}
	slices.SortStableFunc(list, func(a, b item.Option) int { return cmp.Compare(key(a), key(b)) })
}

// addFirstRight adds a choice of which the first is right.
func (q *question) addFirstRight(a item.Authored, answers []value) {
	for i, s := range answers {
		o := item.Option{ID: strconv.Itoa(i)}
		o.Text, o.Image = q.ReadText(s.text())
		q.NameOption(&o, i)
		a.Options = append(a.Options, o)
	}
	a.Key.Weights = map[string]float64{"0": 1}
	shuffleOptions(a.Options)
	q.Add(q.report, a)
}

func (q *question) readChoiceSet() {
	for _, c := range q.params.get("choices").list() {
		q.report.Losses = nil
		q.noteOverall()
		q.addFirstRight(q.newItem(item.Single, c.get("question").text()), c.get("answers").list())
	}
}

func (q *question) readSummary() {
	for _, s := range q.params.get("summaries").list() {
		q.report.Losses = nil
		if tip := s.get("tip").text(); tip != "" {
			q.report.Lose(draft.LostTip, "", "tips are left out")
		}
		intro := q.params.get("intro").text()
		if intro == "" {
			intro = "?"
		}
		q.addFirstRight(q.newItem(item.Single, intro), s.get("summary").list())
	}
}

func (q *question) readEssay() {
	a := q.newItem(item.Text, q.params.get("taskDescription").text())
	a.Points = 0
	if len(q.params.get("keywords").list()) > 0 {
		q.report.Lose(draft.LostScoring, "", "the words that give points are left out")
	}
	q.Add(q.report, a)
}

func (q *question) readOpen() {
	a := q.newItem(item.Text, q.params.get("question").text())
	a.Points = 0
	q.Add(q.report, a)
}

// readSurvey reads a choice without a right answer.
func (q *question) readSurvey() {
	a := q.newItem(item.Poll, q.params.get("question").text())
	a.Points = 0
	for i, o := range q.params.get("alternatives").list() {
		one := item.Option{ID: strconv.Itoa(i)}
		one.Text, _ = q.ReadText(o.get("text").text())
		a.Options = append(a.Options, one)
	}
	q.Add(q.report, a)
}

func (q *question) readCards() {
	task, _ := q.ReadText(q.params.get("description").text())
	for _, c := range q.params.get("cards").list() {
		q.report.Losses = nil
		a := q.newItem(item.Text, c.get("text").text())
		if a.Text == "" {
			a.Text = task
		}
		if m := c.get("image", "path").text(); m != "" && a.Image == nil {
			a.Image = q.KeepPicture(m, c.get("imageAltText").text(), false)
		}
		answer := c.get("answer").text()
		for one := range strings.SplitSeq(answer, "/") {
			if one = strings.TrimSpace(one); one != "" {
				a.Key.Texts = append(a.Key.Texts, item.Accepted{Text: strings.ReplaceAll(one, "*", `\*`), Weight: 1})
			}
		}
		if c.get("tip").text() != "" {
			q.report.Lose(draft.LostTip, "", "tips are left out")
		}
		q.report.Text = a.Text
		if len(a.Key.Texts) == 0 {
			q.Refuse(q.report, "no_right", "", "the card has no answer")
			continue
		}
		q.Add(q.report, a)
	}
}

// readDialogCards reads cards with two sides: the second is the answer.
func (q *question) readDialogCards() {
	for _, c := range q.params.get("dialogs").list() {
		q.report.Losses = nil
		a := q.newItem(item.Text, c.get("text").text())
		if m := c.get("image", "path").text(); m != "" && a.Image == nil {
			a.Image = q.KeepPicture(m, c.get("imageAltText").text(), false)
		}
		if c.get("audio").list() != nil {
			q.report.Lose(markup.LostMedia, "", "sound or video is left out")
		}
		s, _ := q.ReadText(c.get("answer").text())
		if s == "" {
			q.Refuse(q.report, "no_right", "", "the card has no answer")
			continue
		}
		a.Key.Texts = []item.Accepted{{Text: strings.ReplaceAll(s, "*", `\*`), Weight: 1}}
		q.Add(q.report, a)
	}
}

// readText reads a text as a slide.
func (q *question) readText() {
	a := q.newItem(item.Slide, q.params.get("text").text())
	a.Points = 0
	if a.Text == "" && a.Image == nil {
		return
	}
	q.Add(q.report, a)
}

func (q *question) readParagraphs() {
	a := q.newItem(item.Order, q.params.get("taskDescription").text())
	for i, p := range q.params.get("paragraphs").list() {
		o := item.Option{ID: strconv.Itoa(i)}
		o.Text, o.Image = q.ReadText(p.text())
		q.NameOption(&o, i)
		a.Options = append(a.Options, o)
	}
	q.Add(q.report, a)
}
