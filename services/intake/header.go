package intake

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// What a column of a class list says.
type column uint8

const (
	other  column = iota // nothing that we need
	full                 // the whole name
	either               // "name": the whole name, or what the other name column leaves
	given
	family
	class
	grade
	source // the pupil's id where the file comes from
)

// words are the headings of class lists in the languages of the pages and German, as key
// makes them: without spaces, marks and accents. A heading that is in no list may still be
// one of them with a slip of the finger in it: see columnOf.
var words = map[column][]string{
	full: {
		"fullname", "displayname", "studentname", "pupilname", "nameofstudent", "nameofpupil", "learnername", "completename",
		"student", "pupil", "learner", "students", "pupils", "firstandlastname", "lastnamefirstname", "firstnamelastname",
		"nomcomplet", "nometprenom", "nomprenom", "prenometnom", "prenomnom", "nomsetprenoms", "eleve", "nomdeleve",
		"nombrecompleto", "nombreyapellidos", "nombreyapellido", "apellidosynombre", "apellidosynombres", "apellidoynombre",
		"alumno", "alumna", "alumnoa", "estudiante", "nombredelalumno", "nombredelestudiante",
		"الاسمالكامل", "اسمالطالب", "اسمالتلميذ", "اسمالطالبه", "اسمالتلميذه", "الطالب", "التلميذ", "الاسموالنسب", "الاسمواللقب", "الاسمالثلاثي", "الاسمالرباعي",
		"vorundnachname", "vorundzuname", "vornamenachname", "nachnamevorname", "schuler", "schulerin", "schulername", "vollstandigername",
	},
	either: {"name", "names", "nom", "noms", "nombre", "الاسم", "اسم", "الاسماء", "namen"},
	given: {
		"firstname", "firstnames", "givenname", "givennames", "forename", "forenames", "first", "given", "fname", "preferredname", "christianname", "legalfirstname",
		"prenom", "prenoms", "prenomusuel", "nombres", "nombredepila", "primernombre",
		"الاسمالاول", "الاسمالشخصي", "vorname", "vornamen", "rufname",
	},
	family: {
		"lastname", "lastnames", "familyname", "surname", "surnames", "last", "family", "lname", "secondname", "legallastname",
		"nomdefamille", "nomdusage", "nomfamille", "apellido", "apellidos", "primerapellido",
		"اسمالعائله", "العائله", "اللقب", "الكنيه", "النسب", "الاسمالعائلي", "الاسمالاخير", "اسمالاب",
		"nachname", "nachnamen", "familienname", "zuname",
	},
	class: {
		"class", "classname", "form", "formgroup", "group", "groupname", "section", "sectionname", "homeroom", "registrationgroup", "reggroup",
		"tutorgroup", "course", "coursename", "classroom", "classes",
		"classe", "groupe", "division", "nomdelaclasse", "clase", "grupo", "aula", "seccion",
		"الصف", "الفصل", "القسم", "الشعبه", "klasse", "gruppe", "kurs", "lerngruppe", "klassenname",
	},
	grade: {
		"grade", "gradelevel", "year", "yeargroup", "level", "yearlevel", "niveau", "annee", "grado", "nivel", "curso",
		"المستوي", "السنه", "المرحله", "stufe", "jahrgang", "jahrgangsstufe", "klassenstufe",
	},
	source: {
		"id", "sisid", "studentid", "pupilid", "learnerid", "userid", "externalid", "uuid", "upn", "identifier", "studentnumber", "pupilnumber",
		"sourcedid", "sourceid", "studentno", "admissionnumber", "admissionno", "personid", "sisuserid", "localid", "stateid",
		"identifiant", "matricule", "numeroeleve", "ine", "ideleve", "identificador", "matricula", "idalumno", "numerodealumno", "nia", "expediente",
		"المعرف", "رقمالطالب", "رقمالتلميذ", "رقمالقيد", "الرقمالتعريفي", "رقمالهويه",
		"schulerid", "schulernummer", "schulernr", "kennung", "personennummer",
	},
}

// listed is every word with its column.
func listed() map[string]column {
	m := map[string]column{}
	for c, list := range words {
		for _, w := range list {
			m[key(w)] = c
		}
	}
	return m
}

// key is a heading reduced to its letters and digits, without case and accents.
func key(heading string) string {
	s := norm.NFKD.String(Fold(heading))
	s = strings.ReplaceAll(s, "ß", "ss")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == 'ة':
			return 'ه' // both are written
		case r == 'ى':
			return 'ي'
		case unicode.IsLetter(r) && r != 'ـ', unicode.IsDigit(r):
			return r
		}
		return -1
	}, s)
	return s
}

// headings knows the columns of a row of headings.
type headings struct {
	words map[string]column
	long  []string // words that a slip may be found in
}

func newHeadings() headings {
	h := headings{words: listed()}
	for w := range h.words {
		if utf8.RuneCountInString(w) >= 4 {
			h.long = append(h.long, w)
		}
	}
	return h
}

// columnOf tells what a heading says; sure: without a slip.
func (h headings) columnOf(cell string) (c column, sure bool) {
	if len(cell) > 200 {
		return other, false
	}
	k := key(cell)
	if c, ok := h.words[k]; ok {
		return c, true
	}
	best := 3
	n := utf8.RuneCountInString(k)
	if n < 4 || n > 30 {
		return other, false
	}
	for _, w := range h.long {
		d := slips(k, w, allowed(w))
		if d < best || d == best && h.words[w] < c { // ties: always the same one
			best, c = d, h.words[w]
		}
	}
	return c, false
}

// allowed is how many slips a word may have: one of short ones, two of long ones.
func allowed(word string) int {
	if utf8.RuneCountInString(word) >= 8 {
		return 2
	}
	return 1
}

// slips counts the letters that are missing, too many, wrong or swapped with their
// neighbour (optimal string alignment). More than most is 3.
func slips(a, b string, most int) int {
	x, y := []rune(a), []rune(b)
	if len(x)-len(y) > most || len(y)-len(x) > most {
		return 3
	}
	before, last := make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row := make([]int, len(y)+1)
		row[0] = i
		for j := 1; j <= len(y); j++ {
			wrong := 1
			if x[i-1] == y[j-1] {
				wrong = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+wrong)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	if d := last[len(y)]; d <= most {
		return d
	}
	return 3
}
