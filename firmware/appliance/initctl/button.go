package initctl

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"time"

	"github.com/livelearn/box/hal"
)

// Press is a press of the power button. The numbers of presses only rise.
type Press struct {
	ID   int           `json:"id"` // 0: no press
	Held time.Duration `json:"held"`
}

// retryPause is the pause after a failed request.
const retryPause = time.Second

// Button returns the power button that the first process reads.
func (c *Client) Button() hal.Button { return button{c} }

type button struct{ c *Client }

// Presses implements hal.Button. It first yields presses from the time when no program ran. The
// request for the next press confirms the last one, so a press is not lost when a program ends
// before it has handled it.
func (b button) Presses(ctx context.Context) iter.Seq[hal.Press] {
	return func(yield func(hal.Press) bool) {
		for after := 0; ctx.Err() == nil; {
			var p Press
			if err := b.c.sendRequest(ctx, http.MethodGet, fmt.Sprintf("/press?after=%d", after), nil, &p); err != nil {
				select {
				case <-ctx.Done():
				case <-time.After(retryPause):
				}
				continue
			}
			if p.ID == 0 || ctx.Err() != nil {
				continue
			}
			if !yield(hal.Press{Held: p.Held}) {
				return
			}
			after = p.ID
		}
	}
}

// Down implements hal.Button. It reports whether the button has been held since the start of
// the machine.
func (b button) Down() (down bool, err error) {
	return down, b.c.sendRequest(context.Background(), http.MethodGet, "/down", nil, &down)
}
