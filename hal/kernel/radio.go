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

// Radios are the Wi-Fi interfaces of this machine, by nl80211.
type Radios struct{}

// List implements hal.Radios.
func (Radios) List() ([]hal.Radio, error) {
	c, err := wifi.New()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // no driver of one is loaded
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
	return radios(phys, ifaces), nil
}

// radios tells of each interface what its device can do.
func radios(phys []*wifi.PHY, ifaces []*wifi.Interface) (list []hal.Radio) {
	for _, i := range ifaces {
		if i.Name == "" {
			continue // a device for peer to peer, not an interface
		}
		r := hal.Radio{Name: hal.Word(i.Name)}
		if n := slices.IndexFunc(phys, func(p *wifi.PHY) bool { return p.Index == i.PHY }); n >= 0 {
			r.AP = slices.Contains(phys[n].SupportedIftypes, wifi.InterfaceTypeAP)
			r.Clients = clients(phys[n])
		}
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b hal.Radio) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// clients is how many stations a device carries, 0 if its driver does not tell.
func clients(p *wifi.PHY) int {
	if told := p.Extra[unix.NL80211_ATTR_MAX_AP_ASSOC_STA]; len(told) == 2 {
		return int(binary.NativeEndian.Uint16(told))
	}
	return 0
}
