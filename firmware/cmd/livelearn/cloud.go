package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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

// cloudCmd has the commands for operators of the cloud of one school or many schools. serve runs a
// node. All other commands need only the database.
type cloudCmd struct {
	Serve    cloudServeCmd    `cmd:"" help:"Run a node of the cloud, which receives the facts of boxes."`
	Init     cloudInitCmd     `cmd:"" help:"Make or update the tables of the database."`
	School   cloudSchoolCmd   `cmd:"" help:"Add, list, rename or remove schools."`
	Enrol    cloudEnrolCmd    `cmd:"" help:"Print a link that connects one box to a school. Paste it into the admin page of the box."`
	Direct   cloudDirectCmd   `cmd:"" help:"Create a database login for one box, instead of a link."`
	Boxes    cloudBoxesCmd    `cmd:"" help:"List the boxes and their state."`
	Codes    cloudCodesCmd    `cmd:"" help:"List the codes of enrolment."`
	Move     cloudMoveCmd     `cmd:"" help:"Give a box to another school."`
	Remove   cloudRemoveCmd   `cmd:"" help:"Forget a box. What it brought stays."`
	Revoke   cloudRevokeCmd   `cmd:"" help:"Block a box until it is enrolled again."`
	Unvoid   cloudUnvoidCmd   `cmd:"" help:"Take back what revoke --since voided."`
	Token    cloudTokenCmd    `cmd:"" help:"Create, list and revoke access tokens for programs."`
	Operator cloudOperatorCmd `cmd:"" help:"Add, list, reset or remove the people who sign in on the pages of a node."`
	Release  cloudReleaseCmd  `cmd:"" help:"Add, list or remove the releases that boxes can be updated to."`
	Rollout  cloudRolloutCmd  `cmd:"" help:"Update boxes to a release in stages."`
	Push     cloudPushCmd     `cmd:"" help:"Send a class list, a quiz or a policy to all boxes of a school."`
	Erase    cloudEraseCmd    `cmd:"" help:"Erase a pupil, here and on all boxes of the school."`
	Import   cloudImportCmd   `cmd:"" help:"Import a file that a box wrote to a USB stick. Importing it twice is safe."`
	Dead     cloudDeadCmd     `cmd:"" help:"List the facts that the database refused."`
	Match    cloudMatchCmd    `cmd:"" help:"Decide which person a pupil of a box is, where the lists have no ids of the school."`
	Doctor   cloudDoctorCmd   `cmd:"" help:"Find faults of the database, silent boxes and pushes that fail, and suggest remedies."`

	Rebuild cloudRebuildCmd `cmd:"" help:"Make the tables of the views again from the facts."`
}

// databaseFlags are the flags of all commands that use the database of the cloud.
type databaseFlags struct {
	DB string `name:"db" help:"URL of the database, such as postgres://user:password@host/database." env:"LIVELEARN_CLOUD_DB" placeholder:"URL"`
}

var errNoDatabase = usageError{errors.New("which database? Set --db or LIVELEARN_CLOUD_DB")}

// openStore returns a Store, which connects on its first use.
func (f databaseFlags) openStore(ctx context.Context) (*pg.Store, error) {
	if f.DB == "" {
		return nil, errNoDatabase
	}
	store, err := pg.Open(ctx, f.DB)
	return store, toUserError(err)
}

// withStore migrates the database and calls fn with it.
func (f databaseFlags) withStore(fn func(ctx context.Context, store *pg.Store) error) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	store, err := f.openStore(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := store.Migrate(ctx); err != nil {
		return toUserError(err)
	}
	return toUserError(fn(pg.WithActor(ctx, commandLineActor()), store))
}

// toUserError returns an error without the names of our own functions.
func toUserError(err error) error {
	e, ok := errors.AsType[*errs.Error](err)
	switch {
	case !ok:
		return err
	case pg.ExplainError(err) != "":
		return errors.New(pg.ExplainError(err) + " (" + e.Err.Error() + ")")
	case e.Kind == errs.Down && e.Code == "":
		return errors.New("the database failed: " + e.Err.Error())
	case e.Field != "":
		return errors.New(e.Field + ": " + e.Err.Error())
	}
	return e.Err
}

// schoolArg is the argument with the name of a school.
type schoolArg struct {
	School string `arg:"" help:"Name of the school."`
}

// policyFlags are the permissions of a school.
type policyFlags struct {
	Names bool `help:"Boxes may send names of pupils. Without it, results have ids only."`
	Chat  bool `help:"Boxes may send chat messages."`
}

func (f policyFlags) toPolicy() cloud.Policy { return cloud.Policy{Names: f.Names, Chat: f.Chat} }

