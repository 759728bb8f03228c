// Command mutate takes down one wall against an attack after another and runs the test that must
// notice it. A mutation lives only in an overlay of the compiler, so the tree does not change.
//
//	go run ./scripts/mutate            all mutations: about 20 minutes on two cores
//	go run ./scripts/mutate csp role   those whose names contain one of the words
//
// It prints killed or survived for each, and fails if one survived. It is no part of the daily run.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	survived, broken := 0, 0
	for _, m := range mutations {
		if words := os.Args[1:]; len(words) > 0 && !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(m.name, w) }) {
			continue
		}
		verdict, err := m.run()
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", m.name, err)
			broken++
			continue
		}
		if fmt.Printf("%-9s %-28s %s %s\n", verdict, m.name, m.pkg, m.test); verdict != killed {
			survived++
		}
	}
	switch {
	case broken > 0: // the mutation itself has a mistake
		os.Exit(2)
	case survived > 0:
		os.Exit(1)
	}
}

// The verdicts of a mutation.
const (
	killed = "killed"
	lives  = "survived"
)

// apply returns the file with the mutation.
func (m mutation) apply(source string) (string, error) {
	if n := strings.Count(source, m.old); n != 1 {
		return "", fmt.Errorf("%s has the wall %d times, and a mutation needs it once: %s", m.file, n, m.old)
	}
	return strings.Replace(source, m.old, m.new, 1), nil
}

// run runs the test of the mutation on the mutated file.
func (m mutation) run() (verdict string, err error) {
	source, err := os.ReadFile(m.file)
	if err != nil {
		return "", err
	}
	text, err := m.apply(string(source))
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "livelearn-mutate-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }() // it is in the folder for temporary files
	overlay, err := writeOverlay(dir, m.file, text)
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "test", "-count=1", "-overlay="+overlay, "-run=^"+m.test+"$", m.pkg).CombinedOutput()
	switch {
	case err == nil && strings.Contains(string(out), "no tests to run"):
		return "", fmt.Errorf("%s has no test %s", m.pkg, m.test)
	case err == nil:
		return lives, nil
	case strings.Contains(string(out), "--- FAIL") || strings.Contains(string(out), "panic:"):
		return killed, nil
	}
	return "", fmt.Errorf("the mutated code does not build: %s", out)
}

// writeOverlay writes the mutated file, and the file that tells the compiler of it.
func writeOverlay(dir, file, text string) (overlay string, err error) {
	abs, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	mutated := filepath.Join(dir, "mutated"+filepath.Ext(file))
	if err := os.WriteFile(mutated, []byte(text), 0o600); err != nil {
		return "", err
	}
	data, err := json.Marshal(map[string]map[string]string{"Replace": {abs: mutated}})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, data, 0o600)
}
