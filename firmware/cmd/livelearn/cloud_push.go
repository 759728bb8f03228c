package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/cloud/server"
	"github.com/livelearn/box/services/cloud/stick"
	"github.com/livelearn/box/services/intake"
	"github.com/livelearn/box/services/quiz/gift"
	"github.com/livelearn/box/services/quiz/item"
)

// cloudPushCmd changes what the boxes of a school are told. Nothing that was pushed deletes
// people on a box: its admin decides.
type cloudPushCmd struct {
	Class  pushClassCmd  `cmd:"" help:"Class lists of a file: CSV, Excel, OneRoster or plain names."`
	Quiz   pushQuizCmd   `cmd:"" help:"A quiz of a GIFT file."`
	Policy pushPolicyCmd `cmd:"" help:"What may leave the boxes, and for how long it is kept."`
	Gone   pushGoneCmd   `cmd:"" help:"Take a class or a quiz off the list."`
	List   pushListCmd   `cmd:"" help:"List what the boxes are told."`
}

type pushClassCmd struct {
	databaseFlags
	schoolArg
	File string `arg:"" help:"The list." type:"existingfile"`
}

// Run puts the classes of a file on the school's list.
func (c pushClassCmd) Run(w world) error {
	table, err := readList(c.File)
	if err != nil {
		return forPeople(err)
	}
	for _, p := range table.Problems {
		say(w.stderr, "%s, line %d: %s\n", p.File, p.Line, p.Message)
	}
	if len(table.Classes) == 0 {
		return fmt.Errorf("%s: there is no class in it", c.File)
	}
	return c.use(func(ctx context.Context, store *pg.Store) error {
		for _, class := range table.Classes {
			id, list, made := classOf(class)
			data, err := json.Marshal(list)
			if err != nil {
				return err
			}
			if _, err := store.PutItem(ctx, c.School, cloud.ItemClass, id, data, false); err != nil {
				return fmt.Errorf("class %q: %w", class.Name, forPeople(err))
			}
			say(w.stdout, "class %q (%s): %d pupils\n", class.Name, id, len(list.Pupils))
			if made > 0 {
				say(w.stderr, "%d pupils of %q have no id in the file: a name that is corrected later will be a new pupil\n", made, class.Name)
			}
		}
		return nil
	})
}

func readList(path string) (intake.Table, error) {
	data, err := readSome(path, intake.MaxFile)
	if err != nil {
		return intake.Table{}, err
	}
	return intake.Parse(filepath.Base(path), data)
}

// readSome reads a file of at most so many bytes, and one more.
func readSome(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, most+1))
}

// classOf is a class as boxes take it. Ids that the file has not are made of the names;
// made tells how many pupils that were.
func classOf(c intake.Class) (id string, list cloud.Class, made int) {
	id = c.Source
	if id == "" {
		id = idOf("class", c.Name)
	}
	list.Name = c.Name
	for _, row := range c.Pupils {
		p := cloud.Pupil{ID: row.Source, Name: row.Name}
		if p.ID == "" {
			p.ID = idOf(id, row.Name)
			made++
		}
		list.Pupils = append(list.Pupils, p)
	}
	return id, list, made
}

// idOf is an id that stays as long as the words stay.
func idOf(words ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return "n-" + hex.EncodeToString(sum[:8])
}

type pushQuizCmd struct {
	databaseFlags
	schoolArg
	File  string `arg:"" help:"The questions, in GIFT." type:"existingfile"`
	Title string `help:"Title of the quiz; default: the name of the file."`
	ID    string `help:"Id of the quiz, to put another in its place; default: made of the name of the file."`
}

const maxGift = 8 << 20 // bytes

// Run puts a quiz on the school's list.
func (c pushQuizCmd) Run(w world) error {
	text, err := readSome(c.File, maxGift)
	if err != nil {
		return err
	}
	if len(text) > maxGift {
		return fmt.Errorf("%s: at most %d bytes", c.File, maxGift)
	}
	name := strings.TrimSuffix(filepath.Base(c.File), filepath.Ext(c.File))
	q := item.Quiz{ID: c.ID, Title: c.Title}
	if q.ID == "" {
		q.ID = idOf("quiz", name)
	}
	if q.Title == "" {
		q.Title = name
	}
	var problems []gift.Problem
	q.Items, problems = gift.Parse(string(text))
	for _, p := range problems {
		say(w.stderr, "line %d: %s\n", p.Line, p.Message)
	}
	if len(q.Items) == 0 {
		return fmt.Errorf("%s: there is no question in it that can be read", c.File)
	}
	data, err := json.Marshal(q)
	if err != nil {
		return err
	}
	return c.use(func(ctx context.Context, store *pg.Store) error {
		if _, err := store.PutItem(ctx, c.School, cloud.ItemQuiz, q.ID, data, false); err != nil {
			return err
		}
		say(w.stdout, "quiz %q (%s): %d questions\n", q.Title, q.ID, len(q.Items))
		return nil
	})
}

