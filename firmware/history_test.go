package firmware

import (
	"testing"

	"github.com/livelearn/box/services/health"
)

func TestTheMetricsOfTheHistoryAreThere(t *testing.T) {
	b, err := New(testConfig(t, t.TempDir()), Parts{Pages: testPages()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
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
