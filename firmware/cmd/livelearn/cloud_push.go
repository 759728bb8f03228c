package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/cloud/server"
	"github.com/livelearn/box/services/cloud/usbfile"
	"github.com/livelearn/box/services/listimport"
	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/exchange"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/slides"
)

// cloudPushCmd changes the objects that the boxes of a school receive. A push never deletes people
// on a box. The admin of the box decides that.
type cloudPushCmd struct {
	Class     pushClassCmd     `cmd:"" help:"Send the class lists of a file: CSV, Excel, OneRoster or plain names."`
	Quiz      pushQuizCmd      `cmd:"" help:"Send a quiz from a file in any of the formats that the editor reads."`
	Policy    pushPolicyCmd    `cmd:"" help:"Set which data boxes may send, and how long it is kept."`
	Gone      pushGoneCmd      `cmd:"" help:"Withdraw a class or a quiz."`
	XAPI      pushXAPICmd      `cmd:"" name:"xapi" help:"Send the results of a school to a learning record store, from now on."`
	OneRoster pushOneRosterCmd `cmd:"" name:"oneroster" help:"Put the results of a school into a folder or on an SFTP server, on a schedule."`
	Stop      pushStopCmd      `cmd:"" help:"End what is sent to another system by itself."`
	List      pushListCmd      `cmd:"" help:"List the objects that boxes receive, and what is sent to other systems."`
}

type pushClassCmd struct {
	databaseFlags
	schoolArg
	File string `arg:"" help:"File with the class lists." type:"existingfile"`
}

// Run sends the classes of a file to the boxes of a school.
func (c pushClassCmd) Run(w environment) error {
	table, err := readClassList(c.File)
	if err != nil {
		return toUserError(err)
	}
	for _, p := range table.Problems {
		printText(w.stderr, "%s, line %d: %s\n", p.File, p.Line, p.Message)
	}
	if len(table.Classes) == 0 {
		return fmt.Errorf("%s: there is no class in it", c.File)
	}
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		for _, class := range table.Classes {
			id, list, made := toCloudClass(class)
			data, err := json.Marshal(list)
			if err != nil {
				return err
			}
			if _, err := store.PutItem(ctx, c.School, cloud.ItemClass, id, data, false); err != nil {
				return fmt.Errorf("class %q: %w", class.Name, toUserError(err))
			}
			printText(w.stdout, "class %q (%s): %d pupils\n", class.Name, id, len(list.Pupils))
			if made > 0 {
				printText(w.stderr, "%d pupils of %q have no id in the file: a name that is corrected later will be a new pupil\n", made, class.Name)
			}
		}
		return nil
	})
}

func readClassList(path string) (listimport.Table, error) {
	data, err := readLimited(path, listimport.MaxFile)
	if err != nil {
		return listimport.Table{}, err
	}
	return listimport.Parse(filepath.Base(path), data)
}

// readLimited reads at most most+1 bytes of a file, so that the caller can see an excess.
func readLimited(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, most+1))
}

// toCloudClass returns a class in the format of boxes. It derives missing ids from the names. made
// is the number of pupils without an id.
func toCloudClass(c listimport.Class) (id string, list cloud.Class, made int) {
	id = c.Source
	if id == "" {
		id = deriveID("class", c.Name)
	}
	list.Name = c.Name
	for _, row := range c.Pupils {
		p := cloud.Pupil{ID: row.Source, Name: row.Name}
		if p.ID == "" {
			p.ID = deriveID(id, row.Name)
			made++
		}
		list.Pupils = append(list.Pupils, p)
	}
	return id, list, made
}

// deriveID returns an id that depends only on the words.
func deriveID(words ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return "n-" + hex.EncodeToString(sum[:8])
}

type pushQuizCmd struct {
	databaseFlags
	schoolArg
	File  string `arg:"" help:"File with the questions: GIFT, Aiken, Moodle XML, QTI, H5P, or a table of Kahoot, Quizizz or Blooket." type:"existingfile"`
	Title string `help:"Title of the quiz. Default: the title in the file, or the name of the file."`
	ID    string `help:"Id of the quiz; the same id replaces a quiz. Default: derived from the name of the file."`
}

// Run sends a quiz to the boxes of a school.
func (c pushQuizCmd) Run(w environment) error {
	file, pictures, err := readQuizFile(c.File)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, toUserError(err))
	}
	for _, q := range file.Questions {
		printQuestionNotes(w.stderr, q)
	}
	name := strings.TrimSuffix(filepath.Base(c.File), filepath.Ext(c.File))
	q := item.Quiz{ID: c.ID, Title: cmp.Or(c.Title, file.Title, name), Items: file.Items()}
	if q.ID == "" {
		q.ID = deriveID("quiz", name)
	}
	if !slices.ContainsFunc(q.Items, func(i item.Authored) bool { return i.Kind != item.Slide }) { // any text is a slide of GIFT
		return fmt.Errorf("file: %s: there is no question in it that can be read", c.File)
	}
	data, err := json.Marshal(q)
	if err != nil {
		return err
	}
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		if err := store.PutQuiz(ctx, c.School, q.ID, data, pictures); err != nil {
			return err
		}
		printText(w.stdout, "quiz %q (%s): %d of %d questions, read as %s\n", q.Title, q.ID, len(q.Items), len(file.Questions), file.Format)
		if n := countPictures(q); n > 0 {
			printText(w.stdout, "pictures: %d\n", n)
		}
		return nil
	})
}

// readQuizFile reads a quiz in any format, and its pictures by their ids.
func readQuizFile(path string) (draft.File, map[string][]byte, error) {
	data, err := readLimited(path, draft.MaxFile)
	if err != nil {
		return draft.File{}, nil, err
	}
	return exchange.Read(data, slides.MakePicture)
}

