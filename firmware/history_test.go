package firmware

import (
	"testing"

	"github.com/livelearn/box/services/health"
)

func TestTheMetricsOfTheHistoryAreThere(t *testing.T) {
	b, err := New(config(t, t.TempDir()), Parts{Pages: pages()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close() //nolint:errcheck // of a test
	families, err := b.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, f := range families {
		there[f.GetName()] = true
	}
	for _, name := range []string{health.AnswerSeconds, health.OpenSockets, health.ResidentMemory} {
		if !there[name] {
			t.Errorf("there is no %s", name)
		}
	}
}

func BenchmarkClock(b *testing.B) {
	c := newClock()
	for b.Loop() {
		c.Now()
	}
}
