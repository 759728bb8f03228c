package qti

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/quiz/item"
)

// truthNames are the identifiers of true and false.
var truthNames = map[string]string{"t": "true", "f": "false"}

func (w *writer) writeKind() {
	switch w.Kind {
	case item.Single, item.Multi, item.Poll, item.TrueFalse:
		w.writeChoice()
	case item.Text:
		w.writeTexts()
	case item.Numeric:
		w.writeNumbers()
	case item.Order:
		w.writeOrder()
	case item.Match:
		w.writeMatch()
	case item.Gaps:
		w.writeGaps()
	}
}

func formatFloat(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// declare writes a response declaration. Mapped values are shares of the points.
func (w *writer) declare(cardinality, base string, correct []string, mapped []mapEntry, least bool) {
	w.declareAs("RESPONSE", cardinality, base, correct, mapped, least)
}

func (w *writer) declareAs(id, cardinality, base string, correct []string, mapped []mapEntry, least bool) {
	fmt.Fprintf(&w.declared, "<qti-response-declaration identifier=%q cardinality=%q base-type=%q>\n", id, cardinality, base)
	if len(correct) > 0 {
		w.declared.WriteString("<qti-correct-response>")
		for _, s := range correct {
			fmt.Fprintf(&w.declared, "<qti-value>%s</qti-value>", escapeXML(s))
		}
		w.declared.WriteString("</qti-correct-response>\n")
	}
	if len(mapped) > 0 {
		bound := ""
		if least {
			bound = " lower-bound=\"0\""
		}
		fmt.Fprintf(&w.declared, "<qti-mapping%s default-value=\"0\">", bound)
		for _, e := range mapped {
			folded := ""
			if base == "string" {
				folded = " case-sensitive=\"false\""
			}
			fmt.Fprintf(&w.declared, "<qti-map-entry map-key=\"%s\" mapped-value=%q%s/>", escapeXML(e.key), formatFloat(e.value), folded)
		}
		w.declared.WriteString("</qti-mapping>\n")
	}
	w.declared.WriteString("</qti-response-declaration>\n")
}

// scoreMapped gives the points times the mapped share.
func (w *writer) scoreMapped() {
	fmt.Fprintf(&w.rules, "<qti-set-outcome-value identifier=\"SCORE\"><qti-product><qti-map-response identifier=\"RESPONSE\"/><qti-base-value base-type=\"float\">%d</qti-base-value></qti-product></qti-set-outcome-value>\n", w.Points)
}

// scoreShare gives the points times the outcome SHARE.
func (w *writer) scoreShare() {
	w.declared.WriteString("<qti-outcome-declaration identifier=\"SHARE\" cardinality=\"single\" base-type=\"float\"><qti-default-value><qti-value>0</qti-value></qti-default-value></qti-outcome-declaration>\n")
	fmt.Fprintf(&w.rules, "<qti-set-outcome-value identifier=\"SCORE\"><qti-product><qti-variable identifier=\"SHARE\"/><qti-base-value base-type=\"float\">%d</qti-base-value></qti-product></qti-set-outcome-value>\n", w.Points)
}

func (w *writer) writeChoice() {
	options := slices.Clone(w.Options)
	weights := w.Key.Weights
	switch w.Kind {
	case item.TrueFalse:
		w.settings = append(w.settings, "truefalse")
		options[0].Text, options[1].Text = "True", "False"
		named := map[string]float64{}
		for id, v := range weights {
			named[truthNames[id]] = v
		}
		weights = named
		options[0].ID, options[1].ID = "true", "false"
	case item.Poll:
		w.settings = append(w.settings, "poll")
		weights = nil
	}
	var correct []string
	var mapped []mapEntry
	equal := w.Kind == item.Multi && !slices.ContainsFunc(slices.Collect(maps.Values(weights)), func(v float64) bool { return v != 1 })
	for _, o := range options {
		v := weights[o.ID]
		if v > 0 {
			correct = append(correct, o.ID)
		}
		if equal { // a wrong one takes away as much as a right one gives
			v = -1 / float64(max(len(weights), 1))
			if weights[o.ID] > 0 {
				v = -v
			}
		}
		if v != 0 {
			mapped = append(mapped, mapEntry{o.ID, v})
		}
	}
	cardinality, most := "single", 1
	if w.Kind == item.Multi {
		cardinality, most = "multiple", 0
		if equal {
			w.settings = append(w.settings, "equal")
		}
	}
	w.declare(cardinality, "identifier", correct, mapped, true)
	fmt.Fprintf(&w.body, "<qti-choice-interaction response-identifier=\"RESPONSE\" shuffle=\"false\" max-choices=\"%d\">\n", most)
	for _, o := range options {
		fmt.Fprintf(&w.body, "<qti-simple-choice identifier=%q>%s</qti-simple-choice>\n", o.ID, w.makeText(o.Text, o.Image, "span"))
	}
	w.body.WriteString("</qti-choice-interaction>\n")
	if w.Kind != item.Poll {
		w.scoreMapped()
	}
}

func (w *writer) writeTexts() {
	if len(w.Key.Texts) == 0 {
		w.declare("single", "string", nil, nil, false)
		w.body.WriteString("<qti-extended-text-interaction response-identifier=\"RESPONSE\"/>\n")
		return
	}
	correct, mapped := w.mapTexts(w.Key.Texts)
	w.declare("single", "string", correct[:min(len(correct), 1)], mapped, true)
	w.body.WriteString("<p><qti-text-entry-interaction response-identifier=\"RESPONSE\" expected-length=\"20\"/></p>\n")
	w.scoreMapped()
}

// mapTexts returns the accepted texts for a declaration.
func (w *writer) mapTexts(list []item.Accepted) (correct []string, mapped []mapEntry) {
	taken := map[string]bool{}
	for _, a := range list {
		s := strings.ReplaceAll(a.Text, `\*`, "*")
		if escapeStar(s) != a.Text || taken[s] || strings.TrimSpace(s) != s {
			w.q.Lose("lost_wildcard", a.Text, "a * that stands for any text has no meaning in QTI: "+a.Text)
		}
		taken[s] = true
		if a.Weight > 0 {
			correct = append(correct, s)
		}
		mapped = append(mapped, mapEntry{s, a.Weight})
	}
	return correct, mapped
}

func (w *writer) writeNumbers() {
	w.declare("single", "float", w.scoreNumbers(w.Key.Numbers, "RESPONSE", "SHARE"), nil, false)
	w.body.WriteString("<p><qti-text-entry-interaction response-identifier=\"RESPONSE\" expected-length=\"10\"/></p>\n")
	w.scoreShare()
}

// scoreNumbers writes the rules that set the share of an answer in numbers. It returns the first right
// one.
func (w *writer) scoreNumbers(list []item.Range, response, share string) (correct []string) {
	for _, r := range list {
		if r.Weight > 0 && len(correct) == 0 {
			correct = append(correct, formatFloat(r.Value))
		}
		v := formatFloat(r.Weight)
		fmt.Fprintf(&w.rules, "<qti-response-condition><qti-response-if><qti-and><qti-equal tolerance-mode=\"absolute\" tolerance=\"%[1]s %[1]s\"><qti-variable identifier=%[3]q/><qti-base-value base-type=\"float\">%[2]s</qti-base-value></qti-equal>", formatFloat(r.Tolerance), formatFloat(r.Value), response)
		fmt.Fprintf(&w.rules, "<qti-lt><qti-variable identifier=%[2]q/><qti-base-value base-type=\"float\">%[1]s</qti-base-value></qti-lt></qti-and><qti-set-outcome-value identifier=%[2]q><qti-base-value base-type=\"float\">%[1]s</qti-base-value></qti-set-outcome-value></qti-response-if></qti-response-condition>\n", v, share)
	}
	return correct
}

func (w *writer) writeOrder() {
	w.declare("ordered", "identifier", w.Key.Order, nil, false)
	w.body.WriteString("<qti-order-interaction response-identifier=\"RESPONSE\" shuffle=\"false\">\n")
	for _, o := range w.Options {
		fmt.Fprintf(&w.body, "<qti-simple-choice identifier=%q>%s</qti-simple-choice>\n", o.ID, w.makeText(o.Text, o.Image, "span"))
	}
	w.body.WriteString("</qti-order-interaction>\n")
	share := formatFloat(math.Round(1e7/float64(len(w.Key.Order))) / 1e7)
	for i, id := range w.Key.Order {
		fmt.Fprintf(&w.rules, "<qti-response-condition><qti-response-if><qti-match><qti-index n=\"%d\"><qti-variable identifier=\"RESPONSE\"/></qti-index><qti-base-value base-type=\"identifier\">%s</qti-base-value></qti-match>", i+1, id)
		fmt.Fprintf(&w.rules, "<qti-set-outcome-value identifier=\"SHARE\"><qti-sum><qti-variable identifier=\"SHARE\"/><qti-base-value base-type=\"float\">%s</qti-base-value></qti-sum></qti-set-outcome-value></qti-response-if></qti-response-condition>\n", share)
	}
	w.scoreShare()
}

func (w *writer) writeMatch() {
	var correct []string
	var mapped []mapEntry
	share := math.Round(1e7/float64(len(w.Options))) / 1e7
	for _, o := range w.Options {
		pair := "L" + o.ID + " R" + w.Key.Pairs[o.ID]
		correct = append(correct, pair)
		mapped = append(mapped, mapEntry{pair, share})
	}
	w.declare("multiple", "directedPair", correct, mapped, false)
	fmt.Fprintf(&w.body, "<qti-match-interaction response-identifier=\"RESPONSE\" shuffle=\"false\" max-associations=\"%d\">\n", len(w.Options))
	for side, list := range [][]item.Option{w.Options, w.Choices} {
		w.body.WriteString("<qti-simple-match-set>\n")
		for _, o := range list {
			most := 1
			if side == 1 {
				most = 0
			}
			fmt.Fprintf(&w.body, "<qti-simple-associable-choice identifier=\"%c%s\" match-max=\"%d\">%s</qti-simple-associable-choice>\n", "LR"[side], o.ID, most, w.makeText(o.Text, o.Image, "span"))
		}
		w.body.WriteString("</qti-simple-match-set>\n")
	}
	w.body.WriteString("</qti-match-interaction>\n")
	w.scoreMapped()
}
