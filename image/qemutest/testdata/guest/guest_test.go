//go:build qemu

// Package guest is a test program that runs as the first process of an emulated machine with
// Debian's kernel. Package hal uses the real drivers of that kernel.
package guest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/i2c/i2ctest"
	"periph.io/x/host/v3/sysfs"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/boards"
	"github.com/livelearn/box/hal/haltest"
	"github.com/livelearn/box/hal/screen"
	"github.com/livelearn/box/services/network"
)

const heard = "/sys/kernel/debug/i2c-ear"

// drivers are loaded in this order.
var drivers = []struct{ name, params string }{
	{"i2c-dev", ""},
	{"i2c-ear", ""}, // bus 1
	{"i2c-stub", "chip_addr=0x68"},
	{"rtc-ds1307", ""},
	{"watchdog", ""},
	{"softdog", ""},
	{"ctr", ""},
	{"ccm", ""}, // the ciphers of Wi-Fi, which modprobe would load
	{"cmac", ""},
	{"rfkill", ""},
	{"libarc4", ""},
	{"cfg80211", ""},
	{"mac80211", ""},
	{"virtio_ring", ""},
	{"virtio", ""},
	{"mac80211_hwsim", "radios=2"},
}

func TestMain(m *testing.M) {
	if os.Getpid() != 1 {
		fmt.Println("this is the first process of a machine of its own: go test -tags qemu,debian ./image/qemutest")
		os.Exit(1)
	}
	if err := prepare(); err != nil {
		fmt.Println("guest:", err)
	}
	fmt.Println("guest: ended with", m.Run())
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

func prepare() error {
	var faults []error
	for at, kind := range map[string]string{"/proc": "proc", "/sys": "sysfs", "/dev": "devtmpfs", "/tmp": "tmpfs"} {
		_ = os.MkdirAll(at, 0o755)
		faults = append(faults, unix.Mount(kind, at, kind, 0, ""))
	}
	faults = append(faults, unix.Mount("debugfs", "/sys/kernel/debug", "debugfs", 0, ""))
	for _, d := range drivers {
		f, err := os.Open("/modules/" + d.name + ".ko")
		if err == nil {
			err = unix.FinitModule(int(f.Fd()), d.params, 0)
			_ = f.Close()
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", d.name, err))
		}
	}
	return errors.Join(faults...)
}

// TestTheMachinePassesTheSuite tests the devices that the probe of the machine finds: the watchdog,
// the clock of a PC, and the simulated radios of the kernel.
func TestTheMachinePassesTheSuite(t *testing.T) {
	b := boards.Probe(os.DirFS("/"))
	if b.Watchdog == nil || b.RTC == nil || b.Radios == nil {
		t.Errorf("missing: watchdog %v, clock %v, radios %v", b.Watchdog == nil, b.RTC == nil, b.Radios == nil)
	}
	haltest.TestBoard(t, b, haltest.Operator{})
	if list, err := b.Radios.List(); err != nil || len(list) != 2 || !list[0].AP {
		t.Errorf("radios: %+v, %v, want two that can be access points", list, err)
	}
}

// TestAClockOnI2C uses the kernel's driver of a DS1307 on its stub of a bus.
func TestAClockOnI2C(t *testing.T) {
	buses, err := filepath.Glob("/sys/class/i2c-adapter/i2c-*")
	if err != nil {
		t.Fatal(err)
	}
	for _, bus := range buses {
		if name, _ := os.ReadFile(bus + "/name"); strings.HasPrefix(string(name), "SMBus stub") {
			if err := os.WriteFile(bus+"/new_device", []byte("ds1307 0x68"), 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	clocks, _ := filepath.Glob("/sys/class/rtc/rtc*") // the pattern is correct
	for _, c := range clocks {
		if name, _ := os.ReadFile(c + "/name"); strings.HasPrefix(string(name), "rtc-ds1307") {
			clock := hal.DeviceRTC("/dev/" + filepath.Base(c))
			if _, err := clock.Read(); !errors.Is(err, hal.ErrUnset) {
				t.Errorf("a clock that never had power: got %v, want unset", err)
			}
			haltest.TestBoard(t, hal.Board{Name: "ds1307", RTC: clock}, haltest.Operator{})
			return
		}
	}
	t.Fatalf("no clock among %v", clocks)
}

// TestADisplayOnI2C shows a page through /dev/i2c-1 of the kernel, and compares the traffic with a
// bus in memory.
func TestADisplayOnI2C(t *testing.T) {
	d := screen.NewOLED(func() (i2c.BusCloser, error) { return sysfs.NewI2C(1) })
	if !d.IsPresent() {
		t.Fatal("no display answers")
	}
	page := hal.Page{Title: "LiveLearn Box", Lines: []string{"Claim   ABCD2345"}, QR: "http://192.0.2.1", State: "ready"}
	if err := d.Show(page); err != nil {
		t.Fatal(err)
	}
	record := &memory{}
	if err := screen.NewOLED(func() (i2c.BusCloser, error) { return record, nil }).Show(page); err != nil {
		t.Fatal(err)
	}
	var want []byte
	for _, o := range record.Ops {
		want = append(binary.BigEndian.AppendUint16(want, uint16(len(o.W))), o.W...)
	}
	got, err := os.ReadFile(heard)
	if err != nil || len(want) < 1024 || !bytes.Equal(got, want) {
		t.Errorf("%d bytes were heard, %d are right: %v", len(got), len(want), err)
	}
	haltest.TestBoard(t, hal.Board{Name: "oled", Display: d}, haltest.Operator{})
}

type memory struct{ i2ctest.Record }

func (*memory) Close() error { return nil }

// client is the configuration of a pupil's tablet: WPA2 for old ones, WPA3 for new ones.
var client = map[string]string{
	"WPA2": "key_mgmt=WPA-PSK\npsk=\"%s\"",
	"WPA3": "key_mgmt=SAE\nieee80211w=2\nsae_password=\"%s\"",
}

// TestAnAccessPoint runs hostapd on the first radio with the configuration of services/network. A
// third-party client joins with the second radio and gets an address.
func TestAnAccessPoint(t *testing.T) {
	const ssid, key = "Box of 7B", "correct horse battery"
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	n := network.New(network.Config{Mode: network.ModeAP, SSID: ssid, Key: key}, network.Deps{
		Dir: t.TempDir(), Run: t.TempDir(), Hostapd: "/usr/sbin/hostapd", Log: slog.New(slog.NewTextHandler(os.Stdout, nil)),
	})
	go func() { done <- n.Serve(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	for name, keys := range client {
		t.Run(name, func(t *testing.T) {
			conf := filepath.Join(t.TempDir(), "conf")
			text := fmt.Sprintf("network={\nssid=\"%s\"\n"+keys+"\n}\n", ssid, key)
			if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			tablet := exec.CommandContext(t.Context(), "/sbin/wpa_supplicant", "-i", "wlan1", "-D", "nl80211", "-c", conf)
			tablet.Stdout, tablet.Stderr = os.Stdout, os.Stdout
			if err := tablet.Start(); err != nil {
				t.Fatal(err)
			}
			address(t, "wlan1")
			_ = tablet.Process.Signal(unix.SIGTERM) // it leaves the network
			_ = tablet.Wait()
			for end := time.Now().Add(time.Minute); up("wlan1") && time.Now().Before(end); {
				time.Sleep(100 * time.Millisecond) // the kernel and two programs work
			}
			if up("wlan1") {
				t.Error("it is still there")
			}
		})
	}
	if s := n.State(); s.Code != "" || s.Leases != 1 {
		t.Errorf("%+v", s)
	}
}

// up reports whether a port is connected.
func up(port string) bool {
	state, _ := os.ReadFile("/sys/class/net/" + port + "/operstate") // an absent port is down
	return strings.TrimSpace(string(state)) == "up"
}

// address waits until the interface gets an address by DHCP.
func address(t *testing.T, port string) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(time.Second) { // the kernel and two programs work
		if !up(port) {
			continue
		}
		c, err := nclient4.New(port, nclient4.WithTimeout(2*time.Second), nclient4.WithRetry(2))
		if err != nil {
			continue
		}
		lease, err := c.Request(t.Context())
		_ = c.Close()
		if err == nil && (&net.IPNet{IP: net.IPv4(10, 10, 0, 0), Mask: net.CIDRMask(20, 32)}).Contains(lease.ACK.YourIPAddr) {
			return
		}
		t.Log(lease, err)
	}
	t.Error("no address")
}
