package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/mdlayher/wifi"
	"golang.org/x/sys/unix"

	"github.com/livelearn/box/hal"
)

// wifiRadios are the Wi-Fi interfaces of this machine, by nl80211.
type wifiRadios struct{}

// List implements hal.Radios.
func (wifiRadios) List() ([]hal.Radio, error) {
	c, err := wifi.New()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // no Wi-Fi driver is loaded
	}
	if err != nil {
		return nil, fmt.Errorf("nl80211: %w", err)
	}
	defer func() { _ = c.Close() }()
	phys, err := c.PHYs()
	if err != nil {
		return nil, fmt.Errorf("nl80211: %w", err)
	}
	ifaces, err := c.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("nl80211: %w", err)
	}
	return listRadios(phys, ifaces), nil
}

// listRadios describes each interface with the abilities of its device.
func listRadios(phys []*wifi.PHY, ifaces []*wifi.Interface) (list []hal.Radio) {
	for _, i := range ifaces {
		if i.Name == "" {
			continue // a peer-to-peer device without an interface
		}
		r := hal.Radio{Name: hal.CleanWord(i.Name)}
		if n := slices.IndexFunc(phys, func(p *wifi.PHY) bool { return p.Index == i.PHY }); n >= 0 {
			r.AP = slices.Contains(phys[n].SupportedIftypes, wifi.InterfaceTypeAP)
			r.Clients = maxClients(phys[n])
		}
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b hal.Radio) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// maxClients returns the limit of clients of a device, 0 if its driver does not report one.
func maxClients(p *wifi.PHY) int {
	if limit := p.Extra[unix.NL80211_ATTR_MAX_AP_ASSOC_STA]; len(limit) == 2 {
		return int(binary.NativeEndian.Uint16(limit))
	}
	return 0
}