// policyText returns a policy in words.
func policyText(p cloud.Policy) string {
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
	Add    cloudSchoolAddCmd    `cmd:"" help:"Add a school."`
	List   cloudSchoolListCmd   `cmd:"" help:"List the schools."`
	Rename cloudSchoolRenameCmd `cmd:"" help:"Rename a school."`
	Alert  cloudSchoolAlertCmd  `cmd:"" help:"Set after how many hours without contact a box counts as silent."`
	Remove cloudSchoolRemoveCmd `cmd:"" help:"Delete a school and all of its data here."`
}

type cloudSchoolAddCmd struct {
	databaseFlags
	policyFlags
	schoolArg
}

// Run adds a school.
func (c cloudSchoolAddCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		if err := store.AddSchool(ctx, c.School, c.toPolicy()); err != nil {
			return err
		}
		printText(w.stdout, "added %q; its boxes may send %s\nNext: livelearn cloud enrol %q\n", c.School, policyText(c.toPolicy()), c.School)
		return nil
	})
}

type cloudSchoolListCmd struct {
	databaseFlags
	jsonFlag
}

// Run lists the schools.
func (c cloudSchoolListCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		list, err := store.Schools(ctx)
		if err != nil {
			return err
		}
		return printList(w, c.jsonFlag, list, func(s pg.School) {
			printText(w.stdout, "%s: boxes %d, may send %s, keeps chats %d days and results %d days, boxes are silent after %d hours\n",
				s.Name, s.Boxes, policyText(s.Policy), s.ChatDays, s.ResultsDays, s.SilentHours)
		})
	})
}

// addressFlags describe how boxes reach the cloud.
type addressFlags struct {
	URL  string `name:"url" help:"Address at which boxes reach the cloud, such as https://cloud.example:8443." env:"LIVELEARN_CLOUD_URL" placeholder:"URL"`
	Data string `help:"Folder with the self-made certificate of a node. The link then contains the key that the box trusts." default:"${data}/cloud" type:"path" placeholder:"DIR"`
}

var errNoAddress = usageError{errors.New("url: at which address do boxes reach the cloud? Set --url or LIVELEARN_CLOUD_URL, such as https://cloud.example:8443")}

// cloudAddress returns the address, and the pin of the node's own key if it has one.
func (f addressFlags) cloudAddress() (address, pin string, err error) {
	if address = f.URL; address == "" {
		return "", "", errNoAddress
	}
	if _, err := os.Stat(filepath.Join(f.Data, server.CertFile)); err != nil {
		//lint:ignore nilerr a cloud without a certificate of its own has a public one
		return address, "", nil
	}
	_, pin, err = server.LoadOrCreateCertificate(server.Config{Data: f.Data})
	return address, pin, err
}

type cloudEnrolCmd struct {
	databaseFlags
	addressFlags
	schoolArg
}

// Run prints a link with a new code.
func (c cloudEnrolCmd) Run(w environment) error {
	address, pin, err := c.cloudAddress()
	if err != nil {
		return toUserError(err)
	}
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		code, err := store.NewCode(ctx, c.School)
		if err != nil {
			return err
		}
		link := https.FormatLink(address, code, pin)
		if _, _, _, err := https.ParseLink(link); err != nil {
			return err // the fault is in --url
		}
		printText(w.stdout, "%s\nFor one box, within 7 days. Paste it into the admin page of the box, under Cloud.\n", link)
		if pin == "" {
			printText(w.stderr, "There is no certificate in %s, so the box will look for one that a public authority gave.\n", c.Data)
		}
		return nil
	})
}

// boxArg is the argument with the id of a box.
type boxArg struct {
	Box string `arg:"" help:"Id of the box, as shown on its admin page."`
}

type cloudDirectCmd struct {
	databaseFlags
	boxArg
	School string `help:"Name of the school." required:""`
	Name   string `help:"Name of the box for people."`
}

// Run prints the database URL for one box.
func (c cloudDirectCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		url, err := store.AddDirect(ctx, c.School, c.Box, c.Name)
		if err != nil {
			return err
		}
		printText(w.stdout, "%s\nThis is shown once. Paste it into the admin page of the box, under Cloud.\n", url)
		printText(w.stderr, "The host is the one that you used; the box may know it by another name.\n")
		return nil
	})
}

type cloudBoxesCmd struct {
	databaseFlags
	jsonFlag
	School string `help:"List only the boxes of this school."`
}

// Run lists boxes.
func (c cloudBoxesCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		list, err := store.Boxes(ctx, c.School)
		if err != nil {
			return err
		}
		return printList(w, c.jsonFlag, list, func(b pg.BoxState) {
			printText(w.stdout, "%s  %q of %s, version %s, heard of %s: facts %d, waiting %d, refused %d%s\n", b.Box, b.Name, b.School,
				orNone(b.Version), formatSeen(b.Seen), b.Facts, b.Behind, b.Dead, map[bool]string{true: ", REVOKED"}[b.Revoked != nil])
		})
	})
}

