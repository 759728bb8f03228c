package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/https"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/cloud/server"
	"github.com/livelearn/box/services/errs"
)

// cloudCmd is for those who run the cloud of one school or many: a node of it, and what is
// decided there. All but serve need the database only.
type cloudCmd struct {
	Serve  cloudServeCmd  `cmd:"" help:"Run a node of the cloud: boxes bring their facts here."`
	School cloudSchoolCmd `cmd:"" help:"Add a school, or list them."`
	Enrol  cloudEnrolCmd  `cmd:"" help:"Make a link that makes one box a school's. Paste it into the box's admin page."`
	Direct cloudDirectCmd `cmd:"" help:"Give one box a database login of its own, instead of a link."`
	Boxes  cloudBoxesCmd  `cmd:"" help:"List the boxes and how they are."`
	Revoke cloudRevokeCmd `cmd:"" help:"End what a box may do, until it is enrolled again."`
	Token  cloudTokenCmd  `cmd:"" help:"Make a token for a person or a program."`
	Push   cloudPushCmd   `cmd:"" help:"Give all boxes of a school a class list, a quiz or a policy."`
	Erase  cloudEraseCmd  `cmd:"" help:"Forget a pupil, here and on all boxes of the school."`
	Import cloudImportCmd `cmd:"" help:"Take in a file that a box wrote to a stick. It may be taken in again."`
	Dead   cloudDeadCmd   `cmd:"" help:"List the facts that the database refused."`
}

// databaseFlags are the flags of all commands that use the cloud's database.
type databaseFlags struct {
	DB string `name:"db" help:"The database, as in postgres://user:password@host/database." env:"LIVELEARN_CLOUD_DB" placeholder:"URL"`
}

var errNoDatabase = usageError{errors.New("which database? Say it with --db or LIVELEARN_CLOUD_DB")}

// open makes a Store, which connects when it is used.
func (f databaseFlags) open(ctx context.Context) (*pg.Store, error) {
	if f.DB == "" {
		return nil, errNoDatabase
	}
	store, err := pg.Open(ctx, f.DB)
	return store, forPeople(err)
}

// use calls fn with the database, brought up to date.
func (f databaseFlags) use(fn func(ctx context.Context, store *pg.Store) error) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	store, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := store.Migrate(ctx); err != nil {
		return forPeople(err)
	}
	return forPeople(fn(ctx, store))
}

// forPeople is an error without the names of our own functions.
func forPeople(err error) error {
	e, ok := errors.AsType[*errs.Error](err)
	switch {
	case !ok:
		return err
	case e.Kind == errs.Down && e.Code == "":
		return errors.New("the database does not answer: " + e.Err.Error())
	case e.Field != "":
		return errors.New(e.Field + ": " + e.Err.Error())
	}
	return e.Err
}

// schoolArg names a school.
type schoolArg struct {
	School string `arg:"" help:"Name of the school."`
}

// policyFlags are what a school allows.
type policyFlags struct {
	Names bool `help:"Names of pupils may leave the boxes. Without it, results bear ids only."`
	Chat  bool `help:"What people wrote in chats may leave the boxes."`
}

func (f policyFlags) policy() cloud.Policy { return cloud.Policy{Names: f.Names, Chat: f.Chat} }

// words tell a policy to people.
func words(p cloud.Policy) string {
	switch {
	case p.Names && p.Chat:
		return "names and chats"
	case p.Names:
		return "names"
	case p.Chat:
		return "chats"
	}
	return "neither names nor chats"
}

type cloudSchoolCmd struct {
	Add  cloudSchoolAddCmd  `cmd:"" help:"Add a school."`
	List cloudSchoolListCmd `cmd:"" help:"List the schools."`
}

type cloudSchoolAddCmd struct {
	databaseFlags
	policyFlags
	schoolArg
}

// Run adds a school.
func (c cloudSchoolAddCmd) Run(w world) error {
	return c.use(func(ctx context.Context, store *pg.Store) error {
		if err := store.AddSchool(ctx, c.School, c.policy()); err != nil {
			return err
		}
		say(w.stdout, "added %q; its boxes may send %s\nNext: livelearn cloud enrol %q\n", c.School, words(c.policy()), c.School)
		return nil
	})
}

type cloudSchoolListCmd struct{ databaseFlags }

// Run lists the schools.
func (c cloudSchoolListCmd) Run(w world) error {
	return c.use(func(ctx context.Context, store *pg.Store) error {
		list, err := store.Schools(ctx)
		for _, s := range list {
			say(w.stdout, "%s: boxes %d, may send %s, keeps chats %d days and results %d days\n",
				s.Name, s.Boxes, words(s.Policy), s.ChatDays, s.ResultsDays)
		}
		return err
	})
}

// addressFlags say where boxes find the cloud.
type addressFlags struct {
	URL  string `name:"url" help:"Address of the cloud as boxes reach it; default: this computer's name and the port 8443." env:"LIVELEARN_CLOUD_URL" placeholder:"URL"`
	Data string `help:"Folder with the certificate that a node made itself: the link then tells the box which key to trust." default:"${data}/cloud" type:"path" placeholder:"DIR"`
}

