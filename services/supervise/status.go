package supervise

import (
	"context"
	"errors"
	"time"
)

// Status is one node of the tree at this moment, for the admin page.
type Status struct {
	Name      string    `json:"name"`
	State     string    `json:"state"` // starting, running, waiting (back-off), finished, ignored, stopped, crashed, spent
	Restarts  int       `json:"restarts"`
	Since     time.Time `json:"since"`
	LastError string    `json:"last_error,omitempty"`
	Count     int       `json:"count,omitempty"`     // children or entities there are, listed or not
	Running   int       `json:"running,omitempty"`   // those that are ready
	Abandoned int       `json:"abandoned,omitempty"` // goroutines left behind that still run
	Children  []Status  `json:"children,omitempty"`  // static children, then at most 100 dynamic ones
}

const maxListed = 100

// Tree is the supervisor and all below it.
func (s *Supervisor) Tree() Status {
	s.mu.Lock()
	st := Status{
		Name: s.spec.Name, State: s.state, Restarts: s.restarts, Since: s.since,
		Count: len(s.children), Running: s.running, Abandoned: s.abandoned,
	}
	if s.lastErr != nil {
		st.LastError = s.lastErr.Error()
	}
	var below []interface{ Tree() Status }
	dynamic := 0
	for c := s.head; c != nil; c = c.next {
		if !c.static {
			if dynamic++; dynamic > maxListed {
				break
			}
		}
		st.Children = append(st.Children, c.childStatus())
		below = append(below, c.spec.tree)
	}
	s.mu.Unlock()
	for n, t := range below {
		if t != nil {
			st.Children[n] = mergeStatus(st.Children[n], t.Tree())
		}
	}
	return st
}

func (c *child) childStatus() Status {
	st := Status{Name: c.spec.ID, State: c.state, Restarts: c.restarts, Since: c.since}
	if c.lastErr != nil {
		st.LastError = c.lastErr.Error()
	}
	return st
}

// mergeStatus describes a child whose service has a tree of its own. The place is the child's,
// the content is the service's.
func mergeStatus(c, t Status) Status {
	c.Count, c.Running, c.Abandoned, c.Children = t.Count, t.Running, t.Abandoned, t.Children
	if c.LastError == "" {
		c.LastError = t.LastError
	}
	return c
}

// isEnd reports whether err is a normal end of a child that was asked to stop.
func isEnd(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, ErrShutdown)
}
