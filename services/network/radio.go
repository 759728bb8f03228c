package network

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/mdlayher/wifi"
	"golang.org/x/sys/unix"
)

// piStations is how many devices the radio of a Raspberry Pi holds with its maker's firmware: 7 to
// 10, and its driver does not tell.
const piStations = 8

// Stations are the devices on an access point.
type Stations struct {
	Now int `json:"now"`
	Max int `json:"max,omitempty"` // about; 0: not known
}

// reloadRegulatory makes the kernel read regulatory.db. A kernel with Wi-Fi built in looks for it
// before the root file system is there, and knows no country without it.
func reloadRegulatory() error {
	c, err := wifi.New()
	if err != nil {
		return fmt.Errorf("nl80211: %w", err)
	}
	return errors.Join(c.ReloadRegulatoryDatabase(), c.Close())
}

// readStations returns the devices on the access point of a port, nil if the driver does not tell.
func readStations(port string) *Stations {
	c, err := wifi.New()
	if err != nil {
		return nil
	}
	defer func() { _ = c.Close() }()
	ifaces, err := c.Interfaces()
	if err != nil {
		return nil
	}
	at := slices.IndexFunc(ifaces, func(i *wifi.Interface) bool { return i.Name == port })
	if at < 0 || ifaces[at].Type != wifi.InterfaceTypeAP {
		return nil
	}
	list, err := c.StationInfo(ifaces[at])
	if err != nil {
		return nil
	}
	s := &Stations{Now: len(list)}
	if isBroadcom(port) {
		s.Max = piStations
	} else if phys, err := c.PHYs(); err == nil {
		s.Max = maxStations(phys, ifaces[at].PHY)
	}
	return s
}

// maxStations returns the limit that the driver of a radio reports, and 0 if it reports none.
func maxStations(phys []*wifi.PHY, index int) int {
	for _, p := range phys {
		if limit := p.Extra[unix.NL80211_ATTR_MAX_AP_ASSOC_STA]; p.Index == index && len(limit) == 2 {
			return int(binary.NativeEndian.Uint16(limit))
		}
	}
	return 0
}
