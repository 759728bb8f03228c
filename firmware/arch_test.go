package firmware

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/livelearn/box/"

// ranks is the map of the house. A package imports lower ranks only. Packages of the
// same rank do not import each other. A new package gets its rank in the commit that adds it.
var ranks = map[string]int{
	"hal":                  -4, // imports nothing of ours
	"hal/atomicfile":       -4, // files that appear whole, for services too: it knows no machine
	"services/timetest":    -4, // tests of every package use it
	"services/openapitest": -4, // a linter in tests
	"hal/slots":            -3,
	"hal/screen":           -3,
	"hal/kernel":           -2,
	"hal/haltest":          -2,
	"hal/boards/generic":   -1,
	"hal/boards/rpi":       -1,
	"hal/boards/sim":       -1,
	"hal/boards":           0,

	"ui": 0,

	"services/errs":      -2,
	"services/seal":      -1, // the box's key, and values that are encrypted with it
	"services/event":     0,
	"services/supervise": 0,
	"services/egress":    0, // connections to addresses that people name
	"services/sheet":     0,
	"services/checkedkv": 0,

	"services/acme":          0, // a certificate for a name of the school's
	"services/acme/acmetest": 1,

	"services/wire":     1,
	"services/journal":  1,
	"services/health":   1,
	"services/cooling":  1,
	"services/hardware": 2,

	"services/ink":         0,
	"services/quiz/item":   1,
	"services/quiz/markup": 0,
	"services/quiz/pack":   0,
	"services/slides":      1,
	"services/listimport":  1,

	"services/audit":                2,
	"services/roster":               2,
	"services/jobs":                 2,
	"services/room":                 2,
	"services/quiz/gift":            2,
	"services/quiz/draft":           2, // questions of a file before they are confirmed
	"services/quiz/item/itemtest":   2,
	"services/quiz/draft/drafttest": 3,
	"services/discover":             2,
	"services/certfile":             0,
	"services/qrsvg":                0,

	"services/quiz/aiken":    3,
	"services/quiz/table":    3, // the spreadsheets of Kahoot and others
	"services/quiz/moodle":   3,
	"services/quiz/qti":      3,
	"services/quiz/h5p":      3,
	"services/quiz/exchange": 4, // all formats

	"services/quiz/sample": 3, // the quizzes that come with the box

	"services/update/bundle":     1,
	"services/update":            2,
	"services/supplicant":        0, // a Wi-Fi that the box joins
	"services/network":           2,
	"services/update/neighbours": 3,

	"services/deck":    3,
	"services/library": 4,

	"services/room/roomtest": 3, // runs features for their tests

	"services/media/forward":  1,
	"services/media/bwe":      0,
	"services/media/capacity": 1,
	"services/media":          1,
	"services/media/record":   2,
	"services/media/whip":     2,
	"services/media/peer":     3,

	"services/call":       3,
	"services/whiteboard": 3,
	"services/chat":       3,
	"services/groups":     3,
	"services/hand":       3,
	"services/reaction":   3,
	"services/quiz":       3,

	"services/wire/contract":   4, // writes the protocol's tables and types
	"services/media/signaling": 4, // between the rooms and the nodes

	"services/results":  4,
	"services/playback": 4,

	"services/cloud/batch":      1, // what travels
	"services/cloud":            5, // the box's side
	"services/cloud/schema":     4, // the database
	"services/cloud/https":      6, // ways out
	"services/cloud/pg":         6,
	"services/cloud/usbfile":    6,
	"services/cloud/transports": 7, // chooses among them
	"services/cloud/cloudtest":  7,
	"services/cloud/push":       7, // from the cloud to other systems
	"services/cloud/server":     8, // the cloud's side

	"services/cluster":             4, // several boxes of a school
	"services/cluster/clustertest": 5,
	"services/cluster/link":        5, // the bus on NATS, a process of its own
	"services/cluster/directory":   6, // where a lesson is
	"services/cluster/members":     2, // the boxes of a school and their keys

	"services/session":       5,
	"services/wire/wiretest": 6, // drives a room or a session from outside

	"services/gateway/fingerprint": 0,
	"services/gateway/connlimit":   0,
	"services/gateway/proxies":     1, // reads who connects, before any audience
	"services/gateway/httpapi":     3, // what the audiences share
	"services/gateway/relay":       5, // a lesson of another box at this one
	"services/gateway/signin":      6,
	"services/gateway/peers":       6,
	"services/gateway/pupil":       7,
	"services/gateway/staff":       7,
	"services/gateway/adminapi":    7,
	"services/gateway":             8,

	"firmware/appliance/initctl":    1,
	"firmware/appliance/disk":       1,
	"firmware/appliance/persistlog": 1,
	"firmware/appliance/identity":   1,
	"firmware/appliance/provision":  1,
	"firmware/appliance/timesync":   1,
	"firmware/appliance":            9,

	"firmware/display":       2,
	"firmware/claimfile":     3,
	"firmware/heartbeat":     2,
	"firmware/machine":       2,
	"firmware/logging":       1,
	"firmware/medianode":     4,
	"firmware/datafolder":    1,
	"firmware/losses":        2,
	"firmware/backup":        5,
	"firmware/handover":      6, // from one program to the next
	"firmware/control":       6,
	"firmware/doctor":        7,
	"firmware/install":       0,
	"firmware/restore":       8,
	"firmware/diskwatch":     8,
	"firmware/addresses":     0,
	"firmware/lessonfacts":   3,
	"firmware/retention":     8,
	"firmware/resultsjob":    8,
	"firmware/privacy":       9,
	"firmware/recovery":      2,
	"firmware":               10,
	"firmware/boxtest":       11,
	"firmware/cmd/livelearn": 11,
	"firmware/scenario":      12,
	"ui/e2e":                 12,

	"image":          20, // its own programs
	"image/debian":   0,  // reads Debian packages
	"image/qemutest": 20, // machines for its tests
	"scripts/check":  20,
	"scripts/mutate": 20, // takes walls down for their tests
	"ui/build":       20,
	"ui/dev":         20,
}

