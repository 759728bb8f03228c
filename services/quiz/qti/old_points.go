package qti

import (
	"math"
	"strconv"
	"strings"
)

// percent is the greatest score of programs that score by percent, as Canvas does.
const percent = 100

// mostPoints returns the greatest score of an item of QTI 1.2: the declared one, or else what its
// right answers give together. An item without either has a point.
func (q *oldQuestion) mostPoints() float64 {
	if v, err := strconv.ParseFloat(q.meta["points_possible"], 64); err == nil && !math.IsNaN(v) {
		return v
	}
	if v := q.declaredMost(); v > 0 && v != percent {
		return v
	}
	sum := 0.0
	for _, n := range q.node.Child("presentation").Find("response_lid", "response_str", "response_num") {
		sum += q.mostOf(n.Attr("ident"), strings.EqualFold(n.Attr("rcardinality"), "multiple"))
	}
	if sum > 0 && sum != percent {
		return sum
	}
	return 1
}

// declaredMost returns the greatest score that the item declares, or 0.
func (q *oldQuestion) declaredMost() float64 {
	for _, d := range q.node.Child("resprocessing").Find("decvar") {
		if v, err := strconv.ParseFloat(d.Attr("maxvalue"), 64); err == nil && v > 0 && !math.IsInf(v, 0) {
			return v
		}
	}
	return 0
}

// mostOf returns the greatest score of a response: all its right answers, or the best one.
func (q *oldQuestion) mostOf(response string, several bool) float64 {
	each, sum, most := map[string]float64{}, 0.0, 0.0
	for _, m := range q.marks {
		if m.response == response {
			each[m.value] = max(each[m.value], m.score)
		}
	}
	for _, v := range each {
		sum += v
		most = max(most, v)
	}
	if several && !q.isAllOrNothing(response) {
		return sum
	}
	return most
}
