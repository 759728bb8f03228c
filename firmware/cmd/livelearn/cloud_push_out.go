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

type pushOneRosterCmd struct {
	databaseFlags
	schoolArg
	Address    string        `arg:"" help:"Folder: sftp://sis.example/inbox, sftp://sis.example/~/inbox in the home folder of the login, or file:///srv/inbox on the node."`
	Login      string        `help:"Login of the SFTP server."`
	SecretFile string        `help:"File with the password or the private key of the login. Default: LIVELEARN_SFTP_SECRET." type:"existingfile" placeholder:"FILE"`
	HostKey    string        `help:"Key of the SFTP server, such as \"ssh-ed25519 AAAA...\". No other server gets the file." placeholder:"KEY"`
	Every      time.Duration `help:"How often." default:"24h"`
}

// Run sets the push to a school's system.
func (c pushOneRosterCmd) Run(w environment) error {
	secret, err := readSecret(c.SecretFile, "LIVELEARN_SFTP_SECRET")
	if err != nil {
		return err
	}
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		err := store.SetPush(ctx, pg.PushSettings{
			School: c.School, Kind: pg.PushOneRoster, Address: c.Address, Login: c.Login, Secret: secret, HostKey: c.HostKey, Every: c.Every,
		})
		if err != nil {
			return err
		}
		printText(w.stdout, "the nodes write livelearn-oneroster.zip to %s now and every %s\nSee what became of it: livelearn cloud push list %q\n", c.Address, c.Every, c.School)
		return nil
	})
}

const maxSecretFile = 16 << 10

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
	Kind string `arg:"" help:"What ends: xapi or oneroster." enum:"xapi,oneroster"`
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
