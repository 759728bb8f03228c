package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/livelearn/box/services/cloud/pg"
)

type pushXAPICmd struct {
	databaseFlags
	schoolArg
	Address    string        `arg:"" help:"Address of the store's xAPI, such as https://lrs.example/xapi."`
	Login      string        `name:"key" help:"Key of the store." required:""`
	SecretFile string        `help:"File with the secret of the key. Default: LIVELEARN_LRS_SECRET." type:"existingfile" placeholder:"FILE"`
	Home       string        `help:"Address of the cloud in the statements, as of cloud serve --home." env:"LIVELEARN_CLOUD_URL" placeholder:"URL" required:""`
	Every      time.Duration `help:"How often a node looks for new results." default:"1m"`
}

// Run sets the push to a record store.
func (c pushXAPICmd) Run(w environment) error {
	secret, err := readSecret(c.SecretFile, "LIVELEARN_LRS_SECRET")
	if err != nil {
		return err
	}
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		err := store.SetPush(ctx, pg.PushSettings{
			School: c.School, Kind: pg.PushXAPI, Address: c.Address, Login: c.Login, Secret: secret, Home: strings.TrimRight(c.Home, "/"), Every: c.Every,
		})
		if err != nil {
			return err
		}
		printText(w.stdout, "the nodes send the results of %q to %s\nSee what became of it: livelearn cloud push list %q\n", c.School, c.Address, c.School)
		return nil
	})
}

const maxSecretFile = 4 << 10

// readSecret returns a secret from a file or the environment. The command line would show it to
// other users of the machine.
func readSecret(path, variable string) (string, error) {
	if path == "" {
		return os.Getenv(variable), nil
	}
	data, err := readLimited(path, maxSecretFile)
	if err == nil && len(data) > maxSecretFile {
		err = fmt.Errorf("%s: at most %d bytes", path, maxSecretFile)
	}
	return strings.TrimSpace(string(data)), err
}

type pushStopCmd struct {
	databaseFlags
	schoolArg
	Kind string `arg:"" help:"What ends: xapi." enum:"xapi"`
}

// Run ends a push.
func (c pushStopCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		if err := store.StopPush(ctx, c.School, c.Kind); err != nil {
			return err
		}
		printText(w.stdout, "nothing more is sent; what was sent stays there\n")
		return nil
	})
}

// printPush prints the state of a push on one line.
func printPush(w io.Writer, p pg.Push) {
	state := "well since " + formatSeen(p.Succeeded)
	switch {
	case p.Problem != "":
		state = fmt.Sprintf("failed %d times, again at %s: %s", p.Failures, formatSeen(&p.Next), p.Problem)
	case p.Succeeded == nil:
		state = "not begun"
	}
	printText(w, "%s to %s: sent %d, refused %d, %s\n", p.Kind, p.Address, p.Sent, p.Refused, state)
}