// countPictures returns the number of different pictures of a quiz.
func countPictures(q item.Quiz) int {
	seen := map[string]bool{}
	for _, a := range q.Items {
		for _, m := range a.Images() {
			seen[m.ID] = true
		}
	}
	return len(seen)
}

// printQuestionNotes says why a question is not read, or what it loses.
func printQuestionNotes(w io.Writer, q draft.Question) {
	where := strconv.Quote(q.Text)
	if q.Line > 0 {
		where = fmt.Sprintf("line %d, %q", q.Line, q.Text)
	}
	if q.File != "" {
		where = q.File + ", " + where
	}
	if q.Fault != nil {
		printText(w, "%s is left out: %s\n", where, q.Fault.Message)
	}
	for _, n := range q.Losses {
		printText(w, "%s: %s\n", where, n.Message)
	}
}

type pushPolicyCmd struct {
	databaseFlags
	policyFlags
	schoolArg
	ChatDays    int `help:"Days for which chat messages are kept."`
	ResultsDays int `help:"Days for which all other data is kept."`
}

// Run changes the policy of a school.
func (c pushPolicyCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		if err := store.SetPolicy(ctx, c.School, c.toPolicy()); err != nil {
			return err
		}
		if err := c.setDays(ctx, store); err != nil {
			return err
		}
		printText(w.stdout, "the boxes of %q may send %s\n", c.School, policyText(c.toPolicy()))
		return nil
	})
}

// setDays changes the retention times. A time of 0 leaves the old one.
func (c pushPolicyCmd) setDays(ctx context.Context, store *pg.Store) error {
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
	yesFlag
	schoolArg
	Kind string `arg:"" help:"Kind of the object: class or quiz." enum:"class,quiz"`
	ID   string `arg:"" help:"Id of the object, as shown by livelearn cloud push list."`
}

// Run withdraws an object.
func (c pushGoneCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		list, err := store.Items(ctx, c.School)
		if err != nil {
			return err
		}
		for _, it := range list {
			if it.Kind == c.Kind && it.ID == c.ID && !it.Gone {
				if err := c.confirm(w, "The %s %q is withdrawn from all boxes of %q.", c.Kind, c.ID, c.School); err != nil {
					return err
				}
				_, err := store.PutItem(ctx, c.School, c.Kind, c.ID, nil, true)
				return err
			}
		}
		return fmt.Errorf("%s has no %s %q", c.School, c.Kind, c.ID)
	})
}

type pushListCmd struct {
	databaseFlags
	jsonFlag
	schoolArg
}

// pushedThing is a line of the list. It has one of the two.
type pushedThing struct {
	*cloud.Item
	*pg.Push
}

// MarshalJSON writes the one that is there.
func (p pushedThing) MarshalJSON() ([]byte, error) {
	if p.Push != nil {
		return json.Marshal(p.Push)
	}
	return json.Marshal(p.Item)
}

// Run lists the objects that boxes receive, and the pushes to other systems.
func (c pushListCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		if err := store.FindSchool(ctx, c.School); err != nil {
			return err
		}
		list, err := store.Items(ctx, c.School)
		if err != nil {
			return err
		}
		pushes, err := store.Pushes(ctx, c.School)
		if err != nil {
			return err
		}
		var lines []pushedThing
		for i := range list {
			lines = append(lines, pushedThing{Item: &list[i]})
		}
		for i := range pushes {
			lines = append(lines, pushedThing{Push: &pushes[i]})
		}
		return printList(w, c.jsonFlag, lines, func(p pushedThing) {
			if p.Push != nil {
				printPush(w.stdout, *p.Push)
				return
			}
			var named struct{ Name, Title string }
			_ = json.Unmarshal(p.Data, &named) // a withdrawn object has no data
			printText(w.stdout, "%d  %s %s %q, version %d%s\n", p.N, p.Item.Kind, p.ID, named.Name+named.Title, p.Version,
				map[bool]string{true: ", taken off"}[p.Gone])
		})
	})
}

type cloudImportCmd struct {
	databaseFlags
	File   string `arg:"" help:"File that the box wrote." type:"existingfile"`
	School string `help:"School of the box, if the cloud does not know the box yet."`

	Unsigned bool `help:"Take a file without a signature, which an earlier program of the box wrote."`
	TrustKey bool `help:"From now on, take the key of the file as that of the box: for its first signed file, or after it lost its key. Needs --school."`

	Reply string `help:"Write the reply for the box to FILE. Take it back to the box." type:"path" placeholder:"FILE"`
}

// Run imports the file of a stick.
func (c cloudImportCmd) Run(w environment) error {
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	in, err := usbfile.NewReader(f)
	if err != nil {
		return toUserError(err)
	}
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		rep, reply, err := server.ImportStick(ctx, store, server.StickOptions{School: c.School, Unsigned: c.Unsigned, TrustKey: c.TrustKey}, in)
		if err != nil && !rep.Cut {
			return err
		}
		printText(w.stdout, "%s %q: %d facts, of which %d are new, %d were known and %d were refused\n", rep.Box, rep.Name, rep.Facts, rep.Stored, rep.Known, rep.Dead)
		if rep.Unsigned {
			printText(w.stdout, "The file is not signed: nothing but the stick itself shows that the box wrote it.\n")
		}
		if rep.Gap != nil {
			printText(w.stdout, "Facts are missing before them: those from %d to %d. The box will send them when it gets the reply; write a file again then.\n", rep.Gap.From+1, rep.Gap.To)
		}
		if c.Reply == "" {
			return err
		}
		return errors.Join(err, atomicfile.Write(c.Reply, 0o666, func(out io.Writer) error { return json.NewEncoder(out).Encode(reply) }))
	})
}
