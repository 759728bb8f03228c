package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// sourceCopy is the folder in ui that esbuild reads. Its name is always the same, and so are the
// bytes of the build.
const sourceCopy = ".build"

var (
	iconImport = regexp.MustCompile(`import \{([^}]*)\} from "lucide";`)
	iconExport = regexp.MustCompile(`export \{([^}]*)\} from '\./(icons/[^']+)'`)
)

// copySource copies ui/src. In the copy each icon comes from its own file: esbuild puts all icons
// of a list that every page imports into one file, and a pupil would load those of the console.
func copySource(ui, to string) error {
	list, err := os.ReadFile(filepath.Join(ui, "node_modules", "lucide", "dist", "esm", "lucide.mjs"))
	if err != nil {
		return err
	}
	files := map[string]string{}
	for _, m := range iconExport.FindAllStringSubmatch(string(list), -1) {
		for name := range strings.SplitSeq(m[1], ",") {
			files[strings.TrimPrefix(strings.TrimSpace(name), "default as ")] = m[2]
		}
	}
	from := filepath.Join(ui, "src")
	if err := errors.Join(os.RemoveAll(to), os.CopyFS(to, os.DirFS(from))); err != nil {
		return err
	}
	root, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".tsx" {
			return err
		}
		data, err := root.ReadFile(path)
		if err != nil {
			return err
		}
		split, err := splitIcons(string(data), files)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return root.WriteFile(path, []byte(importClasses(split)), 0o644)
	})
}

// splitIcons replaces the import of several icons by one import for each.
func splitIcons(source string, files map[string]string) (string, error) {
	var missing error
	out := iconImport.ReplaceAllStringFunc(source, func(whole string) string {
		var lines []string
		for name := range strings.SplitSeq(iconImport.FindStringSubmatch(whole)[1], ",") {
			name = strings.TrimSpace(name)
			if name == "" || strings.HasPrefix(name, "type ") {
				continue
			}
			icon, local, renamed := strings.Cut(name, " as ")
			if !renamed {
				local = icon
			}
			if files[icon] == "" {
				missing = errors.Join(missing, fmt.Errorf("lucide has no icon %s", icon))
			}
			lines = append(lines, fmt.Sprintf("import %s from \"lucide/dist/esm/%s\";", local, files[icon]))
		}
		return strings.Join(lines, "")
	})
	return out, missing
}

// importClasses imports the classes of a module one by one, so that their long names are not in the
// output. A script that picks a class by a variable keeps them.
func importClasses(source string) string {
	if strings.Contains(source, "css[") {
		return source
	}
	return strings.ReplaceAll(source, "import css from", "import * as css from")
}
