package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/network"
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