func orNone(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

func formatSeen(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

type cloudRevokeCmd struct {
	databaseFlags
	yesFlag
	boxArg
	Since time.Time `help:"Void what the box said from this time on, as in 2026-03-04T08:00:00Z: for a box that was stolen."`
}

// Run revokes a box.
func (c cloudRevokeCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		what := "It is refused from its next request on, until it is enrolled again."
		if !c.Since.IsZero() {
			what += " What it said since " + c.Since.UTC().Format(time.RFC3339) + " no longer counts."
		}
		if err := c.confirmBox(ctx, w, store, c.Box, what); err != nil {
			return err
		}
		if err := store.RevokeBox(ctx, c.Box); err != nil {
			return err
		}
		printText(w.stdout, "revoked: %s is refused from its next request on\n", c.Box)
		if c.Since.IsZero() {
			return nil
		}
		n, err := store.VoidBox(ctx, c.Box, c.Since)
		if err == nil {
			printText(w.stdout, "voided: %d facts since %s. livelearn cloud unvoid lists the voids and takes one back\n", n, c.Since.UTC().Format(time.RFC3339))
		}
		return err
	})
}

type cloudUnvoidCmd struct {
	databaseFlags
	yesFlag
	jsonFlag
	School string `help:"List only the voids of this school."`
	Void   int64  `arg:"" optional:"" help:"Number of the void. Without it: list the voids."`
}

// Run lists the voids, or takes one back.
func (c cloudUnvoidCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		if c.Void == 0 {
			list, err := store.Voids(ctx, c.School)
			if err != nil {
				return err
			}
			return printList(w, c.jsonFlag, list, func(v pg.Void) {
				printText(w.stdout, "%d  %s of %s: %d facts since %s, voided %s%s\n", v.ID, v.Box, v.School, v.Facts, v.Since.UTC().Format(time.RFC3339),
					formatSeen(&v.At), map[bool]string{true: ", taken back " + formatSeen(v.Undone)}[v.Undone != nil])
			})
		}
		e, err := store.LookUpVoid(ctx, c.Void)
		if err != nil {
			return err
		}
		effect := fmt.Sprintf("%s of %s: %d facts since %s count again, of %d lessons. %d facts have arrived again and stay as they are. %d refused facts and %d erasures that the box asks for come back. The box stays revoked until it is enrolled again.",
			e.Box, e.School, e.Back, e.Since.UTC().Format(time.RFC3339), e.Lessons, e.Here, e.Letters, e.Asked)
		if c.Yes {
			printText(w.stderr, "%s\n", effect)
		}
		if err := c.confirm(w, "%s", effect); err != nil {
			return err
		}
		n, err := store.UndoVoid(ctx, c.Void)
		if err == nil {
			printText(w.stdout, "taken back: %d facts of %s count again\n", n, e.Box)
		}
		return err
	})
}

type cloudEraseCmd struct {
	databaseFlags
	yesFlag
	schoolArg
	Pupil string `arg:"" optional:"" help:"Id of the pupil, as shown in exports. Without it: list the erasures that boxes ask for."`
}

// Run erases a pupil.
func (c cloudEraseCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		if c.Pupil == "" {
			return listAskedErasures(ctx, store, c.School, w)
		}
		found, err := store.LookUpPupil(ctx, c.School, c.Pupil)
		if err != nil {
			return err
		}
		if err := c.confirm(w, "%s (%s): %d lessons and %d facts are erased for good, here and on the boxes of %q.",
			c.Pupil, cmp.Or(strings.Join(found.Names, ", "), "without a name here"), found.Lessons, found.Facts, c.School); err != nil {
			return err
		}
		if err := store.ErasePupil(ctx, c.School, c.Pupil); err != nil {
			return err
		}
		printText(w.stdout, "erased here; the boxes follow when they are in touch\n")
		return nil
	})
}

func listAskedErasures(ctx context.Context, store *pg.Store, school string, w environment) error {
	list, err := store.AskedErasures(ctx, school)
	for _, a := range list {
		printText(w.stdout, "%s asked by box %s at %s\n", a.Pupil, a.Box, a.Asked.UTC().Format(time.RFC3339))
	}
	return err
}

type cloudDeadCmd struct {
	databaseFlags
	jsonFlag
	School string `help:"List only the facts of this school."`
	Box    string `help:"List only the facts of this box."`
}

// Run lists the refused facts.
func (c cloudDeadCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		list, err := store.DeadLetters(ctx, c.School, c.Box)
		if err != nil {
			return err
		}
		if len(list) == 0 && !c.JSON {
			printText(w.stdout, "none\n")
		}
		return printList(w, c.jsonFlag, list, func(d pg.DeadLetter) {
			printText(w.stdout, "%s  %s  %s  position %d: %s: %s\n",
				time.UnixMilli(d.At).UTC().Format("2006-01-02 15:04"), d.Box, d.Kind, d.Pos, d.Code, d.Text)
		})
	})
}
