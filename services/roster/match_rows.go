package roster

import (
	"fmt"
	"slices"

	"github.com/livelearn/box/services/listimport"
)

// matcher finds the pupils of a class for the rows of a file.
type matcher struct {
	class    *Class
	rows     []listimport.Row
	problems []listimport.Problem

	rowOfPupil map[int]int // rows by the place of their pupil
	rowTaken   map[int]bool
}

// matchRows changes the class. dirty reports whether anything changed.
func (m *matcher) matchRows() (out ImportedClass, dirty bool) {
	m.rowOfPupil, m.rowTaken = map[int]int{}, map[int]bool{}
	m.pairRows(func(row listimport.Row, p Pupil) bool { return row.Source != "" && row.Source == p.Source })
	renames := m.findRenames()
	m.pairRows(func(row listimport.Row, p Pupil) bool { return foldName(row.Name) == foldName(p.Name) })
	out = ImportedClass{Added: []NewName{}, Changed: []Renamed{}, Unchanged: []string{}, Missing: []LeftOver{}}
	for i := range m.class.Pupils {
		p := &m.class.Pupils[i]
		row, ok := m.rowOfPupil[i]
		if !ok {
			out.Missing = append(out.Missing, LeftOver{p.ID, p.Name})
			continue
		}
		if id := m.rows[row].Source; id != "" && id != p.Source {
			p.Source, dirty = id, true
		}
		name, renamed := renames[i]
		if n := m.rows[row]; n.Source != "" && n.Name != p.Name && foldName(n.Name) == foldName(p.Name) {
			name, renamed = n.Name, true // the file writes "Ada" for "ada"
		}
		if renamed {
			out.Changed = append(out.Changed, Renamed{p.ID, p.Name, name})
			p.Name, dirty = name, true
		} else {
			out.Unchanged = append(out.Unchanged, p.Name)
		}
	}
	out.Added = m.addNewPupils()
	return out, dirty || len(out.Added) > 0
}

// pairRows pairs rows and pupils that are the same person, each of them once.
func (m *matcher) pairRows(same func(listimport.Row, Pupil) bool) {
	byKey := map[string][]int{}
	for i, p := range m.class.Pupils {
		if _, has := m.rowOfPupil[i]; !has {
			byKey[foldName(p.Name)] = append(byKey[foldName(p.Name)], i)
			if p.Source != "" {
				byKey["\x00"+p.Source] = append(byKey["\x00"+p.Source], i)
			}
		}
	}
	for n, row := range m.rows {
		if m.rowTaken[n] {
			continue
		}
		for _, i := range slices.Concat(byKey["\x00"+row.Source], byKey[foldName(row.Name)]) {
			if _, has := m.rowOfPupil[i]; !has && same(row, m.class.Pupils[i]) {
				m.rowOfPupil[i], m.rowTaken[n] = n, true
				break
			}
		}
	}
}

// findRenames returns the new names of pupils who were found by their id. If another pupil of the
// class keeps that name, it adds a problem, and the old name stays.
func (m *matcher) findRenames() map[int]string {
	out := map[int]string{}
	for i, n := range m.rowOfPupil {
		if name := m.rows[n].Name; name != m.class.Pupils[i].Name {
			out[i] = name
		}
	}
	for clash := true; clash; {
		clash = false
		owner := map[string]int{}
		for i, p := range m.class.Pupils {
			if _, moves := out[i]; !moves {
				owner[foldName(p.Name)] = i
			}
		}
		for i := range m.class.Pupils {
			name, moves := out[i]
			if !moves {
				continue
			}
			if _, has := owner[foldName(name)]; has {
				row := m.rows[m.rowOfPupil[i]]
				m.problems = append(m.problems, rowProblem(row, "duplicate", "another pupil of the class has this name"))
				delete(out, i)
				clash = true
				break
			}
			owner[foldName(name)] = i
		}
	}
	return out
}

// addNewPupils adds the rows without a pupil to the list.
func (m *matcher) addNewPupils() []NewName {
	added := []NewName{}
	have := map[string]bool{}
	for _, p := range m.class.Pupils {
		have[foldName(p.Name)] = true
	}
	for n, row := range m.rows {
		switch {
		case m.rowTaken[n]:
		case have[foldName(row.Name)]:
			m.problems = append(m.problems, rowProblem(row, "duplicate", "another pupil of the class has this name"))
		case len(m.class.Pupils) >= MaxPupils:
			m.problems = append(m.problems, rowProblem(row, "class_full", fmt.Sprintf("a class has at most %d pupils", MaxPupils)))
		default:
			have[foldName(row.Name)] = true
			m.class.Pupils = append(m.class.Pupils, Pupil{Name: row.Name, Source: row.Source})
			added = append(added, NewName{row.Name})
		}
	}
	return added
}
