package pg

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/errs"
)

// bookmark is the end of a page of statements.
type bookmark struct {
	grading gradingKey
	id      string // of the last statement, empty if all statements of the grading were returned
}

// gradingKey is the sort key of pages: the time when a grading arrived, and its identity.
type gradingKey struct {
	micros     int64 // microseconds since 1970
	school     int
	epoch, seq int64
	stream     string
}

// String returns the bookmark as readers get it and send it back.
func (b *bookmark) String() string {
	g := b.grading
	return fmt.Sprintf("%s.%d.%d.%d.%s.%s", strconv.FormatInt(g.micros, 36), g.school, g.epoch, g.seq, b.id, g.stream)
}

// parseBookmark parses a bookmark. It returns nil for an empty text.
func parseBookmark(text string) (*bookmark, error) {
	if text == "" {
		return nil, nil
	}
	bad := errs.NewField("pg.Statements", "more", "bad_more", 0, "is not a bookmark from an earlier answer")
	parts := strings.SplitN(text, ".", 6)
	if len(parts) != 6 || len(parts[4]) != 0 && len(parts[4]) != 36 || cleanText(parts[5]) != parts[5] {
		return nil, bad
	}
	var n [4]int64
	for i, bits := range []int{64, 32, 64, 64} {
		base := 10
		if i == 0 {
			base = 36
		}
		var err error
		if n[i], err = strconv.ParseInt(parts[i], base, bits); err != nil {
			return nil, bad
		}
	}
	return &bookmark{gradingKey{n[0], int(n[1]), n[2], n[3], parts[5]}, parts[4]}, nil
}
