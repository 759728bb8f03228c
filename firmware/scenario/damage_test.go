package scenario

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
)

// checks of the databases by their names in health.
var databases = map[string]string{"journal": "journal.db", "roster": "roster.db", "library": "library.db", "cloud_data": "cloud.db"}

// damages are what becomes of a file on a card.
var damages = map[string]func(path string) error{
	"missing":   os.Remove,
	"truncated": func(path string) error { return os.Truncate(path, 9000) },
	"zeroed":    func(path string) error { return alter(path, func(page []byte) { clear(page) }) },
	"flipped":   func(path string) error { return alter(path, func(page []byte) { page[0] ^= 4 }) },
}

// alter changes each page after the two that say what kind of file it is.
func alter(path string, change func(page []byte)) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for at := 8192; at+4096 <= len(data); at += 4096 {
		change(data[at : at+4096])
	}
	return os.WriteFile(path, data, 0o600)
}

type sign struct{ Name, Level, Code, Text string }

// signs are the checks that /readyz lists, by name, and whether the box is ready.
func signs(t *testing.T, p *boxtest.Person) (map[string]sign, bool) {
	t.Helper()
	var answer struct {
		Ready  bool
		Checks []sign
	}
	if _, err := p.CallAPI("GET", "/readyz", nil, &answer); err != nil { // of a box that is not ready the answer is in err
		_, body, _ := strings.Cut(err.Error(), " 503 ")
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			t.Fatal(err)
		}
	}
	byName := map[string]sign{}
	for _, c := range answer.Checks {
		byName[c.Name] = c
	}
	return byName, answer.Ready
}

// binary is the program that the box runs.
func binary(t *testing.T, b *boxtest.Box) string {
	t.Helper()
	bin, err := os.Readlink("/proc/" + strconv.Itoa(b.PID()) + "/exe")
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// says is what a command of the program prints, errors included.
func says(bin, command, dir string, more ...string) string {
	out, err := exec.Command(bin, append([]string{command, "--data", dir}, more...)...).CombinedOutput()
	if err != nil {
		return string(out) + err.Error()
	}
	return string(out)
}

func TestWhatWasDamagedIsSaidUntilAnAdminAcknowledgesIt(t *testing.T) {
	for kind, damage := range damages {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			b := boxtest.Start(t, dir)
			ada := b.ClaimBox("Ada")
			ada.OpenLesson(ada.AddClass("7B", 3), "Planets")
			b.Stop()
			for _, file := range databases {
				if err := damage(filepath.Join(dir, file)); err != nil {
					t.Fatal(err)
				}
			}
			for start := 1; start <= 2; start++ {
				b = b.Restart()
				if b.Code != "" {
					t.Errorf("start %d: the box shows the claim code %s", start, b.Code)
				}
				ada = signIn(t, b, "Ada")
				want := "set_aside"
				if kind == "missing" {
					want = "db_missing"
				}
				list, ready := signs(t, ada)
				said := says(binary(t, b), "doctor", dir, "--no-network")
				for check, file := range databases {
					if c := list[check]; c.Level != "warn" || c.Code != want || !strings.Contains(c.Text, file) || !strings.Contains(c.Text, "missing: ") {
						t.Errorf("start %d: /readyz says of %s: %+v", start, file, c)
					}
					if !strings.Contains(said, list[check].Text) {
						t.Errorf("start %d: doctor does not say %q:\n%s", start, list[check].Text, said)
					}
					if name := list[check].Text; kind != "missing" && !strings.Contains(name, file+".damaged-") {
						t.Errorf("start %d: the new name is not said: %q", start, name)
					}
				}
				if !ready {
					t.Errorf("start %d: not ready: %v", start, list)
				}
				if start == 2 {
					break
				}
				bin := binary(t, b)
				b.Stop()
				if said := says(bin, "doctor", dir, "--no-network"); !strings.Contains(said, list["roster"].Text) {
					t.Errorf("doctor does not say of a stopped box %q:\n%s", list["roster"].Text, said)
				}
			}
			for check := range databases {
				if _, err := ada.CallAPI("POST", "/api/admin/health/"+check+"/acknowledge", map[string]any{}, nil); err != nil {
					t.Error(err)
				}
				if status, _ := ada.CallAPI("POST", "/api/admin/health/"+check+"/acknowledge", map[string]any{}, nil); status != 404 {
					t.Errorf("%s is acknowledged twice: %d", check, status)
				}
			}
			for range 2 {
				list, _ := signs(t, ada)
				for check := range databases {
					if c := list[check]; c.Level != "ok" {
						t.Errorf("acknowledged: %+v", c)
					}
				}
				b.Stop()
				b = b.Restart()
				ada = signIn(t, b, "Ada")
			}
		})
	}
}

func TestABoxWithoutAnyRecordOfItsOwnerIsLocked(t *testing.T) {
	dir := t.TempDir()
	b := boxtest.Start(t, dir)
	b.ClaimBox("Ada")
	bin := binary(t, b)
	saved := filepath.Join(t.TempDir(), "box.llbox")
	if out, err := exec.Command(bin, "backup", "--data", dir, saved).CombinedOutput(); err != nil {
		t.Fatalf("%s %v", out, err)
	}
	b.Stop()
	for _, file := range []string{"roster.db", "roster.db.owner", "roster.db.copy"} {
		if err := os.Remove(filepath.Join(dir, file)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		b = b.Restart()
		if b.Code != "" {
			t.Errorf("the box shows the claim code %s", b.Code)
		}
		eve := &boxtest.Person{Box: b}
		_, err := eve.CallAPI("POST", "/api/claim", map[string]string{"code": "", "box": "B", "name": "Eve", "pin": "246810"}, nil)
		if err == nil || !strings.Contains(err.Error(), "owner_lost") || !strings.Contains(err.Error(), "livelearn unclaim") {
			t.Errorf("claimed: %v", err)
		}
		list, ready := signs(t, eve)
		if ready || list["owner"].Code != "owner_lost" || list["roster"].Code != "db_missing" {
			t.Errorf("ready %v, %+v", ready, list)
		}
		b.Stop()
		if said := says(bin, "doctor", dir, "--no-network"); !strings.Contains(said, "no admin can sign in") || !strings.Contains(said, "livelearn unclaim") {
			t.Errorf("doctor says\n%s", said)
		}
	}
	code := says(bin, "unclaim", dir, "--yes")
	b = b.Restart()
	if b.Code == "" || !strings.Contains(code, b.Code) {
		t.Errorf("the box shows %q after %q", b.Code, code)
	}
	eve := b.ClaimBox("Eve")
	if list, _ := signs(t, eve); list["roster"].Code != "db_missing" {
		t.Errorf("the new owner does not read of the loss: %+v", list)
	}
	b.Stop()
	if out, err := exec.Command(bin, "restore", "--yes", "--data", dir, saved).CombinedOutput(); err != nil {
		t.Fatalf("%s %v", out, err)
	}
	b = b.Restart()
	list, ready := signs(t, signIn(t, b, "Ada"))
	if !ready || list["roster"].Level != "ok" || list["owner"].Level != "ok" || list["cloud_data"].Level != "ok" {
		t.Errorf("after the restore: ready %v, %+v", ready, list)
	}
}

func signIn(t *testing.T, b *boxtest.Box, name string) *boxtest.Person {
	t.Helper()
	p := &boxtest.Person{Box: b}
	if _, err := p.CallAPI("POST", "/api/login", map[string]string{"name": name, "pin": "246810"}, nil); err != nil {
		t.Fatal(err)
	}
	return p
}
