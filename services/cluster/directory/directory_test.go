package directory_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/livelearn/box/services/cluster/clustertest"
	"github.com/livelearn/box/services/cluster/directory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func join(t *testing.T, net *clustertest.Net, id string, own func(directory.Question) (directory.Place, bool)) *directory.Directory {
	t.Helper()
	d, stop, err := directory.New(net.Box(id), id, directory.Own{Find: own, Doors: func() []string { return []string{id + ":8443"} }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return d
}

func ask(code string) directory.Question {
	return directory.Question{Code: code, From: "192.0.2.77"}
}

func has(code string, p directory.Place) func(directory.Question) (directory.Place, bool) {
	return func(q directory.Question) (directory.Place, bool) { return p, q.Code == code || q.Key == "AbC-_9xyz01" }
}

func TestALessonIsFoundAtAnotherBox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := clustertest.NewNet(1)
		net.SetWeather(clustertest.Weather{MinDelay: time.Millisecond, MaxDelay: 5 * time.Millisecond})
		hall := directory.Place{Box: "Hall", Address: "http://192.0.2.2/j/KEY"}
		a := join(t, net, "a", has("111111", directory.Place{Box: "Lab", Address: "http://192.0.2.1/j/K"}))
		join(t, net, "b", has("222222", hall))
		join(t, net, "c", has("333333", directory.Place{}))
		hall.ID = "b" // whatever it says
		if got, found := a.Find(t.Context(), ask("222222")); !found || got != hall {
			t.Errorf("got %+v, %v", got, found)
		}
		for _, code := range []string{"111111", "999999", "", strings.Repeat("2", 17)} { // its own lessons are not asked for
			if got, found := a.Find(t.Context(), ask(code)); found {
				t.Errorf("%q: got %+v", code, got)
			}
		}
		if got, found := a.Find(t.Context(), directory.Question{Key: "AbC-_9xyz01"}); !found || got != hall {
			t.Errorf("by the key: got %+v, %v", got, found)
		}
		for _, q := range []directory.Question{{Key: "AbC/../9xyz"}, {Key: strings.Repeat("x", 33)}, {Key: "222222"}, {Code: "222222", Key: "AbC-_9xyz01"}} {
			if got, found := a.Find(t.Context(), q); found {
				t.Errorf("%+v: got %+v", q, got)
			}
		}
		if got, err := a.Doors(t.Context(), "b"); err != nil || !slices.Equal(got, []string{"b:8443"}) {
			t.Errorf("the doors of b are %v, %v", got, err)
		}
		net.SetDown("a", true)
		began := time.Now()
		if _, found := a.Find(t.Context(), ask("222222")); found || time.Since(began) > 0 {
			t.Errorf("without a connection: found %v after %v", found, time.Since(began))
		}
		net.Wait()
	})
}

// Joins by code wait for one another, so a wrong code must not take longer than the slowest answer.
func TestAWrongCodeWaitsOnlyForABoxThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := clustertest.NewNet(1)
		net.SetWeather(clustertest.Weather{MinDelay: time.Millisecond, MaxDelay: time.Millisecond})
		a := join(t, net, "a", has("", directory.Place{}))
		join(t, net, "b", has("222222", directory.Place{Box: "Hall", Address: "http://192.0.2.2/j/KEY"}))
		join(t, net, "c", has("", directory.Place{}))
		find := func(code string, want bool, took time.Duration) {
			t.Helper()
			began := time.Now()
			if _, found := a.Find(t.Context(), ask(code)); found != want || time.Since(began) != took {
				t.Errorf("%s: found %v after %v, want %v after %v", code, found, time.Since(began), want, took)
			}
		}
		find("999999", false, 2*time.Millisecond)
		for _, never := range []string{"12345", "1234567", "12 456", "12345x", "\u0661\u0661\u0661"} {
			find(never, false, 0)
		}
		stop, err := net.Box("d").Subscribe("find.d", func([]byte, func([]byte)) {}) // it hangs
		if err != nil {
			t.Fatal(err)
		}
		find("222222", true, 2*time.Millisecond)
		find("999999", false, 300*time.Millisecond)
		stop()
		net.Wait()
	})
}

// What another box says is checked before people see it.
func TestAPlaceThatIsNoAddressIsNotShown(t *testing.T) {
	for _, bad := range []directory.Place{
		{Box: "X", Address: "javascript:alert(1)"},
		{Box: "X", Address: "https://192.0.2.2/j/K"}, // pupils use plain HTTP
		{Box: "X", Address: "/j/K"},
		{Box: "X", Address: "http://user:pass@192.0.2.2/"},
		{Box: "X", Address: "http://192.0.2.2/" + strings.Repeat("x", 300)},
		{Box: "", Address: "http://192.0.2.2/"},
		{Box: strings.Repeat("x", 241), Address: "http://192.0.2.2/"},
	} {
		synctest.Test(t, func(t *testing.T) {
			net := clustertest.NewNet(1)
			a := join(t, net, "a", has("", directory.Place{}))
			join(t, net, "b", has("222222", bad))
			if got, found := a.Find(t.Context(), ask("222222")); found {
				t.Errorf("got %+v", got)
			}
			net.Wait()
		})
	}
}
