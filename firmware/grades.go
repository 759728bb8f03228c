package firmware

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/results"
	"github.com/livelearn/box/services/roster"
)

const (
	toldFile = "told" // in the folder of a lesson's results: the sum of the grades that were told last
	maxAsked = 200    // characters of a question in the grades
)

// tell notes what came of a lesson for the cloud: once it has ended, and again when anything
// of it is another, after a question was regraded or a pupil erased.
func (r *outcomes) tell(ctx context.Context, l roster.Lesson) error {
	if r.told == nil || l.Ended == 0 {
		return nil
	}
	dir := filepath.Join(r.folder, l.ID)
	data, err := os.ReadFile(filepath.Join(dir, results.FileJSON))
	if err != nil {
		return errs.New("grades", errs.Down, err)
	}
	var made results.Results
	if err := json.Unmarshal(data, &made); err != nil {
		return errs.New("grades", errs.Corrupt, err)
	}
	g := grades(l, made)
	sum := sumOf(g)
	if was, err := os.ReadFile(filepath.Join(dir, toldFile)); err == nil && string(was) == sum {
		return nil
	}
	if err := r.told(ctx, g); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, toldFile), []byte(sum), 0o600); err != nil {
		return errs.New("grades", errs.Down, err) // it is told once more: the newest counts
	}
	return nil
}

func sumOf(g cloud.Grades) string {
	data, err := json.Marshal(g)
	if err != nil {
		panic(err) // our own type
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// grades is what the cloud is told of a lesson: who was there, and the marks of graded
// questions. Names and what was answered are not in it.
func grades(l roster.Lesson, r results.Results) cloud.Grades {
	g := cloud.Grades{
		Lesson: l.ID, Class: l.Class, Title: l.Title, Started: l.Started, Ended: l.Ended, Items: []cloud.Asked{}, Pupils: []cloud.Standing{},
	}
	for _, q := range r.Items {
		title := []rune(cmp.Or(q.Title, q.Text))
		g.Items = append(g.Items, cloud.Asked{
			ID: q.ID, Kind: string(q.Kind), Title: string(title[:min(len(title), maxAsked)]), Points: q.Points, Graded: q.Graded,
		})
	}
	here := map[string]results.Presence{}
	for _, p := range r.Attendance {
		here[p.User] = p
	}
	for _, p := range r.Pupils {
		s := cloud.Standing{Pupil: p.User, Came: here[p.User].Came, MS: here[p.User].MS, Marks: map[string]cloud.Mark{}}
		for _, q := range r.Items {
			if a, ok := p.Items[q.ID]; ok && q.Graded {
				s.Marks[q.ID] = cloud.Mark{Fraction: a.Fraction, Points: a.Points}
			}
		}
		g.Pupils = append(g.Pupils, s)
	}
	return g
}

// tellGrades notes grades. A lesson whose grades no fact can hold keeps its results here.
func (b *Box) tellGrades(ctx context.Context, g cloud.Grades) error {
	err := b.ledger.Tell(ctx, cloud.Graded, g)
	if errs.KindOf(err) == errs.Invalid && err != nil {
		b.log("cloud").Error("the grades of a lesson are too large for the cloud", "lesson", g.Lesson, "err", err)
		return nil
	}
	return err
}
