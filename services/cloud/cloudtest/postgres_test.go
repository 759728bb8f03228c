package cloudtest_test

import (
	"testing"

	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/pg"
)

func TestEachDatabaseIsNew(t *testing.T) {
	a, b := cloudtest.Postgres(t), cloudtest.Postgres(t)
	if a == b {
		t.Fatal("one database twice")
	}
	for _, c := range []struct {
		url  string
		want bool
	}{{a, true}, {b, true}, {cloudtest.EmptyPostgres(t), false}} {
		s, err := pg.Open(t.Context(), c.url)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if got, err := s.SchemaVersion(t.Context()); err != nil || got > 0 != c.want {
			t.Errorf("schema %d, %v; want one: %v", got, err, c.want)
		}
	}
}
