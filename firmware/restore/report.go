package restore

import (
	"cmp"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/livelearn/box/firmware/backup"
	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/services/gateway/adminapi"
	"github.com/livelearn/box/services/library"
	"github.com/livelearn/box/services/roster"
)

// maxNames is how many names of one kind a report lists.
const maxNames = 10

// kinds are the kinds of contents, in the order of a report.
var kinds = []string{"staff", "classes", "pupils", "lessons", "quizzes", "decks"}

// contents are the names of what a box holds, by kind and id.
type contents map[string]map[string]string

// report compares the checked backup with this box.
func (s *Service) report(m backup.Manifest) (*adminapi.RestoreReport, error) {
	own, err := s.deps.Roster.Box()
	if err != nil {
		return nil, err
	}
	open, err := s.deps.Roster.OpenLessons()
	if err != nil {
		return nil, err
	}
	here, err := listContents(s.deps.Roster, s.deps.Library)
	if err != nil {
		return nil, err
	}
	staged, name, err := s.listStaged()
	if err != nil {
		return nil, err
	}
	return &adminapi.RestoreReport{
		Made: m.Made, Version: m.Version, OtherBox: m.Box != own.ID, LessonOpen: len(open) > 0,
		Backup: count(staged, name), Box: count(here, own.Name), Lost: listLost(here, staged),
	}, nil
}

// listStaged lists the contents of the staged box, and returns its name.
func (s *Service) listStaged() (list contents, name string, err error) {
	stage, quiet := s.deps.Folder.PathOf(datafolder.StagingDir), slog.New(slog.DiscardHandler)
	people, err := roster.Open(roster.Config{Path: filepath.Join(stage, datafolder.RosterFile)}, quiet)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, people.Close()) }()
	box, err := people.Box()
	if err != nil {
		return nil, "", err
	}
	shelf := s.deps.Library // stays when an old backup has none
	if _, err := os.Stat(filepath.Join(stage, datafolder.LibraryFile)); !errors.Is(err, fs.ErrNotExist) {
		if shelf, err = library.Open(backup.LibraryConfig(filepath.Join(stage, datafolder.LibraryFile)), quiet); err != nil {
			return nil, "", err
		}
		defer func() { err = errors.Join(err, shelf.Close()) }()
	}
	list, err = listContents(people, shelf)
	return list, box.Name, err
}

func listContents(people *roster.Roster, shelf *library.Library) (contents, error) {
	list := contents{}
	for _, kind := range kinds {
		list[kind] = map[string]string{}
	}
	staff, err1 := people.Staff()
	for _, p := range staff {
		list["staff"][p.ID] = p.Name
	}
	classes, err2 := people.Classes()
	for _, c := range classes {
		list["classes"][c.ID] = c.Name
		for _, p := range c.Pupils {
			list["pupils"][p.ID] = p.Name
		}
	}
	past, err3 := people.PastLessons()
	for _, l := range past {
		list["lessons"][l.ID] = cmp.Or(l.Title, l.ClassName)
	}
	open, err4 := people.OpenLessons()
	for _, l := range open {
		list["lessons"][l.ID] = cmp.Or(l.Title, l.ClassName)
	}
	quizzes, err5 := shelf.Quizzes()
	for _, q := range quizzes {
		list["quizzes"][q.ID] = q.Title
	}
	decks, err6 := shelf.Decks.Decks()
	for _, d := range decks {
		list["decks"][d.ID] = d.Title
	}
	return list, errors.Join(err1, err2, err3, err4, err5, err6)
}

func count(list contents, name string) adminapi.BoxContents {
	return adminapi.BoxContents{
		Name: name, Staff: len(list["staff"]), Classes: len(list["classes"]), Pupils: len(list["pupils"]),
		Lessons: len(list["lessons"]), Quizzes: len(list["quizzes"]), Decks: len(list["decks"]),
	}
}

// listLost lists what this box has and the staged one has not.
func listLost(here, staged contents) []adminapi.LostContent {
	lost := []adminapi.LostContent{} // never null for a client
	for _, kind := range kinds {
		var names []string
		for id, name := range here[kind] {
			if _, ok := staged[kind][id]; !ok {
				names = append(names, name)
			}
		}
		if len(names) == 0 {
			continue
		}
		slices.Sort(names)
		lost = append(lost, adminapi.LostContent{Kind: kind, Count: len(names), Names: names[:min(len(names), maxNames)]})
	}
	return lost
}
