// Program radios is the first process of a machine with Debian's kernel that continues as the box of
// an image. It loads modules (four simulated radios among them), starts a pupil's tablet with the
// second radio and a school with the others in network namespaces, and hands the machine to the first
// process of the image on /dev/vda2.
//
//	/modules/order   names of modules, in the order in which they load
//	/station.conf    configuration of wpa_supplicant
//	/school/         files of hostapd for the Wi-Fis of the school
//
// The tablet uses wpa_supplicant and a DHCP client of its own, and writes what it gets to the console.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/mdlayher/wifi"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Parts of the machine. root is the second partition of a PC image.
const (
	root  = "/dev/vda2"
	radio = "wlan1"
)

func main() {
	run := startBox
	if len(os.Args) > 1 {
		run = map[string]func() error{"station": runStation, "school": runSchool}[os.Args[1]]
	}
	fmt.Println("radios: ended:", run())
	time.Sleep(time.Hour) // the end of the first process would be the end of the kernel, and of its messages
}

func startBox() error {
	for at, kind := range map[string]string{"/proc": "proc", "/sys": "sysfs", "/dev": "devtmpfs"} {
		_ = os.MkdirAll(at, 0o755)
		if err := unix.Mount(kind, at, kind, 0, ""); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
	}
	if err := loadModules(); err != nil {
		return err
	}
	if err := errors.Join(startApart("station", radio), startApart("school", schoolRadios...)); err != nil {
		return err
	}
	if err := mountRoot("/new"); err != nil {
		return err
	}
	for _, at := range []string{"/dev", "/sys", "/proc"} {
		if err := unix.Unmount(at, unix.MNT_DETACH); err != nil {
			return err
		}
	}
	if err := os.Chdir("/new"); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return err
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	return unix.Exec("/livelearn", []string{"/livelearn", "init"}, nil)
}

// mountRoot mounts the root file system of the image.
func mountRoot(at string) error {
	for {
		if _, err := os.Stat(root); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond) // the kernel looks for disks
	}
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	return unix.Mount(root, at, "squashfs", unix.MS_RDONLY, "")
}

func loadModules() error {
	list, err := os.ReadFile("/modules/order")
	if err != nil {
		return err
	}
	for _, name := range strings.Fields(string(list)) {
		f, err := os.Open("/modules/" + name + ".ko")
		if err != nil {
			return err
		}
		options := ""
		if name == "mac80211_hwsim" {
			options = "radios=4"
		}
		err = unix.FinitModule(int(f.Fd()), options, 0)
		_ = f.Close()
		if err != nil {
			return fmt.Errorf("module %s: %w", name, err)
		}
	}
	return nil
}

// startApart starts this program in a network namespace of its own, and gives it radios.
func startApart(what string, names ...string) error {
	cmd := exec.Command("/init", what)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
	cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS}
	if err := cmd.Start(); err != nil {
		return err
	}
	family, err := netlink.GenlFamilyGet("nl80211")
	if err != nil {
		return err
	}
	for _, name := range names {
		text, err := os.ReadFile("/sys/class/net/" + name + "/phy80211/index")
		if err != nil {
			return err
		}
		index, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
		if err != nil {
			return err
		}
		req := nl.NewNetlinkRequest(int(family.ID), unix.NLM_F_ACK)
		req.AddData(&nl.Genlmsg{Command: unix.NL80211_CMD_SET_WIPHY_NETNS})
		req.AddData(nl.NewRtAttr(unix.NL80211_ATTR_WIPHY, nl.Uint32Attr(uint32(index))))
		req.AddData(nl.NewRtAttr(unix.NL80211_ATTR_PID, nl.Uint32Attr(uint32(cmd.Process.Pid))))
		if _, err := req.Execute(unix.NETLINK_GENERIC, 0); err != nil {
			return err
		}
	}
	return nil
}

// waitLink waits until the other process has moved a radio here.
func waitLink(name string) netlink.Link {
	for {
		if link, err := netlink.LinkByName(name); err == nil {
			return link
		}
		time.Sleep(50 * time.Millisecond) // the other process works
	}
}

// runStation joins the Wi-Fi, gets an address and opens the page of the box, again and again, since
// the box may restart and the console may lose a line.
func runStation() error {
	link := waitLink(radio)
	tablet := exec.Command("/sbin/wpa_supplicant", "-i", radio, "-D", "nl80211", "-c", "/station.conf")
	tablet.Stdout, tablet.Stderr = os.Stdout, os.Stdout
	if err := tablet.Start(); err != nil {
		return err
	}
	for {
		if err := visit(link); err != nil {
			fmt.Println("station:", err)
		}
		time.Sleep(2 * time.Second) // real processes work
	}
}

// visit gets an address by DHCP and opens the page at the router's address.
func visit(link netlink.Link) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := nclient4.New(radio, nclient4.WithTimeout(2*time.Second), nclient4.WithRetry(2))
	if err != nil {
		return err
	}
	lease, err := c.Request(ctx)
	_ = c.Close()
	if err != nil {
		return err
	}
	ip := &net.IPNet{IP: lease.ACK.YourIPAddr, Mask: lease.ACK.SubnetMask()}
	if err := netlink.AddrReplace(link, &netlink.Addr{IPNet: ip}); err != nil {
		return err
	}
	for _, router := range lease.ACK.Router() {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+router.String()+"/", nil)
		if err != nil {
			return err
		}
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			return err
		}
		page, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return err
		}
		country, err := readCountry()
		if err != nil {
			return err
		}
		fmt.Printf("\r\nstation: %s got %d and %v from %s in %s\r\n", ip, resp.StatusCode, strings.Contains(string(page), "LiveLearn"), router, country)
	}
	return nil
}

// readCountry returns the country whose radio rules the kernel applies. It is 00 without a list of countries.
func readCountry() (string, error) {
	c, err := wifi.New()
	if err != nil {
		return "", err
	}
	rules, err := c.GetRegulatoryDomain()
	if err := errors.Join(err, c.Close()); err != nil {
		return "", err
	}
	return rules.Region, nil
}
