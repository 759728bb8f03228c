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

// reproducible builds the program twice for each machine, the second time from a copy in
// another folder, and compares the bytes. One of the machines, drawn by the commit, begins
// with an empty build cache there: to compile everything anew takes a minute.
func reproducible(ctx context.Context, r *runner) {
	dir, err := os.MkdirTemp("", "livelearn-build-")
	if err != nil {
		r.one("reproducible build", "", err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	elsewhere := filepath.Join(dir, "some", "other", "place")
	if err := copyTree(ctx, elsewhere); err != nil {
		r.one("reproducible build", "", err)
		return
	}
	for i, arch := range []string{"amd64", "arm64"} {
		env := []string{"GOOS=linux", "GOARCH=" + arch}
		first, second := filepath.Join(dir, arch+".1"), filepath.Join(dir, arch+".2")
		out, err := output(ctx, env, "scripts/build", first)
		if err == nil {
			if i == turn(ctx, 2) {
				env = append(env, "GOCACHE="+filepath.Join(dir, "cache"))
			}
			out, err = output(ctx, env, filepath.Join(elsewhere, "scripts/build"), second)
		}
		if err == nil {
			err = sameBytes(first, second)
		}
		r.one("reproducible build for linux/"+arch, out, err)
	}
}

// copyTree copies what belongs to the project: what git knows, and what is new and not
// ignored.
func copyTree(ctx context.Context, to string) error {
	out, err := result(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
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
