package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"
)

// maxChange is the greatest length of an entry of the change log, in characters. A longer one is
// two changes, or is not written for a teacher.
const maxChange = 200

// checkChanges keeps the change log in its form: sections of entries, one entry for each change.
func checkChanges(_ context.Context, r *runner) {
	text, err := os.ReadFile(".github/CHANGELOG.md")
	version, noVersion := os.ReadFile("scripts/version")
	if err = errors.Join(err, noVersion); err == nil {
		err = readChanges(string(text), strings.TrimSpace(string(version)))
	}
	r.countCheck("change log", "", err)
}

// readChanges returns all faults of a change log. It must have a section for the version or for
// changes that are not released. The text before the first section is free.
func readChanges(text, version string) error {
	var faults []error
	section, entry, at := "", "", 0 // entry begins in line at
	current := false
	endEntry := func() {
		if err := checkEntry(entry); err != nil {
			faults = append(faults, fmt.Errorf("line %d: %w", at, err))
		}
		entry = ""
	}
	for i, line := range strings.Split(text, "\n") {
		title, isTitle := strings.CutPrefix(line, "## ")
		switch {
		case isTitle:
			endEntry()
			section = title
			current = current || title == "Not released" || title == version
		case section == "":
		case strings.TrimSpace(line) == "":
			endEntry()
		case entry != "" && strings.HasPrefix(line, "  "):
			entry += " " + strings.TrimSpace(line)
		default:
			endEntry()
			entry, at = line, i+1
		}
	}
	endEntry()
	if !current {
		faults = append(faults, fmt.Errorf(`no section "## Not released" or "## %s"`, version))
	}
	return errors.Join(faults...)
}

// checkEntry checks one entry, whose lines are joined. The empty one is none.
func checkEntry(entry string) error {
	text, ok := strings.CutPrefix(entry, "- ")
	switch n := utf8.RuneCountInString(text); {
	case entry == "":
		return nil
	case !ok:
		return fmt.Errorf(`an entry begins with "- ", and its further lines with two spaces: %.40q`, entry)
	case !strings.HasSuffix(text, "."):
		return fmt.Errorf("an entry ends with a full stop: %.40q", entry)
	case n > maxChange:
		return fmt.Errorf("an entry has at most %d characters, this has %d: %.40q", maxChange, n, entry)
	}
	return nil
}
