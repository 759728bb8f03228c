package results

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"github.com/livelearn/box/services/quiz"
)

// gapLesson is a lesson with a text of two gaps, which three pupils fill.
func gapLesson(points string) Results {
	const it = `"id":"g","kind":"gaps","text":"A dog _____ and it is _____.","gaps":[{"id":"1","kind":"text"},
		{"id":"2","kind":"single","options":[{"id":"a","text":"red"},{"id":"b","text":"warm"}]}]`
	tp := newFactTape().lesson().came("p1").came("p2").came("p3")
	tp.add("t1", quiz.Loaded, `{"items":[{`+it+`,"points":`+points+`,"key":{"gaps":{"1":{"texts":[{"text":"barks","weight":1},{"text":"woofs","weight":1}]},"2":{"weights":{"b":1}}}}}]}`)
	tp.add("t1", quiz.Opened, `{"round":1,"seconds":0,"items":[{`+it+`,"points":`+points+`}]}`)
	for user, gaps := range map[string]string{"p1": `"1":" barks","2":"b"`, "p2": `"1":"BARKS","2":"a"`, "p3": `"1":"sings"`} {
		tp.add(user, quiz.Answered, `{"round":1,"item":"g","response":{"gaps":{`+gaps+`}},"took":1}`)
	}
	return tp.shut(1).end().results()
}

func TestEachGapIsCounted(t *testing.T) {
	r := gapLesson("2")
	q := r.Items[0]
	words, choice := q.Gaps[0], q.Gaps[1]
	if d := cmp.Diff(words.Answers, []TextCount{{"BARKS", 2, true}, {"sings", 1, false}}); d != "" || words.Hits != 2 {
		t.Error(d, words.Hits)
	}
	if d := cmp.Diff(choice.Answers, []TextCount{{"red", 1, false}, {"warm", 1, true}}); d != "" || choice.Hits != 1 {
		t.Error(d, choice.Hits)
	}
	if d := cmp.Diff(append(words.Right, choice.Right...), []string{"barks", "woofs", "warm"}); d != "" {
		t.Error(d)
	}
	for user, want := range map[string]float64{"p1": 2, "p2": 1, "p3": 0} {
		if _, p := r.pupil(t, user); p.Score != want {
			t.Errorf("%s has %v, want %v", user, p.Score, want)
		}
	}
}

func TestGapsAreInTheFiles(t *testing.T) {
	var b bytes.Buffer
	if err := WriteXLSX(&b, gapLesson("2")); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := f.GetRows("Questions")
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"A dog _____ and it is _____.", "gaps", "3", "3", "0.5"},
		{"(1) barks · woofs", "text", "3", "3", "0.67"},
		{"(2) warm", "single", "3", "2", "0.33"},
	}
	if d := cmp.Diff(rows[1:], want); d != "" {
		t.Error(d)
	}
	b.Reset()
	if err := WriteCSV(&b, gapLesson("0"), CSVOptions{}); err != nil { // without points the answers themselves are there
		t.Fatal(err)
	}
	for _, s := range []string{"barks; warm", "BARKS; red", "sings; –"} {
		if !bytes.Contains(b.Bytes(), []byte(s)) {
			t.Errorf("%q is not in %s", s, b.String())
		}
	}
}
