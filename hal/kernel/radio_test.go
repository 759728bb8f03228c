package kernel

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/wifi"
	"golang.org/x/sys/unix"

	"github.com/livelearn/box/hal"
)

func TestRadiosTellWhatTheyCanDo(t *testing.T) {
	told := map[uint16][]byte{unix.NL80211_ATTR_MAX_AP_ASSOC_STA: binary.NativeEndian.AppendUint16(nil, 24)}
	phys := []*wifi.PHY{
		{Index: 1, SupportedIftypes: []wifi.InterfaceType{wifi.InterfaceTypeStation, wifi.InterfaceTypeAP}, Extra: told},
		{Index: 2, SupportedIftypes: []wifi.InterfaceType{wifi.InterfaceTypeStation}, Extra: map[uint16][]byte{unix.NL80211_ATTR_MAX_AP_ASSOC_STA: {1}}},
	}
	got := listRadios(phys, []*wifi.Interface{
		{Name: "wlan1", PHY: 2}, {Name: "", PHY: 1}, {Name: "wlan0", PHY: 1}, {Name: "wlan9\x1b", PHY: 7},
	})
	want := []hal.Radio{{Name: "wlan0", AP: true, Clients: 24}, {Name: "wlan1"}, {Name: "wlan9"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	list, err := wifiRadios{}.List() // on the machine that runs the test
	t.Logf("%+v, %v", list, err)
}
