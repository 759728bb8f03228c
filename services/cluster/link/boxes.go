package link

import (
	"cmp"
	"context"
	"crypto/tls"
	"slices"

	"github.com/livelearn/box/services/cluster/members"
)

// Box is a box of the school as its admin sees it.
type Box struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Own       bool     `json:"own" doc:"It is this box."`
	Linked    bool     `json:"linked" doc:"This box has a connection to it now."`
	Addresses []string `json:"addresses" doc:"Where it takes the connections of other boxes."`
	Added     int64    `json:"added" doc:"Milliseconds since 1970, by the clock of the box that added it."`
}

// NameOf returns the name of another box of the school. Empty: it is none.
func (m *Mesh) NameOf(id string) string {
	for _, o := range m.deps.List.Others() {
		if o.ID == id {
			return cmp.Or(o.Name, o.ID)
		}
	}
	return ""
}

// Name returns the name of this box.
func (m *Mesh) Name() string { return m.deps.Name() }

// TLSTo returns the configuration of a connection to one box of the school. No other box can answer.
func (m *Mesh) TLSTo(id string) *tls.Config {
	conf := m.deps.List.Own().TLS(func(key string) bool {
		return m.isOther(func(o members.Member) bool { return o.Key == key && o.ID == id })
	})
	conf.ServerName = members.ServerName
	return conf
}

// TLSForMembers returns the configuration of the connections that boxes of the school make to this one.
func (m *Mesh) TLSForMembers() *tls.Config {
	return m.deps.List.Own().TLS(func(key string) bool { return m.isOther(func(o members.Member) bool { return o.Key == key }) })
}

func (m *Mesh) isOther(is func(members.Member) bool) bool {
	return slices.ContainsFunc(m.deps.List.Others(), is)
}

// WaitForOthers returns true when this box has others, and false when ctx ends before.
func (m *Mesh) WaitForOthers(ctx context.Context) bool {
	for {
		changed := m.deps.List.Changed()
		if ctx.Err() != nil || len(m.deps.List.Others()) > 0 {
			return ctx.Err() == nil
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}

// Boxes returns the boxes of the school, this one first. The list is empty while this box is alone.
func (m *Mesh) Boxes() []Box {
	list := []Box{}
	others := m.deps.List.Others()
	if len(others) == 0 {
		return list
	}
	linked, own := m.Linked(), m.deps.List.Own().ID
	for _, x := range m.deps.List.All() {
		isOther := slices.ContainsFunc(others, func(o members.Member) bool { return o.ID == x.ID })
		b := Box{ID: x.ID, Name: x.Name, Own: x.ID == own, Linked: slices.Contains(linked, x.ID), Addresses: append([]string{}, x.Addresses...), Added: x.Added}
		switch {
		case b.Own:
			list = slices.Insert(list, 0, b)
		case isOther:
			list = append(list, b)
		}
	}
	return list
}
