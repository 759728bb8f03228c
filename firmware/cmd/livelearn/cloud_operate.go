package main

import (
	"context"
	"errors"
	"strings"

	"github.com/livelearn/box/services/cloud/pg"
)

type cloudInitCmd struct {
	databaseFlags
	PrintSQL bool   `name:"print-sql" help:"Print what an administrator of the server runs first, and change nothing."`
	Role     string `help:"Login of the cloud, for --print-sql." default:"livelearn"`
	Database string `help:"Name of the database, for --print-sql." default:"livelearn"`
}

// Run makes or updates the tables.
func (c cloudInitCmd) Run(w environment) error {
	if c.PrintSQL {
		printText(w.stdout, "%s", pg.InitSQL(c.Role, c.Database))
		return nil
	}
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		n, err := store.SchemaVersion(ctx)
		printText(w.stdout, "the database is at step %d\n", n)
		return err
	})
}

type cloudRebuildCmd struct {
	databaseFlags
	School string `help:"Only this school."`
}

// Run makes the tables of the views again.
func (c cloudRebuildCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		n, err := store.Rebuild(ctx, c.School)
		if err == nil {
			printText(w.stdout, "made again from the facts: %d lessons\n", n)
		}
		return err
	})
}

type cloudSchoolRenameCmd struct {
	databaseFlags
	schoolArg
	Name string `arg:"" help:"New name."`
}

// Run renames a school.
func (c cloudSchoolRenameCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		if err := store.RenameSchool(ctx, c.School, c.Name); err != nil {
			return err
		}
		printText(w.stdout, "%q is %q now\n", c.School, c.Name)
		return nil
	})
}

type cloudSchoolRemoveCmd struct {
	databaseFlags
	yesFlag
	schoolArg
}

// Run deletes a school.
func (c cloudSchoolRemoveCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		if err := store.FindSchool(ctx, c.School); err != nil {
			return err
		}
		boxes, err := store.Boxes(ctx, c.School)
		if err != nil {
			return err
		}
		facts := int64(0)
		for _, b := range boxes {
			facts += b.Facts
		}
		if err := c.confirm(w, "%q has %d boxes, which brought %d facts. All of it is deleted here, for good; the boxes keep theirs.", c.School, len(boxes), facts); err != nil {
			return err
		}
		if err := store.RemoveSchool(ctx, c.School); err != nil {
			return err
		}
		printText(w.stdout, "deleted %q\n", c.School)
		return nil
	})
}

type cloudSchoolAlertCmd struct {
	databaseFlags
	schoolArg
	Hours int `arg:"" help:"Hours, 1 to 8760."`
}

// Run sets the alert of a school.
func (c cloudSchoolAlertCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		if err := store.SetSilentHours(ctx, c.School, c.Hours); err != nil {
			return err
		}
		printText(w.stdout, "a box of %q counts as silent after %d hours\n", c.School, c.Hours)
		return nil
	})
}

type cloudMoveCmd struct {
	databaseFlags
	yesFlag
	boxArg
	School string `arg:"" help:"Name of the school that gets the box."`
}

// Run gives a box to another school.
func (c cloudMoveCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		if err := store.FindSchool(ctx, c.School); err != nil {
			return err
		}
		if err := c.confirmBox(ctx, w, store, c.Box, "Its facts go to "+c.School+" from now on, and what it brought before stays."); err != nil {
			return err
		}
		if err := store.MoveBox(ctx, c.Box, c.School); err != nil {
			return err
		}
		printText(w.stdout, "%s belongs to %q from its next request on; what it brought before stays where it is\n", c.Box, c.School)
		return nil
	})
}

type cloudRemoveCmd struct {
	databaseFlags
	yesFlag
	boxArg
}

// Run forgets a box.
func (c cloudRemoveCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		if err := c.confirmBox(ctx, w, store, c.Box, "What it brought stays. Its refused facts are deleted, and it must be enrolled again to send more."); err != nil {
			return err
		}
		if err := store.RemoveBox(ctx, c.Box); err != nil {
			return err
		}
		printText(w.stdout, "removed %s\n", c.Box)
		return nil
	})
}

// confirmBox shows a box and what happens to it, and asks for a yes. The deed itself refuses an
// unknown one.
func (f yesFlag) confirmBox(ctx context.Context, w environment, store *pg.Store, box, what string) error {
	list, err := store.Boxes(ctx, "")
	if err != nil {
		return err
	}
	for _, b := range list {
		if b.Box == box {
			return f.confirm(w, "%s %q of %s, heard of %s: facts %d, waiting %d, refused %d. %s",
				b.Box, b.Name, b.School, formatSeen(b.Seen), b.Facts, b.Behind, b.Dead, what)
		}
	}
	return nil
}

