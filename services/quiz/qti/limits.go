package qti

import (
	"math"
	"slices"
	"strconv"

	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/quiz/pack"
)

// readLimits reads the numbers between two limits for which a rule gives points. Moodle writes the
// tolerance of a number as such a rule:
//
//	<and> <gte> 2.4 <variable/> </gte> <lte> 2.6 <variable/> </lte> </and>
//
// Its limits come before the variable, with the comparison of the other order. So the smaller one
// is the lower limit. The weight of a range is its share of the best one.
func (q *question) readLimits(id string) (list []item.Range, err error) {
	most := 0.0
	for _, c := range q.node.Child("responseprocessing").List("responsecondition") {
		for _, branch := range slices.Concat(c.List("responseif"), c.List("responseelseif")) {
			limits := limitsOf(branch, id)
			points, _ := strconv.ParseFloat(branch.Child("setoutcomevalue").Child("basevalue").Words(), 64)
			if limits == nil || !(points > 0) || math.IsInf(points, 0) {
				continue
			}
			one, ok := makeRange(mark{least: limits[0], most: limits[1]})
			if !ok {
				one, ok = makeRange(mark{least: limits[1], most: limits[0]})
			}
			if !ok {
				return nil, draft.NewFault("not_a_number", "", "%q to %q is no range", limits[0], limits[1])
			}
			one.Weight = points
			most = max(most, points)
			list = append(list, one)
		}
	}
	for i := range list {
		list[i].Weight /= most
	}
	return list, nil
}

// limitsOf returns the two limits of a response in the condition of a rule, or nil.
func limitsOf(branch *pack.Node, id string) []string {
	var limits []string
	and := branch.Child("and")
	for _, name := range []string{"gte", "gt", "lte", "lt"} {
		for _, e := range and.List(name) {
			if v := e.Child("basevalue").Words(); v != "" && mentions(e, id) {
				limits = append(limits, v)
			}
		}
		if name == "gt" && len(limits) != 1 {
			return nil
		}
	}
	if len(limits) != 2 {
		return nil
	}
	return limits
}
