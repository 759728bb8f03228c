package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/livelearn/box/firmware/control"
	"github.com/livelearn/box/services/cluster/link"
	"github.com/livelearn/box/services/cluster/members"
	"github.com/livelearn/box/services/supervise"
)

// boxesCmd has the commands for several boxes of one school. The box runs meanwhile.
type boxesCmd struct {
	List   boxesListCmd   `cmd:"" help:"List the boxes of the school."`
	Code   boxesCodeCmd   `cmd:"" help:"Show a code, with which another box joins the school of this one."`
	Join   boxesJoinCmd   `cmd:"" help:"Join the school of the box that shows the code."`
	Remove boxesRemoveCmd `cmd:"" help:"Remove a box from the school. This box leaves it when it removes itself."`
}

// notShared says what several boxes cannot do yet.
const notShared = "Each lesson is on the box that opened it. Its code leads there from every box, and no other box stands in for it yet.\n"

type boxesListCmd struct {
	folderFlags
	JSON bool `name:"json" help:"Print JSON."`
}

// Run prints the boxes, this one first.
func (c boxesListCmd) Run(w environment) error {
	list := []link.Box{}
	if err := control.Call(context.Background(), c.Data, http.MethodGet, "/boxes", nil, &list); err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(w.stdout)
		e.SetIndent("", "  ")
		return e.Encode(list)
	}
	if len(list) == 0 {
		printText(w.stdout, "This box is alone. To add another: livelearn boxes code here, and livelearn boxes join there.\n")
		return nil
	}
	return printBoxes(w, list)
}

func printBoxes(w environment, list []link.Box) error {
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	printText(table, "ID\tNAME\tSTATE\tADDRESSES\n")
	for _, b := range list {
		state := "not connected"
		switch {
		case b.Own:
			state = "this box"
		case b.Linked:
			state = "connected"
		}
		printText(table, "%s\t%s\t%s\t%s\n", b.ID, b.Name, state, strings.Join(b.Addresses, " "))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	printText(w.stdout, "\n%s", notShared)
	return nil
}

type boxesCodeCmd struct{ folderFlags }

// Run prints a new code.
func (c boxesCodeCmd) Run(w environment) error {
	var code string
	if err := control.Call(context.Background(), c.Data, http.MethodPost, "/boxes/code", nil, &code); err != nil {
		return err
	}
	printText(w.stdout, "%s-%s\n\nIt counts once and for %d minutes. At the other box: livelearn boxes join ADDRESS-OF-THIS-BOX %s\n", code[:4], code[4:], int(members.CodeLife.Minutes()), code)
	return nil
}

type boxesJoinCmd struct {
	folderFlags
	Address string `arg:"" help:"Address of the box that shows the code, such as 192.168.1.20 or 192.168.1.20:8443."`
	Code    string `arg:"" help:"The code."`
}

// Run joins a school.
func (c boxesJoinCmd) Run(w environment) error {
	var list []link.Box
	if err := control.Call(context.Background(), c.Data, http.MethodPost, "/boxes/join", control.JoinRequest{Address: c.Address, Code: c.Code}, &list); err != nil {
		return err
	}
	printText(w.stdout, "This box belongs to a school of %d boxes now. %s", len(list), notShared)
	return nil
}

type boxesRemoveCmd struct {
	folderFlags
	yesFlag
	ID string `arg:"" help:"The id, as the list shows it."`
}

// Run removes a box.
func (c boxesRemoveCmd) Run(w environment) error {
	if err := c.confirm(w, "The box %s loses its connection to the other boxes of the school. Its data stays on it.", c.ID); err != nil {
		return err
	}
	var gone members.Member
	if err := control.Call(context.Background(), c.Data, http.MethodDelete, "/boxes/"+url.PathEscape(c.ID), nil, &gone); err != nil {
		return err
	}
	printText(w.stdout, "removed: %s %s. Only a new code brings it back.\n", gone.ID, gone.Name)
	return nil
}

type meshCmd struct{}

// Run connects the box that started it to other boxes, until the box closes a connection or sends a
// signal.
func (meshCmd) Run(environment) error {
	control, bus, err := link.Inherit()
	if err != nil {
		return usageError{err}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	g := supervise.Group(ctx)
	g.Go(func(ctx context.Context) error {
		defer stop()
		return link.Serve(ctx, control, bus, supervise.NotifyReady)
	})
	g.Go(func(ctx context.Context) error { tendRuntime(ctx, slog.Default()); return nil })
	return g.Wait()
}
