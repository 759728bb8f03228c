package main

import (
	"strings"
	"testing"
)

func TestNamesOfOneWordAreLimited(t *testing.T) {
	w := wording{found: map[string][]string{}}
	if err := w.read("a.go", []byte("package a\n\nfunc look() {}\nfunc loadList() {}\nfunc saveList() {}\n")); err != nil || w.checkNames() != nil {
		t.Errorf("a third of the names is refused: %v, %v", err, w.checkNames())
	}
	if err := w.read("b.go", []byte("package a\n\nfunc tell() {}\n")); err != nil || w.checkNames() == nil {
		t.Errorf("half of the names is not refused: %v", err)
	}
	if err := w.read("b_test.go", []byte("package a\n\nfunc meet() {}\n")); err != nil || w.functions != 4 {
		t.Errorf("tests count: %d functions, %v", w.functions, err)
	}
}

func TestMarkersInCommentsAreLimited(t *testing.T) {
	w := wording{found: map[string][]string{}}
	if err := w.read("a.go", []byte("package a\n\n// run starts a loop.\n// It stops with ctx.\nfunc run() {}\n")); err != nil || w.checkComments() != nil {
		t.Errorf("plain words are refused: %v, %v", err, w.checkComments())
	}
	if err := w.read("b.go", []byte("package a\n\n// it goes\n// on\nfunc run() {}\n")); err != nil {
		t.Fatal(err)
	}
	if err := w.checkComments(); err == nil || !strings.Contains(err.Error(), "b.go:3") {
		t.Errorf("a marker over two lines is not found: %v", err)
	}
}
