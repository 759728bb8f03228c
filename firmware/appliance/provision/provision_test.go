package provision

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const madeName = "amber-otter-4821"

func TestNamesOfBoxesAlike(t *testing.T) {
	for _, c := range []struct {
		box          Box
		serial, want string
	}{
		{Box{}, "10000000abcdef01", madeName},
		{Box{Name: "Room {digits}"}, "10000000abcdef01", "Room 4821"},
		{Box{Name: "École {serial}"}, "10000000ABCDEF01", "École cdef01"},
		{Box{Name: "PC {serial}"}, "", "PC 4821"},
		{Box{Names: []string{"b8:27:eb:01:02:03 = Lab 3"}}, "B827EB010203", "Lab 3"},
		{Box{Names: []string{"b8:27:eb:01:02:03 = Lab 3"}}, "", madeName},
		{Box{Name: "The school by the river {name}"}, "1", "chool by the river amber-otter-4821"[3:]},
	} {
		if err := c.box.Validate(); err != nil {
			t.Fatal(err)
		}
		if got := c.box.NameFor(c.serial, madeName); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.box, got, c.want)
		}
	}
}

func TestANetworksNameFitsItsFrame(t *testing.T) {
	long := strings.Repeat("é", 32)
	if got := (Wifi{}).SSIDFor("1", madeName, long); len(got) > 32 || !strings.HasPrefix(long, got) || got == "" {
		t.Errorf("%q has %d bytes", got, len(got))
	}
	if got := (Wifi{SSID: "School {digits}"}).SSIDFor("1", madeName, "Room"); got != "School 4821" {
		t.Errorf("got %q", got)
	}
	if got := (Wifi{}).SSIDFor("1", madeName, "Room"); got != "Room" {
		t.Errorf("got %q", got)
	}
}

func TestDefaultsAreValid(t *testing.T) {
	for _, mode := range []string{"", ModeGuest, ModeOwn, ModeAP, ModeWifi} {
		n := Network{Mode: mode}.WithDefaults()
		if err := n.Validate(); err != nil || n.Mode == "" || n.Domain == "" {
			t.Errorf("%q: %+v %v", mode, n, err)
		}
	}
	for _, err := range []error{Box{}.Validate(), Box{}.WithDefaults().Validate(), Network{}.Validate(), Wifi{}.Validate()} {
		if err != nil {
			t.Error(err)
		}
	}
}

func TestASecretIsShownInNoWay(t *testing.T) {
	var out strings.Builder
	w := &Wifi{SSID: "x", Passphrase: "only for us"}
	log := slog.New(slog.NewTextHandler(&out, nil))
	log.Info("x", "wifi", w, "passphrase", w.Passphrase)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "wifi", w, "passphrase", w.Passphrase)
	for _, verb := range []string{"%v", "%+v", "%#v", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb, w)
		fmt.Fprintf(&out, verb, w.Passphrase)
		fmt.Fprintf(&out, verb, []Secret{w.Passphrase})
	}
	if err := json.NewEncoder(&out).Encode(w); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"only", "6f6e6c79"} {
		if strings.Contains(out.String(), bad) {
			t.Errorf("%s in %s", bad, out.String())
		}
	}
	if Secret("").String() != "" || w.Passphrase.Reveal() != "only for us" {
		t.Error("an empty secret looks like one, or a secret is lost")
	}
}

func TestPassphrases(t *testing.T) {
	for p, ok := range map[string]bool{
		"": true, "12345678": true, strings.Repeat("x", 63): true, "1234567": false, strings.Repeat("x", 64): false, "tab\tin it": false, "größer als 8": false,
	} {
		err := Wifi{Passphrase: Secret(p)}.Validate()
		if (err == nil) != ok {
			t.Errorf("%q: %v", p, err)
		}
		if err != nil && strings.Contains(err.Error(), p) {
			t.Errorf("it is in the error: %v", err)
		}
	}
}

func FuzzCalled(f *testing.F) {
	f.Add("Room {digits}", "10000000abcdef01 = Room 12", "10000000abcdef01")
	f.Add("{name}{name}{name}", "", "")
	f.Add(" {serial}", "=", "é")
	f.Fuzz(func(t *testing.T, name, line, serial string) {
		b := Box{Name: name}
		if line != "" {
			b.Names = []string{line}
		}
		if b.Validate() != nil {
			return
		}
		if got := b.NameFor(serial, madeName); !isLegible(got, maxName) {
			t.Errorf("%q", got)
		}
	})
}
