package resultsjob

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
	ReportedFile   = "told" // in the folder of a lesson's results: the checksum of the grades that were reported last
	MaxQuestionLen = 200    // characters of a question in the grades
)

// ReportToCloud reports the grades of a lesson to the cloud once the lesson has ended. It
// reports them again when they change, after a question was regraded or a pupil was erased.
func (r *Job) ReportToCloud(ctx context.Context, l roster.Lesson) error {
	if r.ReportGrades == nil || l.Ended == 0 {
		return nil
	}
	dir := filepath.Join(r.Folder, l.ID)
	data, err := os.ReadFile(filepath.Join(dir, results.FileJSON))
	if err != nil {
		return errs.New("grades", errs.Down, err)
	}
	var made results.Results
	if err := json.Unmarshal(data, &made); err != nil {
		return errs.New("grades", errs.Corrupt, err)
	}
	g := BuildGrades(l, made)
	sum := gradesChecksum(g)
	if was, err := os.ReadFile(filepath.Join(dir, ReportedFile)); err == nil && string(was) == sum {
		return nil
	}
	if err := r.ReportGrades(ctx, g); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, ReportedFile), []byte(sum), 0o600); err != nil {
		return errs.New("grades", errs.Down, err) // the grades are reported again, and the newest count
	}
	return nil
}

func gradesChecksum(g cloud.Grades) string {
	data, err := json.Marshal(g)
	if err != nil {
		panic(err) // our own type
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// BuildGrades returns the attendance and the marks of graded questions for the cloud. It leaves out
// names and answers.
func BuildGrades(l roster.Lesson, r results.Results) cloud.Grades {
	g := cloud.Grades{
		Lesson: l.ID, Class: l.Class, Title: l.Title, Started: l.Started, Ended: l.Ended, Items: []cloud.GradedItem{}, Pupils: []cloud.PupilGrades{},
	}
	for _, q := range r.Items {
		title := []rune(cmp.Or(q.Title, q.Text))
		g.Items = append(g.Items, cloud.GradedItem{
			ID: q.ID, Kind: string(q.Kind), Title: string(title[:min(len(title), MaxQuestionLen)]), Points: q.Points, Graded: q.Graded,
		})
	}
	here := map[string]results.Presence{}
	for _, p := range r.Attendance {
		here[p.User] = p
	}
	for _, p := range r.Pupils {
		s := cloud.PupilGrades{Pupil: p.User, Came: here[p.User].Came, MS: here[p.User].MS, Marks: map[string]cloud.Mark{}}
		for _, q := range r.Items {
			if a, ok := p.Items[q.ID]; ok && q.Graded {
				s.Marks[q.ID] = cloud.Mark{Fraction: a.Fraction, Points: a.Points}
			}
		}
		g.Pupils = append(g.Pupils, s)
	}
	return g
}
