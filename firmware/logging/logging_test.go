package logging

import (
	"bytes"
	"strings"
	"testing"
)

func TestLogRingKeepsTheLastLines(t *testing.T) {
	var out bytes.Buffer
	log, ring := New(Config{}, &out, true)
	for n := range MaxLines + 7 {
		log.Info("line", "seq", n)
	}
	got := ring.Lines()
	if len(got) != MaxLines || !strings.Contains(got[0], `"seq":7}`) || !strings.Contains(got[MaxLines-1], `"seq":506}`) {
		t.Errorf("%d lines, from %s to %s", len(got), got[0], got[len(got)-1])
	}
	if !strings.Contains(out.String(), "level=INFO msg=line seq=0") {
		t.Errorf("a terminal gets %.80q", out.String())
	}
	out.Reset()
	log, _ = New(Config{Level: "warn"}, &out, false)
	log.Info("quiet")
	log.Warn("loud")
	if got := out.String(); !strings.HasPrefix(got, "{") || strings.Contains(got, "quiet") || !strings.Contains(got, "loud") {
		t.Errorf("got %q", got)
	}
}
