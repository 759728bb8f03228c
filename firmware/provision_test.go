package firmware

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

const passphrase = "Zq7 by the canteen"

// adaHash is the hash of the PIN 246810. slowHash would take a board a minute.
const (
	adaHash  = "$argon2id$v=19$m=19456,t=2,p=1$mMrpfHlFiJdvFw2aHcrJew$leA05yTjyFdrmwOp6Tuk6oVER/FM3yC/7XFPHbqrFag"
	slowHash = "$argon2id$v=19$m=999999,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

// A card claims its box and says where the school is.
func TestACardClaimsItsBox(t *testing.T) {
	e, err := LoadConfig(Sources{File: writeConfig(t, "[box]\nadmin = \"Ada\"\nadmin_pin = \""+adaHash+"\"\ntime_zone = \"Asia/Tokyo\"\n")})
	if err != nil {
		t.Fatal(err)
	}
	cfg := testConfig(t, t.TempDir())
	cfg.Box = e.Box
	for range 2 { // the second start finds it claimed
		b, stop := startBox(t, cfg, Parts{})
		p, _, err := b.roster.SignIn(t.Context(), "Ada", "246810")
		if box, _ := b.roster.Box(); err != nil || !p.Admin || !box.Claimed {
			t.Errorf("%+v %+v %v", p, box, err)
		}
		if code, err := b.roster.ClaimCode(); code != "" || err != nil {
			t.Errorf("it shows the code %q, %v", code, err)
		}
		if zone, _ := b.schoolTime().Zone(); zone != "JST" {
			t.Errorf("night is that of %q", zone)
		}
		stop()
	}
	var text bytes.Buffer
	if err := e.Print(&text); err != nil || strings.Contains(text.String(), "argon2id") {
		t.Errorf("the hash is printed: %v\n%s", err, text.String())
	}
}

func TestACardProvisionsAHundredBoxes(t *testing.T) {
	e, err := LoadConfig(Sources{File: writeConfig(t, `
[box]
name = "Room {digits}"
names = ["10000000abcdef01 = Room 12"]
lang = "pt-BR"
[network]
mode = "ap"
[wifi]
passphrase = "`+passphrase+`"
country = "BR"
[update]
channel = "https://updates.example/school.json"
`)})
	if err != nil {
		t.Fatal(err)
	}
	if got := e.Box.NameFor("10000000ABCDEF01", "amber-otter-4821"); got != "Room 12" {
		t.Errorf("got %q", got)
	}
	if got := e.Box.NameFor("10000000abcdef02", "amber-otter-4821"); got != "Room 4821" {
		t.Errorf("got %q", got)
	}
	if e.Wifi.Passphrase.Reveal() != passphrase || e.Network.Mode != "ap" || e.Update.Channel == "" {
		t.Errorf("got %+v", e.Network)
	}
}

// A card signs a box in to a switch that asks for it. No print of the settings has the password.
func TestACardSignsInOnACable(t *testing.T) {
	e, err := LoadConfig(Sources{File: writeConfig(t, "[school_wired]\nidentity = \"box@school.example\"\npassword = \""+passphrase+"\"\n")})
	if err != nil {
		t.Fatal(err)
	}
	if s := e.SchoolWired.SignIn(); s.Identity != "box@school.example" || s.Password != passphrase {
		t.Errorf("got %+v", e.SchoolWired)
	}
	if text := fmt.Sprintf("%v %+v %#v", e.SchoolWired, e.SchoolWired, e.SchoolWired); strings.Contains(text, passphrase) {
		t.Errorf("a print has the password: %s", text)
	}
}

// A card brings a box without a cable into the Wi-Fi of a school.
func TestACardJoinsTheWifiOfASchool(t *testing.T) {
	e, err := LoadConfig(Sources{File: writeConfig(t, `
[network]
mode = "wifi"
[wifi]
country = "FR"
[school_wifi]
ssid = "École"
security = "peap"
identity = "box@school.example"
password = "`+passphrase+`"
`)})
	if err != nil {
		t.Fatal(err)
	}
	if got := e.SchoolWifi.Network(); e.Network.Mode != "wifi" || got.SSID != "École" || got.Password != passphrase || got.Validate() != nil {
		t.Errorf("got %+v", e.Network)
	}
	var text bytes.Buffer
	if err := e.Print(&text); err != nil || strings.Contains(text.String(), passphrase) || !strings.Contains(text.String(), "# password is set and not shown") {
		t.Errorf("%v\n%s", err, text.String())
	}
}

// A card names the authority that gives the box a certificate.
func TestACardNamesWhereTheCertificateComesFrom(t *testing.T) {
	const file = `
[acme]
name = "box7.school.example"
dns_server = "ns1.school.example"
dns_wait = "1m"
tsig_name = "box7"
tsig_secret = "c2VjcmV0IG9mIHRoZSBib3g="
`
	e, err := LoadConfig(Sources{File: writeConfig(t, file)})
	if err != nil {
		t.Fatal(err)
	}
	if c := e.ACME.Config("http://proxy:3128"); c.DNSWait != time.Minute || c.TSIGSecret == "" || c.Proxy == "" || c.Validate() != nil {
		t.Errorf("got %+v", e.ACME)
	}
	var text bytes.Buffer
	if err := e.Print(&text); err != nil || strings.Contains(text.String(), "c2Vj") || !strings.Contains(text.String(), "# tsig_secret is set and not shown") {
		t.Errorf("%v\n%s", err, text.String())
	}
	for add, want := range map[string]string{
		"tsig_kind = \"hmac-md5\"\n":                            "livelearn.toml:8: acme.tsig_kind",
		"[gateway]\ncertificate = \"a.pem\"\nkey = \"a.pem\"\n": "livelearn.toml:3: acme.name",
	} {
		if _, err := LoadConfig(Sources{File: writeConfig(t, file+add)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestASecretOfTheFileIsNeverShown(t *testing.T) {
	e, err := LoadConfig(Sources{File: writeConfig(t, "[box]\nclaim_code = \"Zq7 canteen 5\"\n[wifi]\npassphrase = \""+passphrase+"\"\n")})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := e.Print(&text); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&text, "%v %+v %#v %x %q", e, e.Config, e.Config, e.Wifi.Passphrase, e.Wifi.Passphrase)
	if strings.Contains(text.String(), "Zq7") {
		t.Error("it is printed")
	}
	if !strings.Contains(text.String(), "# passphrase is set and not shown") || !strings.Contains(text.String(), "# claim_code is set and not shown") {
		t.Errorf("nobody is told that there is one:\n%s", text.String())
	}
	for _, doc := range []string{
		"[wifi]\npassphrase = Zq7canteen", "[wifi]\npassphrase = 'Zq7", "[wifi]\npassphrase = \"Zq7\ncountry = \"FR\"",
		"[wifi]\npassphrase = \"\"\"Zq7\nx", "[wifi]\npassphrase = \"Zq7\\canteen\"", "[wifi]\npassphrase \"Zq7\"", "wifi = {passphrase = Zq7canteen}",
		"[wifi]\npassphrase = \"Zq7\"", "[wifi]\npassphras = \"Zq7 by the canteen\"", "[wifi]\npassphrase = \"Zq7 à la cantine\"",
		"[wifi]\npassphrase = [\"Zq7 by the canteen\"]", "[wifi]\nPASSPHRASE = Zq7canteen",
		"[school_wifi]\npassword = Zq7canteen", "[school_wired]\npassword = Zq7canteen", "[school_wired]\npassword = \"Zq7\"", "[school_wifi]\nssid = \"x\"\npassword = \"Zq7\"", "[school_wifi]\nssid = \"x\"\npassword = \"Zq7 à la cantine\"",
		"[box]\nclaim_code = Zq7canteen", "[box]\nclaim_code = \"Zq7\"", "[box]\nclaim_code = \"Zq7Zq7Zq7\"", "[box]\nclaim_cod = \"Zq7 canteen 5\"", "[box]\nclaim_code = [\"Zq7\"]",
	} {
		_, err := LoadConfig(Sources{File: writeConfig(t, doc)})
		if err == nil || strings.Contains(err.Error(), "Zq7") || !strings.Contains(err.Error(), "livelearn.toml") {
			t.Errorf("%q: got %v", doc, err)
		}
	}
}

func TestFaultsOfProvisioningAreNamedWithTheirLine(t *testing.T) {
	for text, want := range map[string]string{
		"[box]\nname = \"Room {n}\"":                               "livelearn.toml:2: box.name: {n} is not known",
		"[box]\nname = \"\\u0007\"":                                "livelearn.toml:2: box.name: a name has 1 to 32",
		"[box]\nnames = [\"a = x\", \"A = y\"]":                    "livelearn.toml:2: box.names: number 2: this box has a name already",
		"[box]\nnames = [\"a = x\", \"b = X\"]":                    "number 2: another box is called so",
		"[box]\nnames = [\"Room 12\"]":                             `number 1 must be "serial = name"`,
		"[box]\nlang = \"french\"":                                 "livelearn.toml:2: box.lang: must be a language's tag",
		"[box]\nclaim_code = \"AB12\"":                             "livelearn.toml:2: box.claim_code: must have 8 to 32 letters and digits",
		"[box]\nclaim_code = \"12345678\"":                         "livelearn.toml:2: box.claim_code: is too easy to guess",
		"[box]\nclaim_code = 12345678":                             "livelearn.toml:2: box.claim_code: must be a text",
		"[box]\nadmin = \"Ada\"":                                   `livelearn.toml:2: box.admin: needs box.admin_pin, which "livelearn config pin" prints`,
		"[box]\nadmin = \"Ada\"\nadmin_pin = \"246810\"":           "livelearn.toml:3: box.admin_pin: must be",
		"[box]\nadmin_pin = \"" + adaHash + "\"":                   "livelearn.toml:2: box.admin_pin: needs box.admin",
		"[box]\nadmin = \"Ada\"\nadmin_pin = \"" + slowHash + "\"": "livelearn.toml:3: box.admin_pin: must be",
		"[box]\ntime_zone = \"Paris\"":                             `livelearn.toml:2: box.time_zone: must be a time zone such as "Europe/Paris"`,
		"[box]\ntime_zone = \"../etc/passwd\"":                     "livelearn.toml:2: box.time_zone: must be a time zone",
		"[network]\nmode = \"wlan\"":                               `livelearn.toml:2: network.mode: must be "guest", "own", "ap" or "wifi"`,
		"[network]\nmode = \"wifi\"":                               "livelearn.toml:2: network.mode: needs school_wifi.ssid: a network's name has 1 to 32 bytes",
		"[network]\nmode = \"wifi\"\n[school_wifi]\nssid = \"x\"\npassword = \"long enough\"": `livelearn.toml:2: network.mode: "wifi" needs wifi.country`,
		"[school_wifi]\nssid = \"x\"\npassword = \"short\"":                                   "livelearn.toml:3: school_wifi.password: a passphrase has 8 to 63",
		"[school_wifi]\nssid = \"x\"\nsecurity = \"wep\"":                                     `livelearn.toml:3: school_wifi.security: must be "psk", "peap" or "ttls"`,
		"[school_wifi]\nssid = \"x\"\nsecurity = \"peap\"":                                    "livelearn.toml:2: school_wifi.ssid: needs school_wifi.identity: the name has 1 to 253 bytes",
		"[school_wired]\nidentity = \"box\"":                                                  "livelearn.toml:2: school_wired.identity: needs school_wired.password: the password has 1 to 255 bytes",
		"[school_wired]\nsecurity = \"psk\"":                                                  `livelearn.toml:2: school_wired.security: must be "peap" or "ttls"`,
		"[school_wired]\nsecurity = \"ttls\"\nidentity = \"box\"\npassword = \"x\"":           "livelearn.toml:3: school_wired.identity: needs school_wired.ca: ttls sends",
		"[network]\nmod = \"ap\"":                                                             "livelearn.toml:2: network.mod: no such setting; is it network.mode?",
		"[network]\ngateway = \"10.0.0.1\"":                                                   "gateway and dns need an address",
		"[network]\naddress = \"10.0.0.300/8\"":                                               "livelearn.toml:2: network.address: must be an address with its prefix",
		"[network]\naddress = \"10.0.0.3/24\"\ngateway = \"10.0.1.1\"":                        "livelearn.toml:3: network.gateway: must be another address within 10.0.0.0/24",
		"[network]\nmode = \"own\"\naddress = \"8.8.8.8/24\"":                                 "livelearn.toml:3: network.address: a network of its own is a private",
		"[network]\nmode = \"own\"\naddress = \"192.168.1.0/24\"":                             "192.168.1.0 is the network",
		"[network]\ndns = [\"x\"]\naddress = \"10.0.0.3/24\"":                                 "livelearn.toml:2: network.dns: must be addresses",
		"[network]\nproxy = \"proxy:3128\"":                                                   "livelearn.toml:2: network.proxy: must be an address such as",
		"[network]\nproxy = \"https://p/x\"":                                                  "livelearn.toml:2: network.proxy: must be an address such as",
		"[network]\ntime = [\"-\"]":                                                           "livelearn.toml:2: network.time: must be names or addresses",
		"[network]\ndomain = \"a_b\"":                                                         "livelearn.toml:2: network.domain: must be a name",
		"[wifi]\nssid = \"" + strings.Repeat("é", 17) + "\"":                                  "livelearn.toml:2: wifi.ssid: a network's name has 1 to 32 bytes",
		"[wifi]\npassphrase = \"short\"":                                                      "livelearn.toml:2: wifi.passphrase: must have 8 to 63",
		"[wifi]\ncountry = \"France\"":                                                        "livelearn.toml:2: wifi.country: must be two capital letters",
		"[wifi]\nchannel = 14":                                                                "livelearn.toml:2: wifi.channel: must be 1 to 13",
		"[wifi]\nchannel = 36":                                                                "livelearn.toml:2: wifi.channel: a channel above 11 needs the country",
	} {
		_, err := LoadConfig(Sources{File: writeConfig(t, text)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}

// FuzzProvision checks any content of the file. Faults name the file, the secret is not shown,
// and an accepted file gives every box a name.
func FuzzProvision(f *testing.F) {
	for _, seed := range []string{
		"[box]\nname = \"Room {digits}\"\nnames = [\"b827eb010203 = Room 12\"]\nlang = \"fr\"",
		"[box]\nname = \"{name} {serial}\"", "[network]\nmode = \"own\"\naddress = \"10.10.0.1/20\"\ndomain = \"box.home\"",
		"[network]\naddress = \"2001:db8::2/64\"\ngateway = \"2001:db8::1\"\ndns = [\"9.9.9.9\"]\ntime = [\"ntp.school.example\"]",
		"[wifi]\nssid = \"{serial}\"\npassphrase = \"" + passphrase + "\"\ncountry = \"FR\"\nchannel = 36",
		"[wifi]\npassphrase = " + passphrase, "[wifi]\npassphrase = \"\"\"" + passphrase, "\xef\xbb\xbf[box]\r\nname = \"x\"\r\n", "\xff\xfe[\x00",
		"[update]\nchannel = \"https://example.com/c\"\nauto = true",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		e := Effective{Origins: map[string]string{}}
		shown := ""
		if err := parseTOML("livelearn.toml", doc, listSettings(&e.Config), e.Origins); err != nil {
			if shown = err.Error(); !strings.Contains(shown, "livelearn.toml") {
				t.Errorf("the file is not named: %v", err)
			}
		} else if err := e.Validate(); err != nil {
			shown = err.Error()
		} else {
			name := e.Box.NameFor("10000000abcdef01", "amber-otter-4821")
			ssid := e.Wifi.SSIDFor("10000000abcdef01", "amber-otter-4821", name)
			if n := len([]rune(name)); n == 0 || n > 32 || len(ssid) == 0 || len(ssid) > 32 {
				t.Errorf("%q, %q", name, ssid)
			}
			var text bytes.Buffer
			if err := e.Print(&text); err != nil {
				t.Fatal(err)
			}
			shown = text.String()
		}
		before, _, one := strings.Cut(doc, passphrase)
		line := before[strings.LastIndexByte(before, '\n')+1:]
		if one && strings.HasPrefix(line, "passphrase =") && strings.Count(doc, passphrase) == 1 && strings.Contains(shown, passphrase) {
			t.Errorf("shown: %s", shown)
		}
	})
}
