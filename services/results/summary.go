package results

import (
	"cmp"
	"maps"
	"slices"

	"github.com/livelearn/box/services/quiz/item"
)

// Limits from which a pupil may need help, or a question is hard.
const (
	lateAfter  = 5 * 60_000 // milliseconds after the start of the lesson
	minWrong   = 2          // wrong answers, when they are at least half of all
	rightFrom  = 0.999      // fraction from which an answer is right: thirds do not add up to 1
	wrongBelow = 0.5        // below it an answer is wrong
	maxHard    = 3          // questions named as the hardest
	easyFrom   = 0.75       // mean fraction from which no question is hard
)

// Results sums up the facts so far. More facts may follow.
func (f *Fold) Results() Results {
	out := Results{
		Lesson: f.lessonInfo(), Attendance: []Presence{}, Items: []Question{}, Pupils: []Pupil{}, Hardest: []string{}, Help: []Help{},
		lang: f.meta.Lang,
	}
	users := f.sortedUsers()
	marks := map[string]map[string]Answer{} // by item, by user
	for _, id := range f.quiz.order {
		a := f.quiz.countingAsking(id)
		if a.item.Kind == item.Slide {
			continue
		}
		marks[id] = f.quiz.gradeAnswers(a)
		out.Items = append(out.Items, f.quiz.summariseQuestion(a, marks[id]))
	}
	for _, user := range users {
		out.Attendance = append(out.Attendance, f.presenceOf(user))
		out.Pupils = append(out.Pupils, f.summarisePupil(user, out.Items, marks))
	}
	out.Hardest = hardestItems(out.Items)
	out.Help = f.findHelp(out)
	return out
}

func (f *Fold) lessonInfo() Lesson {
	m := f.meta
	return Lesson{
		ID: m.Lesson, Title: m.Title, ClassName: m.ClassName,
		Started: cmp.Or(m.Started, f.begun.Wall), Ended: cmp.Or(m.Ended, f.ended.Wall),
	}
}

// sortedUsers are all pupils, by name and then by id. A pupil who has left the class list has
// no name and comes last.
func (f *Fold) sortedUsers() []string {
	users := slices.Collect(maps.Keys(f.people))
	slices.SortFunc(users, func(a, b string) int {
		x, y := f.meta.Names[a], f.meta.Names[b]
		if (x == "") != (y == "") {
			return cmp.Compare(y, x)
		}
		return cmp.Or(cmp.Compare(x, y), cmp.Compare(a, b))
	})
	return users
}

func (f *Fold) presenceOf(user string) Presence {
	p := Presence{User: user, Name: f.meta.Names[user], Absent: true}
	if s := f.attendance.users[user]; s != nil {
		p.Came, p.MS, p.Times, p.Absent = s.arrivedAt, f.attendance.timePresent(user), s.intervals, false
	}
	return p
}

// summarisePupil sums up one pupil over the questions, in the order of asking.
func (f *Fold) summarisePupil(user string, items []Question, marks map[string]map[string]Answer) Pupil {
	did := f.people[user]
	p := Pupil{
		User: user, Name: f.meta.Names[user], Absent: f.attendance.users[user] == nil,
		Hands: did.hands, Lost: did.lost, Chats: did.chats, Items: map[string]Answer{},
	}
	run := 0
	for _, it := range items {
		if it.Graded {
			p.Max += float64(it.Points)
		}
		mark, ok := marks[it.ID][user]
		if ok {
			p.Answered++
			p.Items[it.ID] = mark
		}
		if !it.Graded {
			continue
		}
		p.Score = roundHundredths(p.Score + mark.Points)
		switch {
		case ok && mark.exact >= rightFrom:
			p.Right++
			run++
			p.Streak = max(p.Streak, run)
		case ok && mark.exact < wrongBelow:
			p.Wrong++
			run = 0
		default:
			run = 0
		}
	}
	return p
}

// hardestItems are the ids of the graded questions with the lowest means, lowest first.
func hardestItems(items []Question) []string {
	var hard []Question
	for _, it := range items {
		if it.Graded && it.Answered > 0 && it.Fraction < easyFrom {
			hard = append(hard, it)
		}
	}
	slices.SortStableFunc(hard, func(a, b Question) int { return cmp.Compare(a.Fraction, b.Fraction) })
	ids := []string{}
	for _, it := range hard[:min(len(hard), maxHard)] {
		ids = append(ids, it.ID)
	}
	return ids
}

// findHelp lists the pupils who may need help and why, those with the most reasons first.
func (f *Fold) findHelp(r Results) []Help {
	out := []Help{}
	for i, p := range r.Pupils {
		if p.Absent {
			continue
		}
		asked := 0
		for _, it := range r.Items {
			if f.quiz.countingAsking(it.ID).asked[p.User] {
				asked++
			}
		}
		h := Help{User: p.User}
		if p.Wrong >= minWrong && 2*p.Wrong >= p.Answered {
			h.Why = append(h.Why, "wrong_often")
		}
		if asked > 0 && 2*p.Answered < asked && p.Hands+p.Chats == 0 {
			h.Why = append(h.Why, "silent")
		}
		if p.Lost > 0 {
			h.Why = append(h.Why, "lost")
		}
		if r.Lesson.Started > 0 && r.Attendance[i].Came-r.Lesson.Started > lateAfter {
			h.Why = append(h.Why, "late")
		}
		if len(h.Why) > 0 {
			out = append(out, h)
		}
	}
	slices.SortStableFunc(out, func(a, b Help) int { return len(b.Why) - len(a.Why) })
	return out
}
