package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// coldTurns is the number of turns of builds with an empty cache. Each machine has one.
const coldTurns = 12

// checkReproducible builds the program twice for each machine and compares the bytes. The second
// build uses a copy in another folder. In every sixth run, which the commit selects, the second build
// for one machine starts with an empty build cache. A full compilation takes minutes of a processor.
func checkReproducible(ctx context.Context, r *runner) {
	dir, err := os.MkdirTemp("", "livelearn-build-")
	if err != nil {
		r.countCheck("reproducible build", "", err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	elsewhere := filepath.Join(dir, "some", "other", "place")
	if err := copyTree(ctx, elsewhere); err != nil {
		r.countCheck("reproducible build", "", err)
		return
	}
	for i, arch := range []string{"amd64", "arm64"} {
		env := []string{"GOOS=linux", "GOARCH=" + arch}
		first, second := filepath.Join(dir, arch+".1"), filepath.Join(dir, arch+".2")
		out, err := combinedOutput(ctx, env, "scripts/build", first)
		if err == nil {
			if i == drawTurn(ctx, coldTurns) {
				env = append(env, "GOCACHE="+filepath.Join(dir, "cache"))
			}
			out, err = combinedOutput(ctx, env, filepath.Join(elsewhere, "scripts/build"), second)
		}
		if err == nil {
			err = sameBytes(first, second)
		}
		r.countCheck("reproducible build for linux/"+arch, out, err)
	}
}

// copyTree copies the files of the project: those in git, and new ones that git does not ignore.
func copyTree(ctx context.Context, to string) error {
	out, err := standardOutput(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return fmt.Errorf("git ls-files: %w", err)
	}
	for path := range strings.SplitSeq(strings.TrimRight(out, "\x00"), "\x00") {
		if err := copyFile(path, filepath.Join(to, path)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, data, info.Mode().Perm())
}

func sameBytes(a, b string) error {
	x, err := os.ReadFile(a)
	if err != nil {
		return err
	}
	y, err := os.ReadFile(b)
	if err != nil {
		return err
	}
	if !bytes.Equal(x, y) {
		return fmt.Errorf("two builds differ (%d and %d bytes)", len(x), len(y))
	}
	return nil
}
