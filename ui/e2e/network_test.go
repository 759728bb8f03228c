package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/network"
	"github.com/livelearn/box/services/supplicant"
)

// TestTheAdminOpensTheWiFiOfTheBox enters a country, and reads how many devices are on the Wi-Fi and
// how many it holds.
func TestTheAdminOpensTheWiFiOfTheBox(t *testing.T) {
	type state struct {
		Supported bool          `json:"supported"`
		State     network.State `json:"state"`
	}
	installModules(t)
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	home := "http://" + box.HTTP
	port := []network.Port{{Name: "eth0", Up: true, Address: []string{"192.0.2.7/24"}}}
	for _, at := range []struct {
		lang, theme string
		size        [2]int64
	}{{"en", "light", phone}, {"ar", "light", phone}, {"fr", "dark", laptop}} {
		say := loadWords(t, at.lang)
		p := newPage(t, at.size)
		p.speak(home, at.lang)
		p.as(home, ada)
		point := network.Config{Mode: network.ModeAP, SSID: "Room 12", Key: "********"}
		p.answer(map[string]any{
			"GET /api/admin/network": state{true, network.State{Config: point, Ports: port, Code: "no_country"}},
			"PUT /api/admin/network": network.State{},
		})
		p.open(home + "/admin/network")
		p.theme(at.theme)
		p.sees(say("err.no_country"))
		p.axe(at.lang + " no country")
		p.fill(say("admin.net.country"), "fr")
		p.press(say("admin.net.change"))
		p.confirm(say("admin.net.change"))
		p.until("the change is sent", `window.asked.length > 0`)
		if sent := evalJS[string](p, `window.asked.join("\n")`); !strings.Contains(sent, `"country":"FR"`) || !strings.Contains(sent, `"ssid":"Room 12"`) {
			t.Errorf("sent: %s", sent)
		}
		for _, stations := range []network.Stations{{Now: 5, Max: 8}, {Now: 3}} {
			p.now(map[string]any{"GET /api/admin/network": state{true, network.State{Config: point, Ports: port, Leases: 6, Stations: &stations}}})
			key := "admin.net.stations"
			if stations.Max > 0 {
				key += "Of"
			}
			p.press(say("admin.refresh"))
			before, _, _ := strings.Cut(say(key), "{n}")
			p.sees(before + evalJS[string](p, fmt.Sprintf(`new Intl.NumberFormat(%q).format(%d)`, at.lang, stations.Now)))
			if seen := strings.Contains(p.text(), say("admin.net.room")); !seen {
				t.Errorf("%s: the page does not tell how many devices a radio holds", at.lang)
			}
			p.axe(at.lang + " " + key)
			p.shot(at.lang + " " + key)
		}
		p.noFaults()
	}
}

// TestTheAdminJoinsTheWiFiOfTheSchool picks a Wi-Fi in reach, is warned while the box cannot check its
// server, reads a fault below its field, and why the box could not join.
func TestTheAdminJoinsTheWiFiOfTheSchool(t *testing.T) {
	type answer struct {
		Supported bool `json:"supported"`
		State     any  `json:"state"`
	}
	installModules(t)
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	home := "http://" + box.HTTP
	ports := []network.Port{{Name: "eth0", MAC: "dc:a6:32:00:00:01"}, {Name: "wlan0", Up: true, Address: []string{"10.20.0.50/24"}, From: "dhcp"}}
	refused := []network.Port{{Name: "eth0", Up: true, MAC: "dc:a6:32:00:00:01", SignIn: supplicant.CablePassword}}
	reach := []network.FoundWifi{
		{SSID: "Lycée – tous", Signal: -48, Security: "psk"}, {SSID: "Staff", Signal: -63, Security: "enterprise"}, {SSID: "Cafeteria", Signal: -84},
	}
	school := supplicant.Network{SSID: "Staff", Security: "peap", Identity: "box", Password: supplicant.Mask}
	for _, at := range []struct {
		lang, theme string
		size        [2]int64
	}{{"en", "light", phone}, {"ar", "dark", phone}, {"ar", "light", laptop}, {"en", "dark", laptop}} {
		say := loadWords(t, at.lang)
		p := newPage(t, at.size)
		p.speak(home, at.lang)
		p.as(home, ada)
		p.answer(map[string]any{
			"GET /api/admin/network":      answer{true, network.State{Config: network.Config{Mode: network.ModeGuest}, Ports: ports[:1]}},
			"GET /api/admin/network/wifi": answer{true, reach},
			"PUT /api/admin/network":      network.State{},
		})
		p.open(home + "/admin/network")
		p.theme(at.theme)
		p.sees(say("admin.net"))
		p.until("the modes", `document.querySelector("main select option[value=wifi]")`)
		tapWired := `[...document.querySelectorAll("main label")].find((l) => l.textContent.includes(` + strconv.Quote(say("admin.wired")) + `)).click() ?? true`
		evalJS[bool](p, tapWired)
		p.sees(say("admin.wired.unchecked"))
		p.axe(at.lang + " cable")
		p.shot(at.lang + " " + at.theme + " cable")
		evalJS[bool](p, tapWired)
		evalJS[bool](p, `((s) => { s.value = "wifi"; s.dispatchEvent(new Event("change", { bubbles: true })); return true; })(document.querySelector("main select:has(option[value=wifi])"))`)
		p.press(say("admin.school.scan"))
		p.sees("Lycée – tous")
		p.press("Staff")
		p.sees(say("admin.school.unchecked"))
		p.fill(say("admin.net.country"), "fr")
		p.fill(say("admin.school.identity"), "box")
		p.fill(say("admin.school.password"), "a password")
		p.axe(at.lang + " join")
		p.shot(at.lang + " " + at.theme + " join")
		p.press(say("admin.net.change"))
		p.sees(say("admin.school.ask"))
		p.confirm(say("admin.net.change"))
		p.until("the change is sent", `window.asked.some((a) => a.includes("PUT") || a.includes("school"))`)
		sent := evalJS[string](p, `window.asked.join("\n")`)
		for _, part := range []string{`"mode":"wifi"`, `"country":"FR"`, `"ssid":"Staff"`, `"security":"peap"`, `"identity":"box"`, `"password":"a password"`} {
			if !strings.Contains(sent, part) {
				t.Errorf("%s: no %s was sent: %s", at.lang, part, sent)
			}
		}
		for _, s := range []network.State{
			{Config: network.Config{Mode: network.ModeWifi, School: school}, Ports: ports, School: "joined", Undo: 240},
			{Config: network.Config{Mode: network.ModeWifi, School: school}, Ports: refused, School: "ap", Code: "wifi_password"},
		} {
			p.now(map[string]any{"GET /api/admin/network": answer{true, s}})
			p.press(say("admin.refresh"))
			before, _, _ := strings.Cut(say("admin.school.now."+s.School), "{name}")
			p.sees(before + "Staff")
			if s.Code != "" {
				p.sees(say("err." + s.Code))
				p.sees(say("admin.wired.is." + s.Ports[0].SignIn))
			}
			p.axe(at.lang + " " + s.School)
			p.shot(at.lang + " " + at.theme + " " + s.School)
		}
		p.noFaults()
	}
}
