package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// schoolRadios are the access points of the school: /school/0.conf is for the first, and so on. Their
// networks are 10.20.0.0/24 and 10.21.0.0/24, in which the box gets the address 50.
var schoolRadios = []string{"wlan2", "wlan3"}

// runSchool opens the Wi-Fis of the school with hostapd of the image, gives out addresses and opens the
// page of the box wherever it is.
func runSchool() error {
	const home = "/image"
	if err := mountRoot(home); err != nil {
		return err
	}
	args := []string{"/usr/sbin/hostapd"}
	for i, name := range schoolRadios {
		link := waitLink(name)
		own := net.IPv4(10, byte(20+i), 0, 1)
		if err := netlink.AddrReplace(link, &netlink.Addr{IPNet: &net.IPNet{IP: own, Mask: net.CIDRMask(24, 32)}}); err != nil {
			return err
		}
		args = append(args, fmt.Sprintf("/run/%d.conf", i))
		go giveAddresses(name, own)
		go visitBox(net.IPv4(10, byte(20+i), 0, 50))
	}
	for at, kind := range map[string]string{"/dev": "devtmpfs", "/proc": "proc", "/sys": "sysfs", "/run": "tmpfs"} {
		if err := unix.Mount(kind, home+at, kind, 0, ""); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
	}
	if err := os.CopyFS(filepath.Join(home, "run"), os.DirFS("/school")); err != nil {
		return err
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
	cmd.SysProcAttr = &unix.SysProcAttr{Chroot: home}
	cmd.Dir = "/"
	return cmd.Run()
}

// giveAddresses gives the one machine of a network its address.
func giveAddresses(name string, own net.IP) {
	box := net.IPv4(own[12], own[13], own[14], 50)
	srv, err := server4.NewServer(name, nil, func(conn net.PacketConn, peer net.Addr, m *dhcpv4.DHCPv4) {
		kind := dhcpv4.MessageTypeOffer
		if m.MessageType() == dhcpv4.MessageTypeRequest {
			kind = dhcpv4.MessageTypeAck
		}
		reply, err := dhcpv4.NewReplyFromRequest(m, dhcpv4.WithMessageType(kind), dhcpv4.WithYourIP(box), dhcpv4.WithServerIP(own),
			dhcpv4.WithOption(dhcpv4.OptServerIdentifier(own)), dhcpv4.WithNetmask(net.CIDRMask(24, 32)), dhcpv4.WithLeaseTime(3600))
		if err == nil {
			_, err = conn.WriteTo(reply.ToBytes(), peer)
		}
		if err != nil {
			fmt.Println("school:", err)
		}
	})
	if err == nil {
		err = srv.Serve()
	}
	fmt.Println("school: no addresses:", err)
}

// visitBox opens the page of the box again and again, since the console may lose a line.
func visitBox(ip net.IP) {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for ; ; time.Sleep(2 * time.Second) { // real processes work
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+ip.String()+"/", nil)
		if err != nil {
			fmt.Println("school:", err)
			return
		}
		resp, err := client.Do(req)
		if err != nil {
			continue // it is not there yet
		}
		page, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		fmt.Printf("\r\nschool: got %d and %v from %s: %v\r\n", resp.StatusCode, strings.Contains(string(page), "LiveLearn"), ip, err)
	}
}
