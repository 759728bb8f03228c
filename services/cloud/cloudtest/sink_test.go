package cloudtest_test

import (
	"testing"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/pg"
)

// TestDirectIsASink tests the way of schools with their own database: a login for each box.
func TestDirectIsASink(t *testing.T) {
	cloudtest.TestSink(t, func(t *testing.T) cloudtest.Fixture {
		f := cloudtest.NewFixture(t)
		f.Open = func(box string) cloud.Sink {
			url, err := f.Store.AddDirect(t.Context(), cloudtest.School, box, "Box "+box)
			if err != nil {
				t.Fatal(err)
			}
			store, err := pg.Open(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(store.Close)
			return store.DirectSink(box)
		}
		return f
	})
}
