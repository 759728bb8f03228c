package exchange

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/draft/drafttest"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/slides"
)

var update = flag.Bool("update", false, "write what is expected of testdata; read the difference")

func listCorpus(t testing.TB) (list []string) {
	t.Helper()
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if filepath.Ext(f) != ".json" && filepath.Ext(f) != ".gitattributes" {
			list = append(list, f)
		}
	}
	return list
}

func TestEveryFileOfTheCorpusIsReadAsItSays(t *testing.T) {
	files := listCorpus(t)
	for _, format := range []string{"aiken", "blooket", "h5p", "kahoot", "moodle", "qti12", "qti21", "qti22", "qti30", "quizizz"} { // GIFT has a corpus of its own
		n := 0
		for _, f := range files {
			if strings.HasPrefix(filepath.Base(f), format+"-") {
				n++
			}
		}
		if n < 15 {
			t.Errorf("%s has %d files", format, n)
		}
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			f, pictures, err := Read(data, slides.MakePicture)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range f.Items() {
				for _, m := range a.Images() {
					if len(pictures[m.ID]) == 0 {
						t.Errorf("the picture %s is not there", m.ID)
					}
				}
			}
			f.Text = ""
			var got bytes.Buffer
			e := json.NewEncoder(&got)
			e.SetEscapeHTML(false)
			e.SetIndent("", " ")
			if err := e.Encode(f); err != nil {
				t.Fatal(err)
			}
			golden := file + ".json"
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			checkCorpusSame(t, f.Items(), pictures)
		})
	}
}

// checkCorpusSame writes the questions of a file in each format and reads them.
func checkCorpusSame(t *testing.T, items []item.Authored, pictures map[string][]byte) {
	t.Helper()
	q := item.Quiz{Title: "Corpus", Items: items}
	if len(items) == 0 {
		return
	}
	if err := q.Normalise("t"); err != nil {
		t.Fatal(err)
	}
	open := func(id string) ([]byte, error) {
		if data := pictures[id]; data != nil {
			return data, nil
		}
		return withoutPictures(id)
	}
	for _, f := range Formats {
		data, notes, err := Write(f, q, open)
		if err != nil {
			t.Fatal(err)
		}
		back, _, err := Read(data, slides.MakePicture)
		got := back.Items()
		if err != nil && len(got) > 0 {
			t.Fatal(err)
		}
		for i, a := range q.Items {
			if notes[i].Fault != nil {
				continue
			}
			if len(got) == 0 {
				t.Fatalf("%s: question %d did not come back: %+v", f.Name, i+1, back.Questions)
			}
			one := got[0]
			got = got[1:]
			if f.Name == "kahoot" {
				one.ID = a.ID
			}
			if diff := cmp.Diff(forgetPixels(a), forgetPixels(one)); diff != "" && len(notes[i].Losses) == 0 {
				t.Errorf("%s: -want +got\n%s", f.Name, diff)
			}
		}
	}
}

// forgetPixels drops the ids of pictures: a picture that is made twice has other bytes.
func forgetPixels(a item.Authored) string {
	data, err := json.Marshal(a)
	if err != nil {
		return err.Error()
	}
	s := string(data)
	for _, m := range a.Images() {
		s = strings.ReplaceAll(s, m.ID, "picture")
	}
	return s
}

// TestAFileThatIsNoQuizIsRefusedWithItsKind has a file of each kind. None becomes slides.
func TestAFileThatIsNoQuizIsRefusedWithItsKind(t *testing.T) {
	zipOf := func(name string) string { return string(drafttest.MakeZip(t, map[string]string{name: "x"})) }
	for name, c := range map[string]struct{ data, code string }{
		"prose":         {"Buy milk and bread.\nGo home.\n", "quiz_plain_text"},
		"choices":       {"Which is wet?\nA. Water\nB. Sand\n", "quiz_choice_list"},
		"json":          {`{"questions": [{"q": "a"}]}`, "quiz_json"},
		"class list":    {"name,class\nIda Vorn,7B\nTeo Marl,7B\n", "quiz_class_list"},
		"table":         {"x,y\n1,2\n3,4\n", "quiz_spreadsheet"},
		"web page":      {"<!DOCTYPE html><html><body>Quiz</body></html>", "quiz_web_page"},
		"other XML":     {`<?xml version="1.0"?><rss/>`, "quiz_other_xml"},
		"a QTI test":    {`<?xml version="1.0"?><qti-assessment-test/>`, "quiz_qti_part"},
		"PDF":           {"%PDF-1.7 x", "quiz_pdf"},
		"PNG":           {"\x89PNG\r\n\x1a\n", "quiz_picture"},
		"old Excel":     {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "quiz_old_excel"},
		"Word":          {zipOf("word/document.xml"), "quiz_word"},
		"PowerPoint":    {zipOf("ppt/presentation.xml"), "quiz_powerpoint"},
		"Moodle backup": {zipOf("moodle_backup.xml"), "quiz_moodle_backup"},
		"other zip":     {zipOf("a.txt"), "quiz_other_zip"},
		"OneRoster":     {zipOf("users.csv"), "quiz_class_list"},
		"nothing":       {" \n", "empty"},
		"noise":         {"\x00\x01\x02\x03\xff\xfe\xfd", "quiz_binary"},
		"path":          {string(drafttest.MakeZip(t, map[string]string{"../imsmanifest.xml": "x"})), "bad_path"},
		"entities":      {`<?xml version="1.0"?><!DOCTYPE quiz [<!ENTITY a "aaa">]><quiz>&a;</quiz>`, "entities"},
		"depth":         {"<quiz>" + strings.Repeat("<a>", 300), "too_complex"},
		"cut XML":       {`<?xml version="1.0"?><quiz><question type="essay">`, "bad_xml"},
	} {
		f, _, err := Read([]byte(c.data), nil)
		if e, ok := errors.AsType[*errs.Error](err); !ok || e.Kind != errs.Invalid || e.Code != c.code || len(f.Questions) > 0 {
			t.Errorf("%s: got %v, %d questions", name, err, len(f.Questions))
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, file := range listCorpus(f) {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, _, err := Read(data, nil)
		if err != nil && errs.KindOf(err) != errs.Invalid {
			t.Fatal(err)
		}
		for _, q := range file.Questions {
			if (q.Item == nil) == (q.Fault == nil) {
				t.Fatalf("%+v", q)
			}
		}
	})
}
