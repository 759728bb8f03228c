//go:build netns

package network

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/services/timetest"
)

// runIP runs the ip command of iproute2.
func runIP(t *testing.T, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}

// inNamespace runs the named test again in its own network and mount namespaces, which are the
// namespaces of the box. box0 is its port. The other end of the cable, far0, is in a namespace "far".
// It needs root.
func inNamespace(t *testing.T, body func(t *testing.T)) {
	if os.Getenv("LIVELEARN_NETNS") != "1" {
		t.Parallel() // the tests mostly wait for servers and clients
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), self, "-test.run", "^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), "LIVELEARN_NETNS=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("in a network namespace: %v\n%s", err, out)
		}
		t.Logf("%s", out)
		return
	}
	// Names of namespaces are mounts. Only this process sees ours.
	for _, at := range []string{"/run", "/etc"} {
		_ = syscall.Mount("", at, "", syscall.MS_PRIVATE|syscall.MS_REC, "") // an error means that it is not a mount
	}
	if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", "/run", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	runIP(t, "link set lo up")
	runIP(t, "netns add far")
	runIP(t, "link add box0 type veth peer name far0 netns far")
	runIP(t, "link set box0 up")
	runIP(t, "netns exec far ip link set lo up")
	runIP(t, "netns exec far ip link set far0 up")
	body(t)
}

// runFar runs a program at the other end of the cable and waits for it.
func runFar(t *testing.T, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timetest.Patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", "far"}, args...)...).CombinedOutput()
	return string(out), err
}

// startFar runs a program at the other end until the test ends.
func startFar(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command("ip", append([]string{"netns", "exec", "far"}, args...)...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
}

// serveNetwork runs a network until the test ends.
func serveNetwork(t *testing.T, cfg Config) *Network {
	t.Helper()
	return serveNetworkWithLog(t, cfg, os.Stdout)
}

func serveNetworkWithLog(t *testing.T, cfg Config, log io.Writer) *Network {
	t.Helper()
	n := New(cfg, Deps{
		Dir: t.TempDir(), Run: t.TempDir(), Log: slog.New(slog.NewTextHandler(log, nil)), Hostapd: "/nowhere", Supplicant: "/usr/sbin/wpa_supplicant",
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return n
}

// startDnsmasq starts the DHCP server of a school at the other end.
func startDnsmasq(t *testing.T) {
	t.Helper()
	runIP(t, "netns exec far ip addr add 192.0.2.1/24 dev far0")
	dir := t.TempDir()
	startFar(t, "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0", "--interface=far0", "--bind-interfaces", "--dhcp-range=192.0.2.50,192.0.2.59,1h",
		"--dhcp-option=option:router,192.0.2.1", "--dhcp-leasefile="+filepath.Join(dir, "leases"), "--log-dhcp", "--user=root", "--pid-file=")
}

func TestAsAGuestTheBoxTakesWhatTheSchoolGives(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		startDnsmasq(t)
		n := serveNetwork(t, Config{})
		timetest.WaitUntil(t, "an address by DHCP", func() bool {
			s := n.State()
			return len(s.Ports) == 1 && s.Ports[0].From == "dhcp" && strings.HasPrefix(strings.Join(s.Ports[0].Address, ""), "192.0.2.5")
		})
		// As a guest we do not listen for DHCP or DNS.
		for _, table := range []string{"/proc/net/udp", "/proc/net/tcp"} {
			text, err := os.ReadFile(table)
			if err != nil {
				t.Fatal(err)
			}
			for _, port := range []string{":0043 ", ":0035 "} {
				if strings.Contains(string(text), port) {
					t.Errorf("a guest listens on port %s of %s", port, table)
				}
			}
		}
	})
}

func TestWithANetworkOfItsOwnAClientGetsAllItNeeds(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		n := serveNetwork(t, Config{Mode: ModeOwn, Address: "10.10.0.1/24"})
		timetest.WaitUntil(t, "our own address", func() bool { s := n.State(); return len(s.Ports) == 1 && s.Ports[0].From == "own" })
		l, err := net.Listen("tcp", "10.10.0.1:80")
		if err != nil {
			t.Fatal(err)
		}
		captive := NewCaptive("livelearn.home")
		srv := &http.Server{Handler: captive.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "the box") }))}
		go func() { _ = srv.Serve(l) }()
		t.Cleanup(func() { _ = srv.Close() })
		script := filepath.Join(t.TempDir(), "script")
		if err := os.WriteFile(script, []byte("#!/bin/sh\n[ \"$1\" = bound ] || exit 0\nip addr add $ip/$mask dev $interface\nip route add default via $router\nmkdir -p /run/far\necho \"nameserver $dns\" > /run/far/resolv.conf\necho \"$domain\" > /run/far/domain\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		out := ""
		timetest.WaitUntil(t, "an address for the client", func() bool {
			out, err = runFar(t, "busybox", "udhcpc", "-i", "far0", "-q", "-n", "-f", "-t", "5", "-s", script)
			return err == nil
		})
		if s := n.State(); s.Leases != 1 {
			t.Errorf("%d leases\n%s", s.Leases, out)
		}
		if out, err := runFar(t, "busybox", "nslookup", "livelearn.home", "10.10.0.1"); err != nil || !strings.Contains(out, "10.10.0.1") {
			t.Errorf("the name: %v\n%s", err, out)
		}
		if out, err := runFar(t, "busybox", "nslookup", "example.org", "10.10.0.1"); err == nil && !strings.Contains(out, "NXDOMAIN") {
			t.Errorf("a foreign name: %s", out)
		}
		get := func(host, path string) string {
			out, _ := runFar(t, "busybox", "wget", "-q", "-O", "-", "-S", "--header", "Host: "+host, "http://10.10.0.1"+path) // it shows what it got
			return out
		}
		if out := get("connectivitycheck.gstatic.com", "/generate_204"); !strings.Contains(out, "302 Found") || !strings.Contains(out, "http://livelearn.home/") {
			t.Errorf("the first probe: %s", out)
		}
		if out := get("livelearn.home", "/"); !strings.Contains(out, "the box") {
			t.Errorf("the page: %s", out)
		}
		if out := get("connectivitycheck.gstatic.com", "/generate_204"); !strings.Contains(out, "204 No Content") {
			t.Errorf("the probe after the page: %s", out)
		}
	})
}

