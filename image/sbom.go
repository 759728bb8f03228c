package main

import (
	"bytes"
	"cmp"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// document is a list of all parts of an image (SPDX 2.3, JSON).
type document struct {
	Version   string      `json:"spdxVersion"`
	Licence   string      `json:"dataLicense"`
	ID        string      `json:"SPDXID"`
	Name      string      `json:"name"`
	Namespace string      `json:"documentNamespace"`
	Creation  creation    `json:"creationInfo"`
	Packages  []component `json:"packages"`
}

type creation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

// component is one part. Its licence is a file in the image.
type component struct {
	ID       string     `json:"SPDXID"`
	Name     string     `json:"name"`
	Version  string     `json:"versionInfo"`
	Location string     `json:"downloadLocation"`
	Declared string     `json:"licenseDeclared"`
	File     string     `json:"comment"` // the file of the licence in licences/
	Sums     []checksum `json:"checksums,omitempty"`
	dir      string
	text     []byte
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

var (
	unsafeChars = regexp.MustCompile(`[^A-Za-z0-9.-]+`)
	licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|unlicense)`)
)

// writeLicences writes the list of parts and the licence of each into a folder.
func (b *build) writeLicences(share, program string) error {
	list, err := b.listComponents(program)
	if err != nil {
		return err
	}
	dir, files := filepath.Join(share, "licences"), map[string]string{}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i := range list {
		c := &list[i]
		c.ID, c.Location, c.Declared = fmt.Sprintf("SPDXRef-%d-%s", i, unsafeChars.ReplaceAllString(c.Name, "-")), cmp.Or(c.Location, "NOASSERTION"), "NOASSERTION"
		text := c.text
		if text == nil {
			if text, err = readLicences(c.dir); err != nil {
				return fmt.Errorf("%s: %w", c.Name, err)
			}
		}
		if len(text) == 0 {
			continue
		}
		// Parts of one project often have the same text, and a root file system has room for few names.
		if c.File = files[string(text)]; c.File != "" {
			continue
		}
		c.File = unsafeChars.ReplaceAllString(c.Name, "-") + ".txt"
		files[string(text)] = c.File
		if err := os.WriteFile(filepath.Join(dir, c.File), text, 0o644); err != nil {
			return err
		}
	}
	doc := document{
		Version: "SPDX-2.3", Licence: "CC0-1.0", ID: "SPDXRef-DOCUMENT", Name: "livelearn-" + b.board.name + "-" + b.Version,
		Namespace: fmt.Sprintf("urn:livelearn:%s:%s:%d", b.board.name, b.Version, b.Date),
		Creation:  creation{b.date.Format("2006-01-02T15:04:05Z"), []string{"Tool: livelearn image"}}, Packages: list,
	}
	data, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(share, "sbom.spdx.json"), data, 0o644)
}

// listComponents returns all parts in a fixed order.
func (b *build) listComponents(program string) ([]component, error) {
	own, err := os.ReadFile(filepath.Join(b.source, "LICENSE"))
	if err != nil {
		return nil, err
	}
	list := []component{{Name: "livelearn", Version: b.Version, text: own}}
	if b.kernel != "" {
		machine, err := b.machineParts()
		if err != nil {
			return nil, err
		}
		list = append(list, machine...)
	}
	pages, err := b.pagePackages()
	if err != nil {
		return nil, err
	}
	modules, err := b.goModules(program)
	if err != nil {
		return nil, err
	}
	decoders, err := b.pictureDecoders()
	if err != nil {
		return nil, err
	}
	fonts, err := b.pageFonts(own)
	return slices.Concat(list, b.packages, pages, modules, decoders, fonts), err
}

// pageFonts returns the fonts of PDFs that have none. own is the text of the Apache licence.
func (b *build) pageFonts(own []byte) ([]component, error) {
	text, err := os.ReadFile(filepath.Join(b.source, "services/slides/fonts/LICENSE.OFL"))
	if err != nil {
		return nil, err
	}
	return []component{
		{Name: "Liberation Sans", Version: "2.1.5", text: text},
		{Name: "Noto Sans Arabic", Version: "20201225", text: text},
		{Name: "Noto Sans Hebrew", Version: "20201225", text: text},
		{Name: "Nanum Square", Version: "20200506", text: text},
		{Name: "Droid Sans Fallback", Version: "6.0.1", text: own},
	}, nil
}

// pictureDecoders returns the decoders of pictures, which are in the program as WebAssembly.
func (b *build) pictureDecoders() (list []component, err error) {
	for _, part := range [][2]string{{"libheif", "1.18.2"}, {"libde265", "1.0.15"}, {"libavif", "1.1.1"}, {"libaom", "3.10.0"}, {"resvg", "2.6.2"}} {
		text, err := os.ReadFile(filepath.Join(b.source, "services/slides/codecs", "LICENSE."+part[0]))
		if err != nil {
			return nil, err
		}
		list = append(list, component{Name: part[0], Version: part[1], text: text})
	}
	return list, nil
}

// machineParts returns the parts that start the machine.
func (b *build) machineParts() ([]component, error) {
	kernel, err := os.ReadFile(filepath.Join(b.kernel, "LICENSE.linux"))
	if err != nil {
		return nil, err
	}
	list := []component{{Name: b.board.kernel, Version: filepath.Base(b.kernel), text: kernel}}
	if b.board.name == "pi" {
		dir, err := moduleDir(b.ctx, b.source, piFirmware)
		if err != nil {
			return nil, err
		}
		text, err := os.ReadFile(filepath.Join(dir, "LICENSE.broadcom"))
		if err != nil {
			return nil, err
		}
		list = append(list, component{Name: piFirmware, Version: filepath.Base(dir), text: text})
	} else {
		text, err := loaderFiles.ReadFile("boards/README.md")
		if err != nil {
			return nil, err
		}
		list = append(list, component{Name: "systemd-boot", Version: loaderVersion, text: text})
	}
	return list, nil
}

// goModules returns the Go modules in the program.
func (b *build) goModules(program string) (list []component, err error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		if b.Program != "" {
			return nil, nil // a program of a test
		}
		return nil, err
	}
	cmd := exec.CommandContext(b.ctx, "go", "list", "-m", "-f", "{{.Path}}\t{{.Dir}}", "all")
	cmd.Dir = b.source
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	dirs := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, dir, _ := strings.Cut(strings.TrimSpace(line), "\t")
		dirs[path] = dir
	}
	list = append(list, component{Name: "go", Version: info.GoVersion, dir: goRoot()})
	for _, m := range info.Deps {
		list = append(list, component{Name: m.Path, Version: m.Version, dir: dirs[m.Path]})
	}
	return list, nil
}

func goRoot() string {
	out, err := exec.Command("go", "env", "GOROOT").Output() // milliseconds
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// pagePackages returns the npm packages in the built pages, from the lock file.
func (b *build) pagePackages() (list []component, err error) {
	data, err := os.ReadFile(filepath.Join(b.source, "ui", "package-lock.json"))
	if err != nil {
		return nil, err
	}
	var lock struct {
		Packages map[string]struct {
			Version, License string
			Dev, Optional    bool
		}
	}
	if err := json.Unmarshal(data, &lock); err != nil {
		return nil, err
	}
	for path, p := range lock.Packages {
		if name, ok := strings.CutPrefix(path, "node_modules/"); ok && !p.Dev && !p.Optional {
			text := fmt.Sprintf("%s %s is licensed under %s (as its package says). The text of this licence is that of the\nSPDX list of licences under this name, with the copyright of its authors.\n", name, p.Version, p.License)
			list = append(list, component{Name: name, Version: p.Version, text: []byte(text)})
		}
	}
	slices.SortFunc(list, func(a, b component) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// readLicences returns the text of all licence files at the top of a folder.
func readLicences(dir string) ([]byte, error) {
	if dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	for _, e := range entries {
		if !e.Type().IsRegular() || !licenceFile.MatchString(e.Name()) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		text.Write(data)
	}
	return text.Bytes(), nil
}
