package gateway

import (
	"encoding/json"
	"strings"
	"testing"
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