type pushPolicyCmd struct {
	databaseFlags
	policyFlags
	schoolArg
	ChatDays    int `help:"Days for which what people wrote is kept."`
	ResultsDays int `help:"Days for which everything else is kept."`
}

// Run changes the policy.
func (c pushPolicyCmd) Run(w world) error {
	return c.use(func(ctx context.Context, store *pg.Store) error {
		if err := store.SetPolicy(ctx, c.School, c.policy()); err != nil {
			return err
		}
		if err := c.days(ctx, store); err != nil {
			return err
		}
		say(w.stdout, "the boxes of %q may send %s\n", c.School, words(c.policy()))
		return nil
	})
}

// days changes how long is kept what; the one that is not said stays.
func (c pushPolicyCmd) days(ctx context.Context, store *pg.Store) error {
	if c.ChatDays == 0 && c.ResultsDays == 0 {
		return nil
	}
	list, err := store.Schools(ctx)
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.Name != c.School {
			continue
		}
		if c.ChatDays != 0 {
			s.ChatDays = c.ChatDays
		}
		if c.ResultsDays != 0 {
			s.ResultsDays = c.ResultsDays
		}
		return store.SetDays(ctx, c.School, s.ChatDays, s.ResultsDays)
	}
	return fmt.Errorf("there is no school %q", c.School)
}

type pushGoneCmd struct {
	databaseFlags
	schoolArg
	Kind string `arg:"" help:"class or quiz." enum:"class,quiz"`
	ID   string `arg:"" help:"Its id; livelearn cloud push list shows it."`
}

// Run takes an object off the list.
func (c pushGoneCmd) Run(w world) error {
	return c.use(func(ctx context.Context, store *pg.Store) error {
		list, err := store.Items(ctx, c.School)
		if err != nil {
			return err
		}
		for _, it := range list {
			if it.Kind == c.Kind && it.ID == c.ID && !it.Gone {
				_, err := store.PutItem(ctx, c.School, c.Kind, c.ID, nil, true)
				return err
			}
		}
		return fmt.Errorf("%s has no %s %q", c.School, c.Kind, c.ID)
	})
}

type pushListCmd struct {
	databaseFlags
	schoolArg
}

// Run lists what the boxes are told.
func (c pushListCmd) Run(w world) error {
	return c.use(func(ctx context.Context, store *pg.Store) error {
		list, err := store.Items(ctx, c.School)
		for _, it := range list {
			var named struct{ Name, Title string }
			_ = json.Unmarshal(it.Data, &named) // one that was taken off has none
			say(w.stdout, "%d  %s %s %q, version %d%s\n", it.N, it.Kind, it.ID, named.Name+named.Title, it.Version,
				map[bool]string{true: ", taken off"}[it.Gone])
		}
		return err
	})
}

type cloudImportCmd struct {
	databaseFlags
	File   string `arg:"" help:"The file that the box wrote." type:"existingfile"`
	School string `help:"The school of a box that the cloud does not know yet."`
	Reply  string `help:"Write what the box is to be told to FILE: take it back to the box." type:"path" placeholder:"FILE"`
}

// Run takes a stick's file in.
func (c cloudImportCmd) Run(w world) error {
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	in, err := stick.NewReader(f)
	if err != nil {
		return forPeople(err)
	}
	return c.use(func(ctx context.Context, store *pg.Store) error {
		rep, reply, err := server.TakeStick(ctx, store, c.School, in)
		if err != nil && !rep.Cut {
			return err
		}
		say(w.stdout, "%s %q: %d facts, of which %d are new, %d were known and %d were refused\n", rep.Box, rep.Name, rep.Facts, rep.Stored, rep.Known, rep.Dead)
		if rep.Gap != nil {
			say(w.stdout, "Facts are missing before them: those from %d to %d. The box will send them when it gets the reply; write a file again then.\n", rep.Gap.From+1, rep.Gap.To)
		}
		if c.Reply == "" {
			return err
		}
		return errors.Join(err, create(c.Reply, func(out io.Writer) error { return json.NewEncoder(out).Encode(reply) }))
	})
}
