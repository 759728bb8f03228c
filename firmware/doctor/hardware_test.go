package doctor

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/health"
)

func TestDoctorTellsOfTheHardware(t *testing.T) {
	pi := hal.CPU{Model: "Raspberry Pi 4 Model B", Arch: "arm64", Cores: 4}
	strong := hal.CPU{Arch: "arm64", Cores: 4, AES: true, CLMul: true, SHA1: true}
	zone := []hal.Zone{{Name: "cpu-thermal", Temp: 61_200}}
	for _, c := range []struct {
		got  Finding
		want health.Level
		text string
	}{
		{checkCPU(pi), health.Warn, "Raspberry Pi 4 Model B, 4 cores, without instructions for AES"},
		{checkCPU(strong), health.OK, "arm64, 4 cores, with instructions"},
		{checkOffload(hal.Offloads{Interface: "eth0", GSO: hal.Yes, Segments: hal.No}), health.OK, "network eth0: packets of a picture sent at once (GSO): yes; cut by the adapter: no; checksums by the adapter: not known"},
		{checkOffload(hal.Offloads{Interface: "eth0", GSO: hal.No}), health.Warn, "(GSO): no"},
		{checkOffload(hal.Offloads{Interface: "eth0"}), health.OK, "(GSO): not known"},
		{checkHeat(hal.Heat{Zones: zone}), health.OK, "61 °C at cpu-thermal"},
		{checkHeat(hal.Heat{Zones: zone, Throttled: true}), health.Warn, "is slowed down"},
		{checkHeat(hal.Heat{Zones: zone, WasThrottled: true}), health.Warn, "was slowed down"},
		{checkWear(hal.Medium{Name: "mmcblk0", Kind: "SD"}), health.OK, "storage mmcblk0 (SD): it does not report its wear"},
		{checkWear(hal.Medium{Name: "mmcblk0", Kind: "MMC", Used: 30, Wear: hal.WearLow}), health.OK, "at most 80 % of its life is used (it reports at most 30 %)"},
		{checkWear(hal.Medium{Name: "mmcblk0", Kind: "MMC", Used: 90, Wear: hal.WearHigh}), health.Warn, "more than 80 % of its life"},
		{checkWear(hal.Medium{Name: "mmcblk0", Kind: "MMC", Used: 110, Wear: hal.WearOver}), health.Warn, "its life is used up"},
		{checkHeat(hal.Heat{UnderVoltage: true}), health.Warn, "not known; the power supply"},
	} {
		if c.got.Level != c.want || !strings.Contains(c.got.What, c.text) || (c.want == health.OK) != (c.got.Remedy == "") {
			t.Errorf("got %+v, want level %v and %q", c.got, c.want, c.text)
		}
	}
}

func TestDoctorTellsOfThisMachine(t *testing.T) {
	if testing.Short() {
		t.Skip("measures for a fifth of a second")
	}
	list := append(checkHardware(hal.Board{}, os.DirFS("/")), checkCapacity(t.Context()))
	for _, f := range list {
		t.Logf("%v %s", f.Level, f.What)
		if (f.Level == health.OK) != (f.Remedy == "") {
			t.Errorf("%+v: what is wrong has a way to mend it, and what is right has none", f)
		}
	}
	if last := list[len(list)-1]; !strings.Contains(last.What, "viewers of one video") {
		t.Errorf("the capacity is not told: %+v", last)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if f := checkCapacity(ctx); f.Level != health.Warn {
		t.Errorf("a measurement that was cut short: %+v", f)
	}
}