// where is the address, and the pin of the node's own key; empty where it has none.
func (f addressFlags) where() (address, pin string, err error) {
	if address = f.URL; address == "" {
		host, err := os.Hostname()
		if err != nil {
			return "", "", err
		}
		address = "https://" + host + ":8443"
	}
	if _, err := os.Stat(filepath.Join(f.Data, server.CertFile)); err != nil {
		return address, "", nil
	}
	_, pin, err = server.Certificate(server.Config{Data: f.Data})
	return address, pin, err
}

type cloudEnrolCmd struct {
	databaseFlags
	addressFlags
	schoolArg
}

// Run prints a link with a new code.
func (c cloudEnrolCmd) Run(w world) error {
	address, pin, err := c.where()
	if err != nil {
		return forPeople(err)
	}
	return c.use(func(ctx context.Context, store *pg.Store) error {
		code, err := store.NewCode(ctx, c.School)
		if err != nil {
			return err
		}
		link := https.FormatLink(address, code, pin)
		if _, _, _, err := https.ParseLink(link); err != nil {
			return err // of --url
		}
		say(w.stdout, "%s\nFor one box, within 7 days. Paste it into the admin page of the box, under Cloud.\n", link)
		if pin == "" {
			say(w.stderr, "There is no certificate in %s, so the box will look for one that a public authority gave.\n", c.Data)
		}
		return nil
	})
}

// boxArg names a box.
type boxArg struct {
	Box string `arg:"" help:"Id of the box; its admin page shows it."`
}

type cloudDirectCmd struct {
	databaseFlags
	boxArg
	School string `help:"Name of the school." required:""`
	Name   string `help:"What people call the box."`
}

// Run prints the URL of a box's own login.
func (c cloudDirectCmd) Run(w world) error {
	return c.use(func(ctx context.Context, store *pg.Store) error {
		url, err := store.AddDirect(ctx, c.School, c.Box, c.Name)
		if err != nil {
			return err
		}
		say(w.stdout, "%s\nThis is shown once. Paste it into the admin page of the box, under Cloud.\n", url)
		say(w.stderr, "The host is the one that you used; the box may know it by another name.\n")
		return nil
	})
}

type cloudBoxesCmd struct {
	databaseFlags
	School string `help:"Only those of one school."`
}

// Run lists boxes.
func (c cloudBoxesCmd) Run(w world) error {
	return c.use(func(ctx context.Context, store *pg.Store) error {
		list, err := store.Boxes(ctx, c.School)
		for _, b := range list {
			say(w.stdout, "%s  %q of %s, version %s, heard of %s: facts %d, waiting %d, refused %d%s\n", b.Box, b.Name, b.School,
				orNone(b.Version), seen(b.Seen), b.Facts, b.Behind, b.Dead, map[bool]string{true: ", REVOKED"}[b.Revoked != nil])
		}
		return err
	})
}

func orNone(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

func seen(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

type cloudRevokeCmd struct {
	databaseFlags
	boxArg
}

// Run revokes a box.
func (c cloudRevokeCmd) Run(w world) error {
	return c.use(func(ctx context.Context, store *pg.Store) error {
		if err := store.Revoke(ctx, c.Box); err != nil {
			return err
		}
		say(w.stdout, "revoked: %s is refused from its next request on\n", c.Box)
		return nil
	})
}

type cloudTokenCmd struct {
	databaseFlags
	Name   string   `arg:"" help:"Whom it is for."`
	School string   `help:"Only for one school; default: all."`
	May    []string `help:"What it is for: read (pages and exports), xapi (statements), admin (sticks)." default:"read"`
	Revoke bool     `help:"End the tokens of that name instead."`
}

// Run makes a token, or ends it.
func (c cloudTokenCmd) Run(w world) error {
	return c.use(func(ctx context.Context, store *pg.Store) error {
		if c.Revoke {
			return store.RevokeToken(ctx, c.Name)
		}
		token, err := store.NewToken(ctx, c.Name, c.School, c.May...)
		if err != nil {
			return err
		}
		say(w.stdout, "%s\nThis is shown once. It is the password; any name goes with it. For: %s.\n", token, strings.Join(c.May, ", "))
		return nil
	})
}

type cloudEraseCmd struct {
	databaseFlags
	schoolArg
	Pupil string `arg:"" help:"Id of the pupil; exports show it."`
}

// Run erases a pupil.
func (c cloudEraseCmd) Run(w world) error {
	return c.use(func(ctx context.Context, store *pg.Store) error {
		if err := store.Erase(ctx, c.School, c.Pupil); err != nil {
			return err
		}
		say(w.stdout, "erased here; the boxes follow when they are in touch\n")
		return nil
	})
}

type cloudDeadCmd struct {
	databaseFlags
	School string `help:"Only those of one school."`
	Box    string `help:"Only those of one box."`
}

// Run lists dead letters.
func (c cloudDeadCmd) Run(w world) error {
	return c.use(func(ctx context.Context, store *pg.Store) error {
		list, err := store.Dead(ctx, c.School, c.Box)
		for _, d := range list {
			say(w.stdout, "%s  %s  %s  position %d: %s: %s\n",
				time.UnixMilli(d.At).UTC().Format("2006-01-02 15:04"), d.Box, d.Kind, d.Pos, d.Code, d.Text)
		}
		if err == nil && len(list) == 0 {
			say(w.stdout, "none\n")
		}
		return err
	})
}