func TestWhereSomebodyGivesAddressesTheBoxStaysAGuest(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		startDnsmasq(t)
		time.Sleep(500 * time.Millisecond) // wait for a real server
		n := serveNetwork(t, Config{Mode: ModeOwn})
		timetest.WaitUntil(t, "the refusal, and an address all the same", func() bool {
			s := n.State()
			return s.Code == "foreign_dhcp" && len(s.Ports) == 1 && s.Ports[0].From == "dhcp"
		})
	})
}

func TestWithoutAServerTheBoxMakesAnAddressUp(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		n := serveNetwork(t, Config{Mode: ModeAP, SSID: "x", Key: "12345678"})
		if timetest.WaitUntil(t, "an address of 169.254", func() bool {
			s := n.State()
			return len(s.Ports) == 1 && s.Ports[0].From == "link-local" && strings.HasPrefix(s.Ports[0].Address[0], "169.254.")
		}); n.State().Code != "no_hostapd" {
			t.Errorf("%+v", n.State())
		}
	})
}

func TestACableThatAsksForASignInIsNoticed(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		runIP(t, "link add pae0 type veth peer name pae1")
		runIP(t, "link set pae0 up")
		runIP(t, "link set pae1 up")
		short, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if asked, err := AsksForSignIn(short, "pae0"); asked || err != nil {
			t.Fatalf("nobody asks: %v %v", asked, err)
		}
		far, err := net.InterfaceByName("pae1")
		if err != nil {
			t.Fatal(err)
		}
		fd, err := openPAE(far.Index)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		ctx, stop := context.WithTimeout(t.Context(), timetest.Patience)
		go func() { // the switch: it answers a start with the question who is there
			defer close(done)
			defer func() { _ = syscall.Close(fd) }()
			b := make([]byte, 100)
			for ctx.Err() == nil {
				n, from, err := unix.Recvfrom(fd, b, 0)
				if at, ok := from.(*unix.SockaddrLinklayer); err == nil && ok && n >= 4 && b[1] == eapolStart && at.Ifindex == far.Index {
					_ = unix.Sendto(fd, []byte{2, eapolPacket, 0, 5, eapRequest, 1, 0, 5, 1}, 0, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_PAE), Ifindex: far.Index, Halen: 6, Addr: at.Addr})
				}
			}
		}()
		asked, err := AsksForSignIn(ctx, "pae0")
		stop()
		<-done
		if !asked || err != nil {
			t.Errorf("the switch asks: %v %v", asked, err)
		}
	})
}

func TestWhoGivesAddressesIsFound(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		if found, err := DHCPServers(t.Context(), "box0", 500*time.Millisecond); len(found) != 0 || err != nil {
			t.Fatalf("nobody gives any: %v %v", found, err)
		}
		startDnsmasq(t)
		runIP(t, "addr add 192.0.2.9/24 dev box0 valid_lft 3600 preferred_lft 3600")
		runIP(t, "addr add 198.51.100.9/24 dev box0")
		timetest.WaitUntil(t, "the server", func() bool {
			found, err := DHCPServers(t.Context(), "box0", time.Second)
			return err == nil && len(found) == 1 && found[0] == "192.0.2.1"
		})
		ports, err := CabledPorts()
		if err != nil || len(ports) != 1 || len(ports[0].Addresses) != 2 {
			t.Fatalf("%v: %v", ports, err)
		}
		for _, a := range ports[0].Addresses {
			if a.Leased != (a.Prefix.String() == "192.0.2.9/24") {
				t.Errorf("%v leased: %v", a.Prefix, a.Leased)
			}
		}
	})
}