// thirdParty says what a package may import of others' modules, by prefix. Tests may
// import more.
var thirdParty = map[string][]string{
	"hal":                     {"golang.org/x/sys/unix", "golang.org/x/sys/cpu"},
	"hal/atomicfile":          {"github.com/google/renameio/v2"},
	"hal/boards/sim":          {"github.com/skip2/go-qrcode"},
	"hal/boards/rpi":          {"periph.io/x/conn/v3", "periph.io/x/host/v3"},
	"hal/screen":              {"periph.io/x/conn/v3", "periph.io/x/devices/v3", "github.com/skip2/go-qrcode", "golang.org/x/image", "golang.org/x/text"},
	"hal/kernel":              {"github.com/mdlayher/wifi", "golang.org/x/sys/unix"},
	"services/supervise":      {"github.com/prometheus/client_golang", "golang.org/x/sys/unix"},
	"services/media/forward":  {"github.com/pion/rtp", "golang.org/x/sys/unix", "golang.org/x/sys/cpu"},
	"services/media/capacity": {"golang.org/x/sys/unix"},
	"services/media/record":   {"github.com/at-wat/ebml-go", "github.com/Eyevinn/mp4ff", "github.com/pion/rtp", "golang.org/x/sys/unix"},
	"services/media/peer":     {"github.com/pion", "golang.org/x/sys/unix"},
	"services/media/whip":     {"github.com/pion/sdp", "golang.org/x/time/rate"},
	"services/journal":        {"go.etcd.io/bbolt", "github.com/prometheus/client_golang", "golang.org/x/sys/unix"},
	"services/health":         {"github.com/prometheus/client_golang"},
	"services/jobs":           {"github.com/prometheus/client_golang"},
	"services/slides":         {"github.com/klippa-app/go-pdfium", "github.com/tetratelabs/wazero", "golang.org/x/image", "golang.org/x/text"},
	"services/deck":           {"go.etcd.io/bbolt"},
	"services/library":        {"go.etcd.io/bbolt"},
	"services/listimport":     {"github.com/xuri/excelize", "golang.org/x/text"},
	"services/seal":           {"golang.org/x/crypto/chacha20poly1305", "golang.org/x/sys/cpu"},
	"services/checkedkv":      {"go.etcd.io/bbolt", "golang.org/x/sys/unix"},
	"services/roster":         {"go.etcd.io/bbolt", "github.com/alexedwards/argon2id", "github.com/prometheus/client_golang", "golang.org/x/text", "golang.org/x/crypto"},
	"services/acme":           {"github.com/miekg/dns", "golang.org/x/crypto/acme"},
	"services/acme/acmetest":  {"github.com/letsencrypt/pebble/v2", "github.com/miekg/dns"},
	"services/qrsvg":          {"github.com/skip2/go-qrcode"},
	"services/discover":       {"github.com/grandcat/zeroconf", "github.com/miekg/dns", "golang.org/x/net", "golang.org/x/text"},
	"services/quiz/item":      {"golang.org/x/text"},
	"services/quiz/pack":      {"golang.org/x/text"},
	"services/quiz/table":     {"github.com/xuri/excelize"},
	"services/results":        {"github.com/xuri/excelize"},
	"services/room":           {"github.com/prometheus/client_golang"},
	"services/room/roomtest":  {"github.com/prometheus/client_golang"},
	"services/cluster":        {"github.com/prometheus/client_golang"},
	"services/session":        {"github.com/gobwas/ws", "github.com/prometheus/client_golang", "golang.org/x/sys/unix", "golang.org/x/time/rate"},
	"services/wire":           {"github.com/gobwas/ws"},
	"services/wire/wiretest":  {"github.com/gobwas/ws"},
	"services/gateway/httpapi": {
		"github.com/danielgtaylor/huma/v2",
	},
	"services/gateway/fingerprint": {"github.com/sethvargo/go-diceware"},
	"services/gateway/proxies":     {"github.com/pires/go-proxyproto"},
	"services/gateway/adminapi":    {"github.com/danielgtaylor/huma/v2"},
	"services/gateway":             {"github.com/danielgtaylor/huma/v2", "github.com/prometheus/client_golang", "github.com/prometheus/client_model", "golang.org/x/text"},
	"firmware/medianode":           {"github.com/prometheus/client_golang"},
	"firmware/backup":              {"go.etcd.io/bbolt", "filippo.io/age"},
	"firmware":                     {"github.com/BurntSushi/toml", "github.com/prometheus/client_golang", "golang.org/x/sys/unix"},
	"services/update/bundle":       {"github.com/theupdateframework/go-tuf", "github.com/sigstore/sigstore", "github.com/klauspost/compress", "github.com/restic/chunker"},
	"services/network":             {"github.com/vishvananda/netlink", "github.com/insomniacslk/dhcp", "github.com/miekg/dns", "github.com/mdlayher/wifi", "golang.org/x/sys/unix"},
	"services/update":              {"github.com/prometheus/client_golang"},
	"services/cluster/members":     {"golang.org/x/crypto/argon2"},
	"services/cluster/link":        {"github.com/nats-io/nats-server/v2/server", "github.com/nats-io/nats.go", "github.com/prometheus/client_golang"},
	"services/cloud/batch":         {"github.com/fxamacker/cbor/v2", "github.com/klauspost/compress/zstd"},
	"services/cloud":               {"go.etcd.io/bbolt", "github.com/prometheus/client_golang"},
	"services/cloud/pg":            {"github.com/google/uuid", "github.com/jackc/pgx/v5", "github.com/pressly/goose/v3", "golang.org/x/crypto/ssh"},
	"services/cloud/push":          {"github.com/pkg/sftp", "golang.org/x/crypto/ssh"},
	"services/cloud/server":        {"github.com/prometheus/client_golang", "golang.org/x/time/rate", "github.com/alexedwards/argon2id", "github.com/pquerna/otp", "github.com/danielgtaylor/huma/v2"},
	"image":                        {"github.com/alecthomas/kong", "github.com/diskfs/go-diskfs"},
	"image/debian":                 {"github.com/ProtonMail/go-crypto", "github.com/knqyf263/go-deb-version", "github.com/ulikunitz/xz", "github.com/klauspost/compress/zstd"},
	"scripts/check":                {"golang.org/x/sys/unix"},
	"ui/build":                     {"github.com/yuin/goldmark"},
	"firmware/recovery":            {"golang.org/x/text"},
	"firmware/appliance/timesync":  {"github.com/beevik/ntp", "golang.org/x/sys/unix"},
	"firmware/appliance/disk":      {"github.com/diskfs/go-diskfs", "golang.org/x/sys/unix"},
	"firmware/appliance":           {"github.com/vishvananda/netlink", "golang.org/x/sys/unix"},
	"firmware/cmd/livelearn":       {"github.com/alecthomas/kong", "github.com/coreos/go-systemd/v22/daemon", "github.com/diskfs/go-diskfs", "github.com/alecthomas/mango-kong", "github.com/jotaen/kong-completion", "github.com/prometheus/client_golang", "golang.org/x/sys/unix", "golang.org/x/crypto/x509roots/fallback/bundle"},
}