type cloudCodesCmd struct {
	databaseFlags
	jsonFlag
	School string `help:"List only the codes of this school."`
}

// Run lists codes.
func (c cloudCodesCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		list, err := store.Codes(ctx, c.School)
		if err != nil {
			return err
		}
		return printList(w, c.jsonFlag, list, func(k pg.Code) {
			state := "open until " + k.Expires.UTC().Format("2006-01-02 15:04 UTC")
			if k.Used != nil {
				state = "used by " + k.Box + " at " + k.Used.UTC().Format("2006-01-02 15:04 UTC")
			}
			printText(w.stdout, "%s  %s: %s\n", k.ID, k.School, state)
		})
	})
}

type cloudMatchCmd struct {
	databaseFlags
	schoolArg
	Pupil  string `arg:"" help:"Id of the pupil on a box, as shown in exports."`
	Person string `arg:"" optional:"" help:"Id of the person: that of the school's list, or of the pupil on another box. Without it, the decision is taken back."`
}

// Run decides which person a pupil is.
func (c cloudMatchCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		if err := store.MatchPupil(ctx, c.School, c.Pupil, c.Person); err != nil {
			return err
		}
		if c.Person == "" {
			printText(w.stdout, "%s is a person of its own again\n", c.Pupil)
			return nil
		}
		printText(w.stdout, "%s is %s from now on, in all results\n", c.Pupil, c.Person)
		return nil
	})
}

// cloudTokenCmd has the commands for access tokens. Without one of them it makes a token.
type cloudTokenCmd struct {
	Add    cloudTokenAddCmd    `cmd:"" default:"withargs" help:"Create a token. This is the default."`
	List   cloudTokenListCmd   `cmd:"" help:"List the tokens, without their secrets."`
	Revoke cloudTokenRevokeCmd `cmd:"" help:"Revoke the tokens of a name."`
}

type cloudTokenAddCmd struct {
	databaseFlags
	Name   string   `arg:"" help:"Name of the person or program."`
	School string   `help:"Limit the token to this school. Default: all schools."`
	May    []string `help:"Permissions: read (pages and exports), xapi (statements), admin (sticks)." default:"read"`
	Revoke bool     `help:"Revoke the tokens of that name instead." hidden:""`
}

// Run creates a token.
func (c cloudTokenAddCmd) Run(w environment) error {
	if c.Name == "help" {
		return usageError{errors.New("name: livelearn cloud token --help shows the help")}
	}
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		if c.Revoke {
			return store.RevokeToken(ctx, c.Name)
		}
		token, err := store.NewToken(ctx, c.Name, c.School, c.May...)
		if err != nil {
			return err
		}
		printText(w.stdout, "%s\nThis is shown once. It is the password; any name goes with it. For: %s.\n", token, strings.Join(c.May, ", "))
		return nil
	})
}

type cloudTokenListCmd struct {
	databaseFlags
	jsonFlag
}

// Run lists tokens.
func (c cloudTokenListCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		list, err := store.Tokens(ctx)
		if err != nil {
			return err
		}
		return printList(w, c.jsonFlag, list, func(k pg.Token) {
			printText(w.stdout, "%q: %s of %s, since %s\n", k.Name, strings.Join(k.May, ", "), allSchools(k.School), k.Created.UTC().Format("2006-01-02"))
		})
	})
}

type cloudTokenRevokeCmd struct {
	databaseFlags
	yesFlag
	Name string `arg:"" help:"Name of the person or program."`
}

// Run revokes tokens.
func (c cloudTokenRevokeCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		list, err := store.Tokens(ctx)
		if err != nil {
			return err
		}
		for _, k := range list {
			if k.Name != c.Name {
				continue
			}
			if err := c.confirm(w, "%q: %s of %s, since %s, and all others of that name. Programs with them are refused from now on.",
				k.Name, strings.Join(k.May, ", "), allSchools(k.School), k.Created.UTC().Format("2006-01-02")); err != nil {
				return err
			}
			break
		}
		if err := store.RevokeToken(ctx, c.Name); err != nil {
			return err
		}
		printText(w.stdout, "revoked: the tokens of %q open nothing any more\n", c.Name)
		return nil
	})
}
