package table

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Head is the row of headings.
type Head struct {
	Format   string
	row      int // its place in the rows
	question int
	kind     int
	answers  []int
	seconds  int
	right    int
	picture  int
	remark   int
}

// words of headings in the languages of the templates.
var (
	questionWords = []string{"question", "question text", "pregunta", "frage", "السؤال", "texte de la question", "texto de la pregunta", "pergunta", "domanda", "vraag", "pytanie", "soru", "вопрос"}
	kindWords     = []string{"question type", "type de question", "tipo de pregunta"}
	secondsWords  = []string{"time limit", "time in seconds", "time", "limite de temps", "límite de tiempo", "temps limite", "zeitlimit", "المهلة الزمنية", "tiempo en segundos", "temps en secondes", "limite de tempo", "limite di tempo", "tijdslimiet", "limit czasu", "süre sınırı", "лимит времени"}
	rightWords    = []string{"correct answer", "correct answers", "correct answer s", "right answer", "réponse s correcte s", "bonne s réponse s", "bonne réponse", "respuesta s correcta s", "respuesta correcta", "richtige antwort", "richtige antwort en", "الإجابة الصحيحة", "richtige antworten", "resposta s correta s", "resposta correta", "risposta e corretta e", "risposta corretta", "juist e antwoord en", "juiste antwoord", "juiste antwoorden", "poprawna odpowiedź", "doğru cevap", "правильный ответ"}
	pictureWords  = []string{"image link", "image", "image url", "lien de l image", "enlace de imagen"}
	remarkWords   = []string{"answer explanation", "explanation", "explication de la réponse", "explicación de la respuesta"}
	answerPattern = regexp.MustCompile(`^(?:answer|option|réponse|respuesta|opción|antwort|choice|resposta|risposta|antwoord|odpowiedź|cevap|ответ|الإجابة|الخيار) ?(\d{1,2})$`)
	moreInHeading = regexp.MustCompile(`\s[-–—]\s.*$|\((?:[^)]{3,})\).*$|\*`)
	notLetters    = regexp.MustCompile(`[^\pL\pM\pN]+`)
)

// foldHeading returns a heading without its explanation: "Answer 1 - max 75 characters" is "answer 1".
func foldHeading(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	s = moreInHeading.ReplaceAllString(strings.ToLower(s), "")
	return strings.TrimSpace(notLetters.ReplaceAllString(s, " "))
}

// FindHead finds the headings in the first rows.
func FindHead(rows []Row) (Head, bool) {
	for i, r := range rows[:min(len(rows), headLines)] {
		if h, ok := readHead(r); ok {
			h.row = i
			return h, true
		}
	}
	return Head{}, false
}

func readHead(r Row) (Head, bool) {
	h := Head{question: -1, kind: -1, seconds: -1, right: -1, picture: -1, remark: -1}
	places := map[int]int{} // by number of the answer
	numbered, options := false, false
	for i, c := range r.Cells {
		if strings.HasPrefix(strings.TrimSpace(strings.ToLower(c)), "question #") { // Blooket's number
			numbered = true
			continue
		}
		c = foldHeading(c)
		m := answerPattern.FindStringSubmatch(c)
		switch {
		case m != nil:
			n, _ := strconv.Atoi(m[1]) // at most two digits
			places[n] = i
			options = options || strings.HasPrefix(c, "option")
		case slices.Contains(kindWords, c):
			h.kind = i
		case slices.Contains(questionWords, c) && h.question < 0:
			h.question = i
		case slices.Contains(secondsWords, c):
			h.seconds = i
		case slices.Contains(rightWords, c):
			h.right = i
		case slices.Contains(pictureWords, c):
			h.picture = i
		case slices.Contains(remarkWords, c):
			h.remark = i
		}
	}
	for n := 1; ; n++ {
		at, ok := places[n]
		if !ok {
			break
		}
		h.answers = append(h.answers, at)
	}
	switch {
	case h.kind >= 0 || options:
		h.Format = Quizizz
	case numbered:
		h.Format = Blooket
	default:
		h.Format = Kahoot
	}
	return h, h.question >= 0 && len(h.answers) >= 2 && h.right >= 0
}
