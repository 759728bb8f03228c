package roster

import (
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/livelearn/box/services/errs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const pin = "246810"

func openRoster(t testing.TB, path string) *Roster {
	t.Helper()
	r, err := Open(Config{Path: path}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func newRoster(t testing.TB) *Roster {
	t.Helper()
	return openRoster(t, filepath.Join(t.TempDir(), "roster.db"))
}

// school is a claimed box with a class of three and an open lesson.
type school struct {
	*Roster
	admin  Person
	token  string
	class  Class
	lesson Lesson
}

func newSchool(t *testing.T) school {
	t.Helper()
	s := school{Roster: newRoster(t)}
	code := mustValue(s.ClaimCode())(t)
	var err error
	if s.admin, s.token, err = s.Claim(t.Context(), Claimant{Code: code, Box: "Box 1", Name: "Ada", PIN: pin}); err != nil {
		t.Fatal(err)
	}
	s.class = mustValue(s.AddClass("7b"))(t)
	mustValue(s.AddNames(s.class.ID, "Ben\nCleo\nDan", false))(t)
	s.class = mustValue(s.Class(s.class.ID))(t)
	s.lesson = mustValue(s.StartLesson(s.admin.User, s.class.ID, "Fractions"))(t)
	return s
}

func (s school) ref() Ref { return Ref{Code: s.lesson.Code} }

func mustValue[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// checkRefused checks an error's kind, code and field: "invalid/too_long/name".
func checkRefused(t *testing.T, err error, want string) {
	t.Helper()
	got := "none"
	if e, ok := errors.AsType[*errs.Error](err); ok {
		got = strings.Join([]string{e.Kind.String(), e.Code, e.Field}, "/")
	}
	if got != want {
		t.Errorf("got %s (%v), want %s", got, err, want)
	}
}
