package e2e

import (
	"fmt"
	"strings"
)

// asking is a question for the projector.
type asking struct {
	name  string
	least float64 // smallest size of its text, in parts of the screen's height
	again bool    // the test asks it in Arabic too
	item  map[string]any
}

type fields = map[string]any

// options have the ids "a", "b" and so on.
func options(texts ...string) []map[string]string {
	list := []map[string]string{}
	for i, text := range texts {
		list = append(list, map[string]string{"id": string(rune('a' + i)), "text": text})
	}
	return list
}

// many returns n texts of a form with one hole.
func many(n int, form string) []map[string]string {
	list := []string{}
	for i := range n {
		list = append(list, fmt.Sprintf(form, i+1))
	}
	return options(list...)
}

const (
	sentence = "Plants use light to make sugar out of water and the carbon dioxide of the air %d" // 80 characters
	compound = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" // a word of 80
	arabic   = "النباتات تصنع السكر من الماء وثاني أكسيد الكربون بمساعدة ضوء الشمس %d"
	planting = "Photosynthesis turns light into sugar, and the sugar feeds the plant. "
)

// weighing returns a key that makes these options right.
func weighing(ids string) fields {
	weights := map[string]float64{}
	for _, id := range ids {
		weights[string(id)] = 1
	}
	return fields{"weights": weights}
}

// ordering and matching return keys with n elements in the written order.
func ordering(n int) fields {
	list := []string{}
	for i := range n {
		list = append(list, string(rune('a'+i)))
	}
	return fields{"order": list}
}

func matching(n int) fields {
	pairs := map[string]string{}
	for i := range n {
		pairs[string(rune('a'+i))] = string(rune('a' + i))
	}
	return fields{"pairs": pairs}
}

// picture returns an image of a question. bring sends its file to the box.
func picture(w, h int) fields { return fields{"alt": "A picture", "w": w, "h": h} }

// gapText returns a text with n gaps, every other one a choice.
func gapText(n int) fields {
	text, gaps, keys := "", []fields{}, fields{}
	for i := range n {
		id := fmt.Sprint(i + 1)
		text += fmt.Sprintf("Photosynthesis turns light into _____ in step %d. ", i+1)
		g, k := fields{"id": id, "kind": "text"}, fields{"texts": []fields{{"text": "sugar and oxygen", "weight": 1}, {"text": "Kohlenstoffdioxid", "weight": 1}}}
		if i%2 == 1 {
			g, k = fields{"id": id, "kind": "single", "options": options("sugar", "water", "Kohlenstoffdioxidkonzentration")}, weighing("a")
		}
		gaps, keys[id] = append(gaps, g), k
	}
	return fields{"kind": "gaps", "text": strings.TrimSpace(text), "points": 1, "gaps": gaps, "key": fields{"gaps": keys}}
}

// response is what the n-th pupil answers. nil means that nobody does.
func response(q asking, n int) fields {
	switch q.item["kind"] {
	case "single", "multi", "poll":
		return fields{"options": []string{string(rune('a' + n%2))}}
	case "truefalse":
		return fields{"options": []string{"ft"[n%2 : n%2+1]}}
	case "numeric":
		return fields{"text": fmt.Sprint(7 + n%2)}
	case "text":
		if q.name == "open" {
			return fields{"text": []string{"Light", "Water", "Light", "Carbon dioxide", "Sunshine and a little patience"}[n%5]}
		}
		return fields{"text": strings.Repeat(planting, 2)}
	case "gaps":
		return fields{"gaps": fields{"1": []string{"oxygen", "carbon dioxide"}[n%2], "2": string(rune('a' + n%2))}}
	case "pin":
		return fields{"pin": fields{"x": 0.3 + float64(n)/20, "y": 0.35 + float64(n%3)/20}}
	case "draw":
		return fields{"strokes": []fields{{"color": n % 8, "size": 4, "points": "rs rs 1e 1jk 2s 0 a 1jk 0 -1jk 5 0"}}}
	}
	return nil
}

