package supervise

import (
	"context"
	"sync/atomic"
)

// Call leaves the message that build makes in the mailbox of k and waits for its reply.
// The handler, or whoever it hands reply to, replies once; later replies are ignored. The
// error is the reply's own, that of Cast, ctx's, or ErrCrashed at once when the entity
// crashes before it replied, ErrStopped when the pool ends. An entity must not Call itself.
func Call[R any, K comparable, S, M any](ctx context.Context, p *Pool[K, S, M], k K, build func(reply func(R, error)) M) (R, error) {
	c := &call[R]{ch: make(chan struct{})}
	if err := p.post(k, item[M]{m: build(c.reply), call: c}, false); err != nil {
		var none R
		return none, err
	}
	select {
	case <-c.ch:
		return c.value, c.err
	case <-ctx.Done():
	}
	c.fail(ctx.Err())
	<-c.ch
	return c.value, c.err
}

// call is one waiting Call.
type call[R any] struct {
	taken atomic.Bool // whoever sets it writes the fields and closes ch
	ch    chan struct{}
	value R
	err   error
}

func (c *call[R]) reply(v R, err error) {
	if c.taken.CompareAndSwap(false, true) {
		c.value, c.err = v, err
		close(c.ch)
	}
}

func (c *call[R]) fail(err error) {
	var none R
	c.reply(none, err)
}

func (c *call[R]) answered() bool { return c.taken.Load() }
