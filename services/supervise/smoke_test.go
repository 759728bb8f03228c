package supervise

import (
	"context"
	"testing"
	"testing/synctest"
)

func TestSmoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type msg struct {
			boom  bool
			reply func(int, error)
		}
		var dead []msg
		p := NewPool(Kind[string, int, msg]{Name: "p",
			Init: func(context.Context, string) (*int, error) { return new(int), nil },
			Handle: func(_ context.Context, s *int, m msg) error {
				if m.boom {
					panic("boom")
				}
				*s++
				if m.reply != nil {
					m.reply(*s, nil)
				}
				return nil
			},
			Dead: func(_ string, m msg, _ Report) { dead = append(dead, m) },
		})
		sup := New(Spec{Name: "root", Children: []Child{Run("p", p)}, Observe: func(r Report) { t.Logf("%s %s %v %s\n%s", r.Path, r.Child, r.Err, r.Decision, r.Stack) }})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- sup.Serve(ctx) }()
		synctest.Wait()
		for n := 1; n < 4; n++ {
			got, err := Call(ctx, p, "a", func(r func(int, error)) msg { return msg{reply: r} })
			if err != nil || got != n {
				t.Fatal(got, err)
			}
		}
		_, err := Call(ctx, p, "a", func(r func(int, error)) msg { return msg{boom: true, reply: r} })
		if err != ErrCrashed {
			t.Fatal(err)
		}
		got, err := Call(ctx, p, "a", func(r func(int, error)) msg { return msg{reply: r} })
		if err != nil || got != 1 || len(dead) != 1 {
			t.Fatal(got, err, len(dead))
		}
		t.Logf("%+v", sup.Tree())
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}