// questions returns each kind in its usual form and in the form that is hardest to show.
func questions() []asking {
	long := strings.TrimSpace(strings.Repeat(planting, 28)) // nearly 2,000 characters
	word := []fields{{"text": "Saturn", "weight": 1}}
	return []asking{
		{"single", least, true, fields{"kind": "single", "text": "Which gas do plants take in?", "points": 1, "options": options("Oxygen", "Nitrogen", "Carbon dioxide", "Hydrogen"), "key": weighing("c")}},
		{"multi", least, false, fields{"kind": "multi", "text": "Which of these are rocky planets?", "points": 2, "seconds": 3600, "options": options("Mercury", "Jupiter", "Mars", "Saturn", "Venus"), "key": weighing("ace")}},
		{"truefalse", least, true, fields{"kind": "truefalse", "text": "The Moon makes its own light.", "points": 1, "key": weighing("f")}},
		{"text", least, false, fields{"kind": "text", "text": "Which planet is known for its rings?", "points": 1, "key": fields{"texts": word}}},
		{"numeric", least, false, fields{"kind": "numeric", "text": "How many planets are there?", "points": 1, "key": fields{"numbers": []fields{{"value": 8, "tolerance": 0, "weight": 1}}}}},
		{"order", least, true, fields{"kind": "order", "text": "Order these from the nearest to the Sun outward.", "points": 2, "options": options("Mercury", "Venus", "Earth", "Mars"), "key": ordering(4)}},
		{"match", least, true, fields{"kind": "match", "text": "Match each planet with its sign.", "points": 2, "options": options("Mars", "Saturn", "Jupiter", "Neptune"), "choices": options("Red dust", "Rings", "The Great Red Spot", "The strongest winds", "Craters"), "key": matching(4)}},
		{"gaps-three", least, true, fields{"kind": "gaps", "text": "A plant takes in _____ through its leaves, and at night it is _____ outside.", "points": 2, "gaps": []fields{{"id": "1", "kind": "text"}, {"id": "2", "kind": "single", "options": options("dark", "bright", "loud")}}, "key": fields{"gaps": fields{"1": fields{"texts": []fields{{"text": "carbon dioxide", "weight": 1}}}, "2": weighing("a")}}}},
		{"poll", least, false, fields{"kind": "poll", "text": "How sure are you?", "options": options("Very", "A little", "Not yet"), "key": fields{}}},
		{"open", least, true, fields{"kind": "text", "text": "What do plants need to grow?", "key": fields{}}},
		{"pin", least, true, fields{"kind": "pin", "text": "Where is the heart?", "points": 1, "image": picture(1200, 900), "key": fields{"regions": []fields{{"x": 0.4, "y": 0.3, "w": 0.2, "h": 0.2, "round": true}}}}},
		{"draw", least, false, fields{"kind": "draw", "text": "Draw a leaf.", "key": fields{}}},
		{"single-picture", least, false, fields{"kind": "single", "text": "Which animal is this?", "points": 1, "image": picture(900, 1200), "options": options("A heron", "A crane", "A stork", "A swan"), "key": weighing("b")}},
		{"slide", least, false, fields{"kind": "slide", "text": "Now look at the picture in your book.", "key": fields{}}},
		{"single-sentences", least, false, fields{"kind": "single", "text": "Which is true?", "points": 1, "options": many(4, sentence), "key": weighing("a")}},
		{"multi-ten", least, false, fields{"kind": "multi", "text": "Which are right?", "points": 1, "options": many(10, "Answer number %d"), "key": weighing("aj")}},
		{"single-arabic", least, true, fields{"kind": "single", "text": "أي جملة صحيحة عن النباتات وثاني أكسيد الكربون؟", "points": 1, "options": many(4, arabic), "key": weighing("a")}},
		{"order-ten", least, false, fields{"kind": "order", "text": "Put these in the right order.", "points": 1, "options": many(10, "Kohlenstoffdioxidkonzentration %d"), "key": ordering(10)}},
		{"match-ten", least, true, fields{"kind": "match", "text": "What belongs together?", "points": 1, "options": many(10, "Umweltverträglichkeitsprüfung %d"), "choices": many(10, "Straßenverkehrsgenehmigung %d"), "key": matching(10)}},
		{"gaps-ten", 0.012, false, gapText(10)},
		{"single-compound", 0.015, false, fields{"kind": "single", "text": "Which word is right?", "points": 1, "options": options(compound, "Kohlenstoffdioxid", "Sauerstoff", compound+"er"), "key": weighing("a")}},
		{"multi-sentences", 0.015, false, fields{"kind": "multi", "text": long[:400], "points": 1, "options": many(10, sentence), "key": weighing("ab")}},
		{"order-sentences", 0.015, false, fields{"kind": "order", "text": long[:400], "points": 1, "options": many(10, sentence), "key": ordering(10)}},
		{"match-sentences", 0.015, false, fields{"kind": "match", "text": "What belongs together?", "points": 1, "options": many(10, sentence), "choices": many(10, arabic), "key": matching(10)}},
		{"text-long", 0.012, false, fields{"kind": "text", "text": long, "points": 1, "key": fields{"texts": word, "general": long[:500]}}},
	}
}
