package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

func TestAChangeIsBuiltBeforeThePageLoadsAgain(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{source, built} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write := func(file, text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("program", "#!/bin/sh\n{ cat ui/src/main.tsx; echo '</body>'; } >$1/index.html\n", 0o755)
	write(source+"/main.tsx", "first", 0o644)
	s := &site{program: "./program"}
	if err := s.refresh(); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(s.next))
	defer server.Close()
	changed := make(chan error, 1)
	stop := time.AfterFunc(300*time.Millisecond, func() { changed <- os.WriteFile(source+"/main.tsx", []byte("second"), 0o600) })
	defer stop.Stop()
	resp, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := <-changed; err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	s.page(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if page := w.Body.String(); resp.StatusCode != http.StatusNoContent || !strings.Contains(page, "second") || !strings.Contains(page, reload) {
		t.Errorf("%d %q", resp.StatusCode, page)
	}
}
