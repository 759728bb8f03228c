package e2e

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/livelearn/box/services/quiz/gift"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/quiz/qti"
)

//go:embed testdata/play_qti.js
var playQTI string

// exportedQuestions are one question of each kind, with what the player must give for the right answer.
const exportedQuestions = `::One:: Which floats? {=wood ~stone}

::Many:: Which are even? {~%50%2 ~%50%4 ~%-100%5}

::Truth:: The Earth is flat. {F}

::Word:: Capital of France? {=Paris =%50%Lutetia}

::Number:: What is pi? {#3.14:0.01}

::Pairs:: Which is which? {=sun -> star =moon -> satellite}

::Gaps:: Ice is {=cold} and fire is {=hot}.

::Essay:: Write about snow. {}

::Slide:: Only to read.
`

// played is what the player says of an item.
type played struct {
	Text    string `json:"text"`
	Score   any    `json:"score"`
	Max     any    `json:"max"`
	Failure string `json:"failure"`
}

// TestAnOpenPlayerOpensTheQTIExport opens each question of a QTI 3.0 package in the player qti3-item-player.
// The right answers get full points there, and no answer gets none. Pairs and orders are only shown.
func TestAnOpenPlayerOpensTheQTIExport(t *testing.T) {
	items := readGIFT(t, exportedQuestions)
	order := item.Authored{Key: item.Key{Order: []string{"b", "a", "c"}}}
	order.Kind, order.Title, order.Text, order.Points = item.Order, "Order", "Put them in order.", 3
	order.Options = []item.Option{{ID: "a", Text: "two"}, {ID: "b", Text: "one"}, {ID: "c", Text: "three"}}
	items = append(items, order)
	q := item.Quiz{Title: "Exported", Items: items}
	if err := q.Normalise("test"); err != nil {
		t.Fatal(err)
	}
	data, _, err := qti.Write(q.Title, q.Items, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := newPage(t, laptop)
	for _, name := range []string{"vue/dist/vue.min.js", "qti3-item-player/dist/qti3Player.umd.min.js"} {
		code, err := os.ReadFile("../node_modules/" + name)
		if err != nil {
			t.Fatal(err)
		}
		evalJS[bool](p, string(code)+"\n;true")
	}
	evalJS[bool](p, playQTI+"\n;true")
	for i, a := range q.Items {
		text := readZipped(t, data, fmt.Sprintf("items/item-%d.xml", i+1))
		right, none := playItem(p, text, true), playItem(p, text, false)
		if words := strings.Fields(a.Text)[0]; right.Failure != "" || !strings.Contains(right.Text, words) {
			t.Errorf("%s: %+v", a.Title, right)
		}
		if want := fmt.Sprint(a.Points); fmt.Sprint(right.Max) != want {
			t.Errorf("%s: at most %v points, want %s", a.Title, right.Max, want)
		}
		scored := a.Kind != item.Match && a.Kind != item.Order // the player restores no pairs, and compares nothing with a qti-index
		if scored && fmt.Sprint(right.Score) != fmt.Sprint(right.Max) || fmt.Sprint(none.Score) != "0" {
			t.Errorf("%s: %v points for the right answer and %v for none, want %v and 0", a.Title, right.Score, none.Score, right.Max)
		}
	}
}

func readGIFT(t *testing.T, text string) (items []item.Authored) {
	t.Helper()
	gift.Walk(text, func(_ gift.Block, a item.Authored, fault *gift.Problem) {
		if fault != nil {
			t.Fatal(fault)
		}
		items = append(items, a)
	})
	return items
}

func readZipped(t *testing.T, data []byte, name string) string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func playItem(p *page, text string, right bool) (out played) {
	p.t.Helper()
	arg, err := json.Marshal(text)
	if err != nil {
		p.t.Fatal(err)
	}
	got := evalJS[string](p, fmt.Sprintf("playItem(%s, %t)", arg, right))
	if err := json.Unmarshal([]byte(got), &out); err != nil {
		p.t.Fatal(err, got)
	}
	return out
}
