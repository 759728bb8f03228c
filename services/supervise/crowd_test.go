package supervise

import (
	"context"
	"sync"
)

// crowd is n entities of one kind, for the benchmarks.
type crowd interface {
	cast(k int)
	call(k int) error
	crash(k int) // returns when the message is sent
	stop()
}

type ping struct {
	crash bool
	reply chan<- int
}

// pooledCrowd is the crowd of this package.
type pooledCrowd struct {
	pool   *Pool[int, int, ping]
	cancel context.CancelFunc
	done   chan error
}

func newPooled(n int) crowd {
	c := &pooledCrowd{done: make(chan error, 1)}
	c.pool = NewPool(Kind[int, int, ping]{
		Name: "crowd", MaxRestarts: 1 << 30, Mailbox: 1 << 20,
		Init: func(context.Context, int) (*int, error) { return new(int), nil },
		Handle: func(_ context.Context, s *int, m ping) error {
			if m.crash {
				panic("ordered to")
			}
			*s++
			if m.reply != nil {
				m.reply <- *s
			}
			return nil
		},
		Observe: func(Report) {},
	})
	var ctx context.Context
	ctx, c.cancel = context.WithCancel(context.Background())
	go func() { c.done <- c.pool.Serve(ctx) }()
	for k := range n {
		_ = c.pool.Cast(k, ping{})
	}
	for k := range n { // all have run once and are idle again
		_ = c.call(k)
	}
	return c
}

func (c *pooledCrowd) cast(k int)  { _ = c.pool.Cast(k, ping{}) }
func (c *pooledCrowd) crash(k int) { _ = c.pool.Cast(k, ping{crash: true}) }
func (c *pooledCrowd) stop()       { c.cancel(); <-c.done }

func (c *pooledCrowd) call(k int) error {
	reply := make(chan int, 1)
	if err := c.pool.Cast(k, ping{reply: reply}); err != nil {
		return err
	}
	<-reply
	return nil
}

// plainCrowd is the comparison: a goroutine and a channel each, with the least code that
// survives a panic.
type plainCrowd struct {
	boxes []chan ping
	wg    sync.WaitGroup
}

func newPlain(n int) crowd {
	c := &plainCrowd{boxes: make([]chan ping, n)}
	for k := range n {
		box := make(chan ping, 16)
		c.boxes[k] = box
		c.wg.Go(func() {
			for !plainLife(box) {
			}
		})
	}
	for k := range n {
		_ = c.call(k)
	}
	return c
}

func plainLife(box chan ping) (finished bool) {
	defer func() { _ = recover() }()
	state := new(int)
	for m := range box {
		if m.crash {
			panic("ordered to")
		}
		*state++
		if m.reply != nil {
			m.reply <- *state
		}
	}
	return true
}

func (c *plainCrowd) cast(k int)  { c.boxes[k] <- ping{} }
func (c *plainCrowd) crash(k int) { c.boxes[k] <- ping{crash: true} }

func (c *plainCrowd) call(k int) error {
	reply := make(chan int, 1)
	c.boxes[k] <- ping{reply: reply}
	<-reply
	return nil
}

func (c *plainCrowd) stop() {
	for _, box := range c.boxes {
		close(box)
	}
	c.wg.Wait()
}
