// Package drafttest has what the tests of the readers of quiz files share.
package drafttest

import (
	"archive/zip"
	"bytes"
	"io"
	"testing"

	"github.com/livelearn/box/services/quiz/draft"
)

// CheckQuestions fails if there are too many questions, or if one has neither an item nor a fault,
// or both.
func CheckQuestions(t *testing.T, list []draft.Question) {
	t.Helper()
	if len(list) > draft.MaxQuestions+1 {
		t.Fatalf("%d questions", len(list))
	}
	for _, q := range list {
		if (q.Item == nil) == (q.Fault == nil) || q.Fault != nil && (q.Fault.Code == "" || q.Fault.Message == "") {
			t.Fatalf("%+v", q)
		}
	}
}

// MakeZip makes a zip of texts by the names of their files.
func MakeZip(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for name, text := range files {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
