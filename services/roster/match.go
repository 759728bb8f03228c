package roster

import (
	"fmt"
	"slices"

	"github.com/livelearn/box/services/intake"
)

// matcher finds out who of a class the rows of a file are.
type matcher struct {
	to       *Class
	rows     []intake.Row
	problems []intake.Problem

	pupil map[int]int // rows by the place of the pupil they are
	taken map[int]bool
}

// run changes the class. dirty tells that anything of it is another.
func (m *matcher) run() (out ImportedClass, dirty bool) {
	m.pupil, m.taken = map[int]int{}, map[int]bool{}
	m.match(func(row intake.Row, p Pupil) bool { return row.Source != "" && row.Source == p.Source })
	renames := m.renames()
	m.match(func(row intake.Row, p Pupil) bool { return fold(row.Name) == fold(p.Name) })
	out = ImportedClass{Added: []NewName{}, Changed: []Renamed{}, Unchanged: []string{}, Missing: []LeftOver{}}
	for i := range m.to.Pupils {
		p := &m.to.Pupils[i]
		row, ok := m.pupil[i]
		if !ok {
			out.Missing = append(out.Missing, LeftOver{p.ID, p.Name})
			continue
		}
		if id := m.rows[row].Source; id != "" && id != p.Source {
			p.Source, dirty = id, true
		}
		name, renamed := renames[i]
		if n := m.rows[row]; n.Source != "" && n.Name != p.Name && fold(n.Name) == fold(p.Name) {
			name, renamed = n.Name, true // "ada" is written "Ada" now
		}
		if renamed {
			out.Changed = append(out.Changed, Renamed{p.ID, p.Name, name})
			p.Name, dirty = name, true
		} else {
			out.Unchanged = append(out.Unchanged, p.Name)
		}
	}
	out.Added = m.add()
	return out, dirty || len(out.Added) > 0
}

// match pairs rows and pupils that are the same person, each of them once.
func (m *matcher) match(same func(intake.Row, Pupil) bool) {
	byKey := map[string][]int{}
	for i, p := range m.to.Pupils {
		if _, has := m.pupil[i]; !has {
			byKey[fold(p.Name)] = append(byKey[fold(p.Name)], i)
			if p.Source != "" {
				byKey["\x00"+p.Source] = append(byKey["\x00"+p.Source], i)
			}
		}
	}
	for n, row := range m.rows {
		if m.taken[n] {
			continue
		}
		for _, i := range slices.Concat(byKey["\x00"+row.Source], byKey[fold(row.Name)]) {
			if _, has := m.pupil[i]; !has && same(row, m.to.Pupils[i]) {
				m.pupil[i], m.taken[n] = n, true
				break
			}
		}
	}
}

// renames are the new names of pupils who are known by their id. A name that somebody
// else of the class keeps is a problem, and then the old one stays.
func (m *matcher) renames() map[int]string {
	out := map[int]string{}
	for i, n := range m.pupil {
		if name := m.rows[n].Name; name != m.to.Pupils[i].Name {
			out[i] = name
		}
	}
	for clash := true; clash; {
		clash = false
		owner := map[string]int{}
		for i, p := range m.to.Pupils {
			if _, moves := out[i]; !moves {
				owner[fold(p.Name)] = i
			}
		}
		for i := range m.to.Pupils {
			name, moves := out[i]
			if !moves {
				continue
			}
			if _, has := owner[fold(name)]; has {
				row := m.rows[m.pupil[i]]
				m.problems = append(m.problems, rowProblem(row, "duplicate", "another pupil of the class has this name"))
				delete(out, i)
				clash = true
				break
			}
			owner[fold(name)] = i
		}
	}
	return out
}

// add puts the rows that are nobody of the class on its list.
func (m *matcher) add() []NewName {
	added := []NewName{}
	have := map[string]bool{}
	for _, p := range m.to.Pupils {
		have[fold(p.Name)] = true
	}
	for n, row := range m.rows {
		switch {
		case m.taken[n]:
		case have[fold(row.Name)]:
			m.problems = append(m.problems, rowProblem(row, "duplicate", "another pupil of the class has this name"))
		case len(m.to.Pupils) >= MaxPupils:
			m.problems = append(m.problems, rowProblem(row, "class_full", fmt.Sprintf("a class has at most %d pupils", MaxPupils)))
		default:
			have[fold(row.Name)] = true
			m.to.Pupils = append(m.to.Pupils, Pupil{Name: row.Name, Source: row.Source})
			added = append(added, NewName{row.Name})
		}
	}
	return added
}
