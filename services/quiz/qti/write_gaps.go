package qti

import (
	"fmt"
	"strings"

	"github.com/livelearn/box/services/quiz/item"
)

// writeGaps writes a text with its places to write or to choose. Each gives the same share of the
// points.
func (w *writer) writeGaps() {
	w.settings = append(w.settings, "gaps")
	tag := "p"
	if strings.ContainsAny(w.Text, "\n\t") || strings.Contains(w.Text, "  ") {
		tag = "pre"
	}
	var shares strings.Builder
	fmt.Fprintf(&w.body, "<%s>", tag)
	for i, part := range item.SplitBlanks(w.Text) {
		if i > 0 {
			shares.WriteString(w.writeGap(w.Gaps[i-1]))
		}
		w.body.WriteString(escapeXML(part))
	}
	fmt.Fprintf(&w.body, "</%s>\n%s", tag, w.makePicture(w.Image))
	fmt.Fprintf(&w.rules, "<qti-set-outcome-value identifier=\"SCORE\"><qti-product><qti-divide><qti-sum>%s</qti-sum><qti-base-value base-type=\"float\">%d</qti-base-value></qti-divide><qti-base-value base-type=\"float\">%d</qti-base-value></qti-product></qti-set-outcome-value>\n",
		shares.String(), len(w.Gaps), w.Points)
}

// writeGap writes one place and returns the expression of its share.
func (w *writer) writeGap(g item.Gap) string {
	response, k := "RESPONSE_"+g.ID, w.Key.Gaps[g.ID]
	length := 20
	switch g.Kind {
	case item.Single:
		var correct []string
		var mapped []mapEntry
		fmt.Fprintf(&w.body, "<qti-inline-choice-interaction response-identifier=%q shuffle=\"false\">", response)
		for _, o := range g.Options {
			if v := k.Weights[o.ID]; v != 0 {
				mapped = append(mapped, mapEntry{o.ID, v})
				if v > 0 {
					correct = append(correct, o.ID)
				}
			}
			fmt.Fprintf(&w.body, "<qti-inline-choice identifier=%q>%s</qti-inline-choice>", o.ID, escapeXML(o.Text))
		}
		w.body.WriteString("</qti-inline-choice-interaction>")
		w.declareAs(response, "single", "identifier", correct[:1], mapped, true)
		return fmt.Sprintf("<qti-map-response identifier=%q/>", response)
	case item.Numeric:
		share := "SHARE_" + g.ID
		fmt.Fprintf(&w.declared, "<qti-outcome-declaration identifier=%q cardinality=\"single\" base-type=\"float\"><qti-default-value><qti-value>0</qti-value></qti-default-value></qti-outcome-declaration>\n", share)
		w.declareAs(response, "single", "float", w.scoreNumbers(k.Numbers, response, share), nil, false)
		length = 10
		fmt.Fprintf(&w.body, "<qti-text-entry-interaction response-identifier=%q expected-length=\"%d\"/>", response, length)
		return fmt.Sprintf("<qti-variable identifier=%q/>", share)
	}
	correct, mapped := w.mapTexts(k.Texts)
	w.declareAs(response, "single", "string", correct[:min(len(correct), 1)], mapped, true)
	fmt.Fprintf(&w.body, "<qti-text-entry-interaction response-identifier=%q expected-length=\"%d\"/>", response, length)
	return fmt.Sprintf("<qti-map-response identifier=%q/>", response)
}
