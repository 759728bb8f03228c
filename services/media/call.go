package media

import (
	"context"

	"github.com/livelearn/box/services/errs"
)

// errGone is every call's answer when the connection has ended.
func errGone(op string) error {
	return errs.Code("media."+op, errs.Down, "node_gone", "the media node is gone")
}

// call asks the node and waits for the answer, ctx (errs.Down, code "timeout") or the end
// of the connection.
func (c *Client) call(ctx context.Context, method string, params, result any) error {
	p, err := raw(params)
	if err != nil {
		return err
	}
	answer := make(chan line, 1)
	id := c.expect(answer)
	defer c.forget(id)
	text, err := line{ID: id, Method: method, Params: p}.text()
	if err != nil {
		return err
	}
	select {
	case c.out <- text:
	case <-c.done:
		return errGone(method)
	case <-ctx.Done():
		return late(ctx, method)
	}
	select {
	case l := <-answer:
		return l.into(method, result)
	case <-c.done:
		return errGone(method)
	case <-ctx.Done():
		return late(ctx, method)
	}
}

func late(ctx context.Context, op string) error {
	e := errs.New("media."+op, errs.Down, context.Cause(ctx))
	e.Code = "timeout"
	return e
}

// expect gives the next id, whose answer goes to w.
func (c *Client) expect(w chan line) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	c.waiting[c.last] = w
	return c.last
}

func (c *Client) forget(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

// into reads an answer.
func (l line) into(op string, result any) error {
	if l.Error != nil {
		return l.Error.err("media." + op)
	}
	if result == nil {
		return nil
	}
	if err := strictly(l.Result, result); err != nil {
		return errs.Code("media."+op, errs.Internal, "bad_answer", "the node's answer: %v", err)
	}
	return nil
}

// Publish implements Node.
func (c *Client) Publish(ctx context.Context, p Publish) (a Answer, err error) {
	err = c.call(ctx, methodPublish, p, &a)
	return a, err
}

// Watch implements Node.
func (c *Client) Watch(ctx context.Context, w Watch) (a Answer, err error) {
	err = c.call(ctx, methodWatch, w, &a)
	return a, err
}

// Patch implements Node.
func (c *Client) Patch(ctx context.Context, p Patch) (a Answer, err error) {
	err = c.call(ctx, methodPatch, p, &a)
	return a, err
}

// Close implements Node.
func (c *Client) Close(ctx context.Context, session string) error {
	return c.call(ctx, methodClose, closeParams{session}, nil)
}

// Mute implements Node.
func (c *Client) Mute(ctx context.Context, room, user string, source Source, on bool) error {
	return c.call(ctx, methodMute, muteParams{room, user, source, on}, nil)
}

// Want implements Node.
func (c *Client) Want(ctx context.Context, w Want) error {
	return c.call(ctx, methodWant, w, nil)
}

// Record implements Node.
func (c *Client) Record(ctx context.Context, r Record) error {
	return c.call(ctx, methodRecord, r, nil)
}

// Load implements Node.
func (c *Client) Load(ctx context.Context) (l Load, err error) {
	err = c.call(ctx, methodLoad, nil, &l)
	return l, err
}

// Events implements Node. The channel stays open: Done tells the end.
func (c *Client) Events() <-chan Event { return c.events }
