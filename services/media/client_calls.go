package media

import (
	"context"

	"github.com/livelearn/box/services/errs"
)

// errNodeGone is the error of every call after the connection has ended.
func errNodeGone(op string) error {
	return errs.NewCode("media."+op, errs.Down, "node_gone", "the media node is gone")
}

// sendRequest sends a request to the node and waits for the answer, the end of ctx (errs.Down,
// code "timeout") or of the connection.
func (c *Client) sendRequest(ctx context.Context, method string, params, result any) error {
	p, err := marshalRaw(params)
	if err != nil {
		return err
	}
	answer := make(chan line, 1)
	id := c.addWaiter(answer)
	defer c.removeWaiter(id)
	text, err := line{ID: id, Method: method, Params: p}.encodeLine()
	if err != nil {
		return err
	}
	select {
	case c.out <- text:
	case <-c.done:
		return errNodeGone(method)
	case <-ctx.Done():
		return timeoutError(ctx, method)
	}
	select {
	case l := <-answer:
		return l.decodeResult(method, result)
	case <-c.done:
		return errNodeGone(method)
	case <-ctx.Done():
		return timeoutError(ctx, method)
	}
}

func timeoutError(ctx context.Context, op string) error {
	e := errs.New("media."+op, errs.Down, context.Cause(ctx))
	e.Code = "timeout"
	return e
}

// addWaiter returns the next id. Its answer goes to w.
func (c *Client) addWaiter(w chan line) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastID++
	c.waiting[c.lastID] = w
	return c.lastID
}

func (c *Client) removeWaiter(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

// decodeResult reads an answer.
func (l line) decodeResult(op string, result any) error {
	if l.Error != nil {
		return l.Error.toError("media." + op)
	}
	if result == nil {
		return nil
	}
	if err := decodeStrict(l.Result, result); err != nil {
		return errs.NewCode("media."+op, errs.Internal, "bad_answer", "the node's answer: %v", err)
	}
	return nil
}

// Publish implements Node.
func (c *Client) Publish(ctx context.Context, p Publish) (a Answer, err error) {
	err = c.sendRequest(ctx, methodPublish, p, &a)
	return a, err
}

// Watch implements Node.
func (c *Client) Watch(ctx context.Context, w Watch) (a Answer, err error) {
	err = c.sendRequest(ctx, methodWatch, w, &a)
	return a, err
}

// Patch implements Node.
func (c *Client) Patch(ctx context.Context, p Patch) (a Answer, err error) {
	err = c.sendRequest(ctx, methodPatch, p, &a)
	return a, err
}

// Close implements Node.
func (c *Client) Close(ctx context.Context, session string) error {
	return c.sendRequest(ctx, methodClose, closeParams{session}, nil)
}

// Mute implements Node.
func (c *Client) Mute(ctx context.Context, room, user string, source Source, on bool) error {
	return c.sendRequest(ctx, methodMute, muteParams{room, user, source, on}, nil)
}

// Want implements Node.
func (c *Client) Want(ctx context.Context, w Want) error {
	return c.sendRequest(ctx, methodWant, w, nil)
}

// Record implements Node.
func (c *Client) Record(ctx context.Context, r Record) error {
	return c.sendRequest(ctx, methodRecord, r, nil)
}

// Load implements Node.
func (c *Client) Load(ctx context.Context) (l Load, err error) {
	err = c.sendRequest(ctx, methodLoad, nil, &l)
	return l, err
}

// Events implements Node. The channel stays open. Done shows the end.
func (c *Client) Events() <-chan Event { return c.events }
