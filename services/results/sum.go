package results

import (
	"cmp"
	"maps"
	"slices"

	"github.com/livelearn/box/services/quiz/item"
)

// What tells that a pupil may need help.
const (
	lateBy   = 5 * 60_000 // milliseconds after the start of the lesson
	oftenAt  = 2          // wrong answers, when they are at least half of all
	whole    = 0.999      // fraction from which an answer is right: thirds do not add up to 1
	half     = 0.5        // below it an answer is wrong
	hardMax  = 3          // questions named as the hardest
	hardFrom = 0.75       // mean fraction from which no question is hard
)

// Results sums up what was added so far. The fold may go on.
func (f *Fold) Results() Results {
	out := Results{
		Lesson: f.lesson(), Attendance: []Presence{}, Items: []Question{}, Pupils: []Pupil{}, Hardest: []string{}, Help: []Help{},
		lang: f.meta.Lang,
	}
	users := f.users()
	marks := map[string]map[string]Answer{} // by item, by user
	for _, id := range f.quiz.order {
		a := f.quiz.counting(id)
		if a.item.Kind == item.Slide {
			continue
		}
		marks[id] = f.quiz.marks(a)
		out.Items = append(out.Items, f.quiz.question(a, marks[id]))
	}
	for _, user := range users {
		out.Attendance = append(out.Attendance, f.presence(user))
		out.Pupils = append(out.Pupils, f.pupil(user, out.Items, marks))
	}
	out.Hardest = hardest(out.Items)
	out.Help = f.help(out)
	return out
}

func (f *Fold) lesson() Lesson {
	m := f.meta
	return Lesson{
		ID: m.Lesson, Title: m.Title, ClassName: m.ClassName,
		Started: cmp.Or(m.Started, f.begun.Wall), Ended: cmp.Or(m.Ended, f.ended.Wall),
	}
}

// users are all pupils, by name and then by id. Whoever left the class list since has no
// name and comes last.
func (f *Fold) users() []string {
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

func (f *Fold) presence(user string) Presence {
	p := Presence{User: user, Name: f.meta.Names[user], Absent: true}
	if s := f.stays.users[user]; s != nil {
		p.Came, p.MS, p.Times, p.Absent = s.arrive, f.stays.present(user), s.times, false
	}
	return p
}

// pupil sums up one pupil over the questions, in the order of asking.
func (f *Fold) pupil(user string, items []Question, marks map[string]map[string]Answer) Pupil {
	did := f.people[user]
	p := Pupil{
		User: user, Name: f.meta.Names[user], Absent: f.stays.users[user] == nil,
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
		p.Score = hundredths(p.Score + mark.Points)
		switch {
		case ok && mark.exact >= whole:
			p.Right++
			run++
			p.Streak = max(p.Streak, run)
		case ok && mark.exact < half:
			p.Wrong++
			run = 0
		default:
			run = 0
		}
	}
	return p
}

// hardest are the ids of the graded questions with the lowest means, lowest first.
func hardest(items []Question) []string {
	var hard []Question
	for _, it := range items {
		if it.Graded && it.Answered > 0 && it.Fraction < hardFrom {
			hard = append(hard, it)
		}
	}
	slices.SortStableFunc(hard, func(a, b Question) int { return cmp.Compare(a.Fraction, b.Fraction) })
	ids := []string{}
	for _, it := range hard[:min(len(hard), hardMax)] {
		ids = append(ids, it.ID)
	}
	return ids
}

// help names who may need help and why, those with the most reasons first.
func (f *Fold) help(r Results) []Help {
	out := []Help{}
	for i, p := range r.Pupils {
		if p.Absent {
			continue
		}
		asked := 0
		for _, it := range r.Items {
			if f.quiz.counting(it.ID).asked[p.User] {
				asked++
			}
		}
		h := Help{User: p.User}
		if p.Wrong >= oftenAt && 2*p.Wrong >= p.Answered {
			h.Why = append(h.Why, "wrong_often")
		}
		if asked > 0 && 2*p.Answered < asked && p.Hands+p.Chats == 0 {
			h.Why = append(h.Why, "silent")
		}
		if p.Lost > 0 {
			h.Why = append(h.Why, "lost")
		}
		if r.Lesson.Started > 0 && r.Attendance[i].Came-r.Lesson.Started > lateBy {
			h.Why = append(h.Why, "late")
		}
		if len(h.Why) > 0 {
			out = append(out, h)
		}
	}
	slices.SortStableFunc(out, func(a, b Help) int { return len(b.Why) - len(a.Why) })
	return out
}
