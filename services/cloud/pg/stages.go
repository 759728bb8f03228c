package pg

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/errs"
)

const maxStages = 20

// stageSchool begins a stage that has all boxes of a school.
const stageSchool = "school:"

// ParseStages reads the stages of a rollout: "1, 10%, school:Hill School, all". Each one has the boxes
// of those before it too: a number of boxes, a share of them, a school, or all.
func ParseStages(text string) (list []string, err error) {
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if _, ok := strings.CutPrefix(part, stageSchool); !ok {
			if _, err := stageCount(part, 0); err != nil {
				return nil, err
			}
		}
		list = append(list, part)
	}
	if len(list) > maxStages {
		return nil, errs.NewField("pg.ParseStages", "stages", "too_many", maxStages, "at most %d", maxStages)
	}
	return list, nil
}

// stageCount returns how many of all boxes a stage has.
func stageCount(stage string, all int) (int, error) {
	if stage == "all" {
		return all, nil
	}
	digits, share := strings.CutSuffix(stage, "%")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || n > 1_000_000 || share && n > 100 {
		return 0, errs.NewField("pg.ParseStages", "stages", "bad_stage", 0,
			"%.40q: must be a number of boxes (1), a share (10%%), %sNAME or all", stage, stageSchool)
	}
	if share {
		return (all*n + 99) / 100, nil
	}
	return min(n, all), nil
}

// plannedBox is a box of a rollout with its stage, from 1. 0 means none.
type plannedBox struct {
	box, school string
	stage       int
}

// planStages gives each box the first stage that has it. The order of the boxes differs for each
// build, so that not the same ones are always first.
func planStages(stages []string, boxes []plannedBox, build int64) error {
	slices.SortFunc(boxes, func(a, b plannedBox) int {
		x, y := sha256.Sum256([]byte(a.box+strconv.FormatInt(build, 10))), sha256.Sum256([]byte(b.box+strconv.FormatInt(build, 10)))
		return cmp.Or(slices.Compare(x[:], y[:]), cmp.Compare(a.box, b.box))
	})
	for i, stage := range stages {
		if school, ok := strings.CutPrefix(stage, stageSchool); ok {
			any := false
			for j := range boxes {
				any = any || boxes[j].school == school
				if boxes[j].stage == 0 && boxes[j].school == school {
					boxes[j].stage = i + 1
				}
			}
			if !any {
				return errs.NewField("pg.StartRollout", "stages", "no_box", 0, "%q has no box that takes the release", school)
			}
			continue
		}
		n, err := stageCount(stage, len(boxes))
		if err != nil {
			return err
		}
		for j := range boxes[:n] {
			if boxes[j].stage == 0 {
				boxes[j].stage = i + 1
			}
		}
	}
	return nil
}
