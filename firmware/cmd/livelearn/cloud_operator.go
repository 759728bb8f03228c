package main

import (
	"context"
	"os/user"
	"strings"

	"github.com/livelearn/box/services/cloud/pg"
)

// cloudOperatorCmd has the commands for the people who sign in on the pages of a node.
type cloudOperatorCmd struct {
	Add    operatorAddCmd    `cmd:"" help:"Add a person, of one school or of all."`
	List   operatorListCmd   `cmd:"" help:"List the people who may sign in."`
	Reset  operatorResetCmd  `cmd:"" help:"Let a person choose a new password and a new second factor. The old ones end."`
	Remove operatorRemoveCmd `cmd:"" help:"Remove a person. The sessions end."`
}

// operatorArg is the argument with the name of an operator.
type operatorArg struct {
	Name string `arg:"" help:"Name with which the person signs in. Capital letters do not count."`
}

const setupText = `%s
This is shown once. %s opens the page "setup" of a node, and chooses a password and a second factor with it, within 7 days.
`

type operatorAddCmd struct {
	databaseFlags
	operatorArg
	School string `help:"Name of the school. Default: all schools (a district)."`
}

// Run adds an operator.
func (c operatorAddCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		setup, err := store.AddOperator(ctx, c.Name, c.School)
		if err != nil {
			return err
		}
		printText(w.stdout, setupText, setup, pg.CleanOperator(c.Name))
		return nil
	})
}

type operatorListCmd struct {
	databaseFlags
	jsonFlag
}

// Run lists operators.
func (c operatorListCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		list, err := store.Operators(ctx)
		if err != nil {
			return err
		}
		return printList(w, c.jsonFlag, list, func(o pg.Operator) { printText(w.stdout, "%s\n", describeOperator(o)) })
	})
}

// describeOperator returns an operator in words.
func describeOperator(o pg.Operator) string {
	words := []string{o.Name + " of " + allSchools(o.School)}
	if !o.Ready {
		words = append(words, "has not set up the account")
	}
	return strings.Join(append(words, "last signed in: "+formatSeen(o.SignedIn)), ", ")
}

func allSchools(school string) string {
	if school == "" {
		return "all schools"
	}
	return school
}

type operatorResetCmd struct {
	databaseFlags
	yesFlag
	operatorArg
}

// Run resets an operator.
func (c operatorResetCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		if err := c.confirmOperator(ctx, w, store, c.Name, "The password, the second factor and the sessions end."); err != nil {
			return err
		}
		setup, err := store.ResetOperator(ctx, c.Name)
		if err != nil {
			return err
		}
		printText(w.stdout, setupText, setup, pg.CleanOperator(c.Name))
		return nil
	})
}

type operatorRemoveCmd struct {
	databaseFlags
	yesFlag
	operatorArg
}

// Run removes an operator.
func (c operatorRemoveCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		if err := c.confirmOperator(ctx, w, store, c.Name, "The account and its sessions end. The audit log keeps the name."); err != nil {
			return err
		}
		if err := store.RemoveOperator(ctx, c.Name); err != nil {
			return err
		}
		printText(w.stdout, "removed %s\n", pg.CleanOperator(c.Name))
		return nil
	})
}

// confirmOperator shows an operator and what happens, and asks for a yes. The deed itself refuses an
// unknown one.
func (f yesFlag) confirmOperator(ctx context.Context, w environment, store *pg.Store, name, what string) error {
	list, err := store.Operators(ctx)
	if err != nil {
		return err
	}
	for _, o := range list {
		if o.Name == pg.CleanOperator(name) {
			return f.confirm(w, "%s. %s", describeOperator(o), what)
		}
	}
	return nil
}

// commandLineActor returns who runs the command, for the audit log.
func commandLineActor() pg.Actor {
	name := "command line"
	if u, err := user.Current(); err == nil {
		name += " (" + u.Username + ")"
	}
	return pg.Actor{Name: name}
}
