package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// checkPages builds the pages, compares them with the committed ones, and checks the types of their
// source.
func checkPages(ctx context.Context, r *runner) {
	out, err := combinedOutput(ctx, nil, "node", "ui/node_modules/typescript/bin/tsc", "--noEmit", "-p", "ui")
	r.countCheck("types of the pages", out, err)

	dir, err := os.MkdirTemp("", "livelearn-pages-")
	if err != nil {
		r.countCheck("ui/dist is what ui/src gives", "", err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	fresh := filepath.Join(dir, "dist")
	out, err = combinedOutput(ctx, []string{"GOFLAGS="}, "go", "run", "./ui/build", fresh) // it finds its files by its own path
	if err == nil {
		err = sameTree("ui/dist", fresh)
	}
	r.countCheck("ui/dist is what ui/src gives", out, err)
}

// sameTree compares all files of two folders by name and content.
func sameTree(a, b string) error {
	left, err := listTree(a)
	if err != nil {
		return err
	}
	right, err := listTree(b)
	if err != nil {
		return err
	}
	if !slices.Equal(left, right) {
		return fmt.Errorf("%s holds %s\n%s holds %s\nrun: go generate ./ui", a, strings.Join(left, " "), b, strings.Join(right, " "))
	}
	var faults []error
	for _, name := range left {
		if err := sameBytes(filepath.Join(a, name), filepath.Join(b, name)); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w; run: go generate ./ui", name, err))
		}
	}
	return errors.Join(faults...)
}

func listTree(root string) (files []string, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		files = append(files, name)
		return err
	})
	return files, err
}