// goPackage is one package as `go list` prints it.
type goPackage struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
}

func (p goPackage) path() string { return strings.TrimPrefix(p.ImportPath, module) }

// support says whether a package exists for tests only: boxtest, haltest, scenario.
func (p goPackage) support() bool {
	return strings.HasSuffix(p.path(), "test") || p.path() == "firmware/scenario" || p.path() == "ui/e2e"
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-tags=netns", "-json=ImportPath,Dir,GoFiles,Imports", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []goPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// wrongImports are the imports of p that the house does not have.
func wrongImports(p goPackage) (faults []string) {
	rank, known := ranks[p.path()]
	if !known {
		return []string{p.path() + ": no rank; give it one in firmware/arch_test.go"}
	}
	for _, i := range p.Imports {
		ours, own := strings.CutPrefix(i, module)
		if !own {
			faults = append(faults, checkThirdParty(p, i)...)
			continue
		}
		r, ok := ranks[ours]
		if !ok || r >= rank {
			faults = append(faults, fmt.Sprintf("%s (rank %d) imports %s (rank %d)", p.path(), rank, ours, r))
		}
		if strings.HasPrefix(p.path(), "services/") && strings.HasPrefix(ours, "hal/") && ours != "hal/atomicfile" {
			faults = append(faults, fmt.Sprintf("%s imports %s: services know hal and no board", p.path(), ours))
		}
		if ours == "ui" && strings.HasPrefix(p.path(), "services/") {
			faults = append(faults, p.path()+" imports ui: the pages are passed in as an fs.FS")
		}
	}
	return faults
}

func checkThirdParty(p goPackage, path string) []string {
	first, _, _ := strings.Cut(path, "/")
	if path == "net/http/pprof" {
		return []string{p.path() + " imports net/http/pprof: it opens pages for debugging"}
	}
	if !strings.Contains(first, ".") || p.support() {
		return nil // the standard library
	}
	for _, prefix := range thirdParty[p.path()] {
		if path == prefix || strings.HasPrefix(path, prefix+"/") {
			return nil
		}
	}
	return []string{fmt.Sprintf("%s imports %s, which is not on its list in firmware/arch_test.go", p.path(), path)}
}

// goStatements are the places in a file with the word go.
func goStatements(name string, src any) ([]string, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var places []string
	ast.Inspect(f, func(n ast.Node) bool {
		if _, ok := n.(*ast.GoStmt); ok {
			places = append(places, fset.Position(n.Pos()).String())
		}
		return true
	})
	return places, nil
}

func TestPackagesImportLowerRanksOnly(t *testing.T) {
	for _, p := range listPackages(t) {
		for _, f := range wrongImports(p) {
			t.Error(f)
		}
	}
}

// A panic that is not recovered ends the whole program, so goroutines are started where
// their panics are recovered.
func TestGoStatementsAreInSuperviseOnly(t *testing.T) {
	for _, p := range listPackages(t) {
		if p.path() == "services/supervise" || p.support() {
			continue
		}
		for _, f := range p.GoFiles {
			places, err := goStatements(filepath.Join(p.Dir, f), nil)
			if err != nil {
				t.Error(err)
			}
			for _, place := range places {
				t.Errorf("%s: a go statement outside services/supervise; use supervise.Group or Spawn", place)
			}
		}
	}
}

func TestRankTestBites(t *testing.T) {
	for _, c := range []struct {
		pack    string
		imports []string
		want    string
	}{
		{"services/chat", []string{"services/hand"}, "services/chat (rank 3) imports services/hand (rank 3)"},
		{"services/room", []string{"services/session"}, "imports services/session (rank 5)"},
		{"services/poll", nil, "services/poll: no rank"},
		{"services/chat", []string{"services/unheard"}, "imports services/unheard"},
		{"services/gateway", []string{"firmware"}, "imports firmware"},
		{"services/discover", []string{"hal/boards/sim"}, "services know hal and no board"},
		{"services/gateway", []string{"ui"}, "passed in as an fs.FS"},
		{"hal", []string{"services/errs"}, "imports services/errs"},
		{"hal", []string{"hal/atomicfile"}, "imports hal/atomicfile (rank -4)"},
		{"services/update", []string{"hal/slots"}, "services know hal and no board"},
	} {
		p := goPackage{ImportPath: module + c.pack}
		for _, i := range c.imports {
			p.Imports = append(p.Imports, module+i)
		}
		if got := strings.Join(wrongImports(p), "\n"); !strings.Contains(got, c.want) {
			t.Errorf("%s importing %v: got %q, want %q", c.pack, c.imports, got, c.want)
		}
	}
	for path, want := range map[string]int{
		"go.etcd.io/bbolt": 1, "github.com/prometheus/client_golang/prometheus": 0,
		"github.com/prometheus/client_golangish": 1, "encoding/json": 0,
		"net/http/pprof": 1,
	} {
		p := goPackage{ImportPath: module + "services/room", Imports: []string{path}}
		if got := wrongImports(p); len(got) != want {
			t.Errorf("room importing %s: got %q, want %d faults", path, got, want)
		}
	}
}

func TestGoStatementTestBites(t *testing.T) {
	const src = "package p\n\nfunc f() {\n\tdefer func() { go f() }()\n\tgo func() {}()\n}\n"
	got, err := goStatements("p.go", src)
	if want := []string{"p.go:4:17", "p.go:5:2"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}
