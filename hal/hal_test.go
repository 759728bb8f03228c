package hal_test

import (
	"net"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/livelearn/box/hal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rootFS returns a root folder of files by name.
func rootFS(files map[string]string) fstest.MapFS {
	root := fstest.MapFS{}
	for name, data := range files {
		root[name] = &fstest.MapFile{Data: []byte(data)}
	}
	return root
}

const (
	zone0     = "sys/class/thermal/thermal_zone0/"
	zone1     = "sys/class/thermal/thermal_zone1/"
	cooling   = "sys/class/thermal/cooling_device0/"
	throttled = "sys/devices/platform/soc/soc:firmware/get_throttled"
)

func TestHeatIsWhatTheKernelTells(t *testing.T) {
	cpu := hal.Zone{Name: "cpu-thermal", Temp: 48_312}
	for name, c := range map[string]struct {
		files map[string]string
		want  hal.Heat
	}{
		"a zone": {map[string]string{zone0 + "type": "cpu-thermal\n", zone0 + "temp": "48312\n"}, hal.Heat{Zones: []hal.Zone{cpu}}},
		"the lowest passive trip point": {
			map[string]string{
				zone0 + "type": "cpu-thermal", zone0 + "temp": "48312",
				zone0 + "trip_point_0_type": "critical", zone0 + "trip_point_0_temp": "110000",
				zone0 + "trip_point_1_type": "passive", zone0 + "trip_point_1_temp": "85000",
				zone0 + "trip_point_2_type": "passive", zone0 + "trip_point_2_temp": "80000",
			},
			hal.Heat{Zones: []hal.Zone{{Name: "cpu-thermal", Temp: 48_312, Hot: 80_000}}},
		},
		"a broken zone is left out": {
			map[string]string{zone0 + "temp": "what", zone1 + "type": "cpu-thermal", zone1 + "temp": "48312", "sys/class/thermal/thermal_zone2/temp": "999999999"},
			hal.Heat{Zones: []hal.Zone{cpu}},
		},
		"a clock held down": {
			map[string]string{zone0 + "type": "cpu-thermal", zone0 + "temp": "48312", cooling + "type": "cpufreq-cpu0", cooling + "cur_state": "2"},
			hal.Heat{Zones: []hal.Zone{cpu}, Throttled: true},
		},
		"a fan is no slow clock": {
			map[string]string{zone0 + "type": "cpu-thermal", zone0 + "temp": "48312", cooling + "type": "pwm-fan", cooling + "cur_state": "2"},
			hal.Heat{Zones: []hal.Zone{cpu}},
		},
		"a Pi at ease":                     {map[string]string{throttled: "0\n"}, hal.Heat{}},
		"a Pi with a weak supply, earlier": {map[string]string{throttled: "10000\n"}, hal.Heat{UnderVoltage: true}},
		"a Pi with a weak supply":          {map[string]string{throttled: "0x1\n"}, hal.Heat{UnderVoltage: true}},
		"a Pi that is slow":                {map[string]string{throttled: "60006\n"}, hal.Heat{Throttled: true, WasThrottled: true}},
		"a Pi that is warm":                {map[string]string{throttled: "8\n"}, hal.Heat{Throttled: true}},
		"a Pi that talks nonsense":         {map[string]string{throttled: "zzz\n"}, hal.Heat{}},
	} {
		th := hal.NewThermal(rootFS(c.files))
		if th == nil {
			t.Errorf("%s: no thermometer", name)
			continue
		}
		if diff := cmp.Diff(c.want, th.Heat()); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	if th := hal.NewThermal(fstest.MapFS{}); th != nil {
		t.Error("a machine without thermometers has one")
	}
}

func TestHottestZoneIsFound(t *testing.T) {
	h := hal.Heat{Zones: []hal.Zone{{Name: "a", Temp: -5_000}, {Name: "b", Temp: 70_400}, {Name: "c", Temp: 3}}}
	if z, ok := h.Hottest(); !ok || z.Name != "b" || z.Temp.String() != "70 °C" {
		t.Errorf("got %v, %v", z, ok)
	}
	if _, ok := (hal.Heat{}).Hottest(); ok {
		t.Error("the hottest of no zone")
	}
}

func TestCPUIsWhatTheKernelTells(t *testing.T) {
	for info, want := range map[string]string{
		"processor\t: 0\nmodel name\t: AMD EPYC\x1b[1m 7B13\nflags\t: aes\n":            "AMD EPYC[1m 7B13",
		"processor\t: 0\nFeatures\t: fp\n\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n": "Raspberry Pi 4 Model B Rev 1.4",
		"": "",
	} {
		c := hal.ReadCPU(rootFS(map[string]string{"proc/cpuinfo": info}))
		if c.Model != want || c.Cores < 1 || c.Arch == "" {
			t.Errorf("%q: got %+v, want the model %q", info, c, want)
		}
	}
	c := hal.ReadCPU(os.DirFS("/"))
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Skip(err)
	}
	if c.Arch == "amd64" && c.AES != strings.Contains(string(info), " aes ") {
		t.Errorf("got AES %v, the kernel says otherwise", c.AES)
	}
	t.Logf("%+v", c)
}

func TestCPUNamesWhatIsMissing(t *testing.T) {
	if got := (hal.CPU{}).MissingInstructions(); len(got) != 3 {
		t.Errorf("got %v, want three", got)
	}
	c := hal.CPU{AES: true, CLMul: true, SHA1: true}
	if got := c.MissingInstructions(); got != nil || !c.GCM() {
		t.Errorf("got %v, GCM %v", got, c.GCM())
	}
}

func TestLoopbackDoesGSO(t *testing.T) {
	o, err := hal.ReadOffloads("lo")
	if err != nil {
		t.Skip(err)
	}
	t.Logf("%+v", o)
	if o.GSO != hal.Yes {
		t.Errorf("GSO on loopback: %v; it works since Linux 4.18", o.GSO)
	}
	if o.Checksum != hal.Yes {
		t.Errorf("checksums on loopback: %v, want yes", o.Checksum)
	}
}

func TestEveryInterfaceAnswers(t *testing.T) {
	all, err := net.Interfaces()
	if err != nil {
		t.Skip(err)
	}
	for _, i := range all {
		o, err := hal.ReadOffloads(i.Name)
		if err != nil || o.Interface != i.Name {
			t.Errorf("%s: got %+v, %v", i.Name, o, err)
		}
		t.Logf("%+v", o)
	}
	for _, name := range []string{"", "none0", strings.Repeat("x", 100)} {
		if o, err := hal.ReadOffloads(name); err == nil || o.GSO != hal.Unknown {
			t.Errorf("%.10q: got %+v, %v, want an error", name, o, err)
		}
	}
}

func TestAnswersAreWords(t *testing.T) {
	for a, want := range map[hal.Answer]string{hal.Unknown: "not known", hal.No: "no", hal.Yes: "yes"} {
		if got := a.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func FuzzHeat(f *testing.F) {
	f.Add("cpu-thermal", "48312", "passive", "60006")
	f.Add("\x00\xff", "-999999999999999999999", "", "0x")
	f.Fuzz(func(t *testing.T, kind, number, trip, flags string) {
		th := hal.NewThermal(rootFS(map[string]string{
			zone0 + "type": kind, zone0 + "temp": number, zone0 + "trip_point_0_type": trip, zone0 + "trip_point_0_temp": number,
			cooling + "type": kind, cooling + "cur_state": number, throttled: flags,
		}))
		if th == nil {
			return
		}
		for _, z := range th.Heat().Zones {
			if len(z.Name) > 64 || strings.ContainsAny(z.Name, "\x00\n\x1b") || z.Temp > 200_000 || z.Temp < -200_000 {
				t.Errorf("%+v", z)
			}
		}
	})
}

func FuzzCPU(f *testing.F) {
	f.Add("model name\t: x\nflags\t: sha_ni\n")
	f.Add(":\n::::\nModel")
	f.Fuzz(func(t *testing.T, info string) {
		c := hal.ReadCPU(rootFS(map[string]string{"proc/cpuinfo": info}))
		if len(c.Model) > 64 || strings.ContainsAny(c.Model, "\x00\n\x1b") {
			t.Errorf("%q", c.Model)
		}
	})
}
