package link

import (
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
