package gateway

import (
	"encoding/json"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

func TestAQuizComesInAndGoesOutAsGIFT(t *testing.T) {
	r := newRig(t).school()
	w := r.do(r.request("teacher", "POST", "/api/quizzes/import", map[string]any{
		"title": "Planets", "text": "::Ours::Which one? {=Earth ~Mars}\n\n::Bad::What? {=a\n\nSay {T}\n",
	}))
	var in struct {
		Quiz     struct{ ID string }
		Items    []json.RawMessage
		Problems []struct{ Line int }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &in); err != nil || in.Quiz.ID == "" || len(in.Items) == 0 || len(in.Problems) != 1 || in.Problems[0].Line != 3 {
		t.Fatalf("%v: %d %s", err, w.Code, w.Body)
	}
	w = r.do(r.request("teacher", "GET", "/api/quizzes/"+in.Quiz.ID+"/gift", nil))
	if !strings.Contains(w.Body.String(), "Which one?") || !strings.Contains(w.Header().Get("Content-Disposition"), ".gift") {
		t.Fatalf("%v %s", w.Header(), w.Body)
	}
}

func TestAGIFTFileIsReadInItsCodePage(t *testing.T) {
	r := newRig(t).school()
	for name, c := range map[string]struct {
		enc  encoding.Encoding
		text string
	}{
		"UTF-8":        {encoding.Nop, "Où est l’été ? {=à côté ~là}"},
		"mark":         {encoding.Nop, "\ufeffOù est l’été ? {=à côté ~là}"},
		"Windows-1252": {charmap.Windows1252, "Où est l’été ? {=à côté ~là}"},
		"Windows-1256": {charmap.Windows1256, "ما أكبر كوكب؟ {=المشتري ~الأرض}"},
		"UTF-16 LE":    {unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), "ما أكبر كوكب؟ {=المشتري ~الأرض}"},
		"UTF-16 BE":    {unicode.UTF16(unicode.BigEndian, unicode.UseBOM), "Où est l’été ? {=à côté ~là}"},
	} {
		data, err := c.enc.NewEncoder().Bytes([]byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		w := r.do(r.request("teacher", "POST", "/api/quizzes/import", map[string]any{"title": "x", "file": data, "dry": true}))
		var out struct {
			Text  string
			Items []struct {
				Text    string
				Options []struct{ Text string }
			}
		}
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || len(out.Items) != 1 {
			t.Fatalf("%s: %v: %d %s", name, err, w.Code, w.Body)
		}
		want := strings.TrimPrefix(c.text, "\ufeff")
		stem, answers, _ := strings.Cut(want, " {=")
		right, _, _ := strings.Cut(answers, " ~")
		if it := out.Items[0]; out.Text != want || it.Text != stem || it.Options[0].Text != right {
			t.Errorf("%s: got %+v", name, out)
		}
	}
	if w := r.do(r.request("teacher", "POST", "/api/quizzes/import", map[string]any{"file": []byte("\x89PNG\x00\x01")})); w.Code != 400 || !strings.Contains(w.Body.String(), "quiz_picture") {
		t.Errorf("a picture: %d %s", w.Code, w.Body)
	}
}
