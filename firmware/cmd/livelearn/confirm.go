package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"strings"
)

// yesFlag belongs to commands that destroy something.
type yesFlag struct {
	Yes bool `short:"y" help:"Do not ask. Without a terminal the command needs it."`
}

var errNotConfirmed = errors.New("nothing was changed: the command asks for a yes, or needs --yes")

// confirm shows what the command will destroy and asks for a yes.
func (f yesFlag) confirm(w environment, format string, args ...any) error {
	if f.Yes {
		return nil
	}
	printText(w.stderr, format+"\n", args...)
	if !isTerminal(os.Stdin) {
		return errNotConfirmed
	}
	printText(w.stderr, "Type yes to go on: ")
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil || strings.ToLower(strings.TrimSpace(line)) != "yes" {
		return errNotConfirmed
	}
	return nil
}

// jsonFlag belongs to commands that list something.
type jsonFlag struct {
	JSON bool `name:"json" help:"Print JSON for programs."`
}

// printList prints a list as JSON, or each of its values by line.
func printList[T any](w environment, f jsonFlag, list []T, line func(T)) error {
	if !f.JSON {
		for _, v := range list {
			line(v)
		}
		return nil
	}
	e := json.NewEncoder(w.stdout)
	e.SetIndent("", "  ")
	return e.Encode(append([]T{}, list...))
}
