package network

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mdlayher/wifi"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supplicant"
)

const (
	scanTimeout = 15 * time.Second
	maxFound    = 64 // networks in a list
)

// securityEnterprise is the security of a FoundWifi that asks for a name and a password: PEAP or TTLS.
const securityEnterprise = "enterprise"

// FoundWifi is a Wi-Fi in reach.
type FoundWifi struct {
	SSID     string `json:"ssid"`
	Signal   int    `json:"signal"`             // of its strongest access point, in dBm
	Security string `json:"security,omitempty"` // "psk" or "enterprise"; empty: the box cannot join, since it is open or old
}

// Scan returns the Wi-Fis in reach, the strongest first. A radio that is an access point may not be
// able to look for others.
func (n *Network) Scan(ctx context.Context) ([]FoundWifi, error) {
	port, err := firstRadio()
	if err != nil {
		return nil, err
	}
	setLinkUp(port)
	c, err := wifi.New()
	if err != nil {
		return nil, errs.New("network", errs.Down, fmt.Errorf("nl80211: %w", err))
	}
	defer func() { _ = c.Close() }()
	ifaces, err := c.Interfaces()
	if err != nil {
		return nil, errs.New("network", errs.Down, err)
	}
	at := slices.IndexFunc(ifaces, func(i *wifi.Interface) bool { return i.Name == port })
	if at < 0 {
		return nil, errs.NewCode("network", errs.Down, "no_radio", "there is no Wi-Fi")
	}
	ctx, cancel := context.WithTimeout(ctx, scanTimeout)
	defer cancel()
	scanned := c.Scan(ctx, ifaces[at])
	list, err := c.AccessPoints(ifaces[at])
	found := listFound(list)
	if err = cmp.Or(scanned, err); err != nil && len(found) == 0 {
		return nil, errs.NewCode("network", errs.Down, "no_scan", "the radio cannot look for other Wi-Fis now: %v", err)
	}
	return found, nil
}

// listFound merges the access points of one name.
func listFound(points []*wifi.BSS) []FoundWifi {
	byName := map[string]FoundWifi{}
	for _, p := range points {
		f := FoundWifi{SSID: p.SSID, Signal: int(p.Signal / 100), Security: securityOf(p.RSN.AKMs)}
		if old, ok := byName[p.SSID]; p.SSID == "" || ok && old.Signal >= f.Signal {
			continue // a hidden one has no name
		}
		byName[p.SSID] = f
	}
	list := slices.SortedFunc(maps.Values(byName), func(a, b FoundWifi) int {
		return cmp.Or(cmp.Compare(b.Signal, a.Signal), cmp.Compare(a.SSID, b.SSID))
	})
	return list[:min(len(list), maxFound)]
}

// securityOf returns how an access point lets people in.
func securityOf(keys []wifi.RSNAKM) string {
	for _, k := range keys {
		switch k {
		case wifi.RSNAkmPSK, wifi.RSNAkmPSKSHA256, wifi.RSNAkmSAE, wifi.RSNAkmFTPSK, wifi.RSNAkmFTSAE:
			return supplicant.SecurityPSK
		case wifi.RSNAkm8021X, wifi.RSNAkm8021XSHA256, wifi.RSNAkmFT8021X:
			return securityEnterprise
		}
	}
	return ""
}
