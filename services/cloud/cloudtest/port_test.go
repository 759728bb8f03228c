package cloudtest

import (
	"net"
	"testing"
)

// TestServersOfTwoProgramsNeverShareAPort gives a server ports that are taken: by another server, which
// has the same password, and by a program that never answers.
func TestServersOfTwoProgramsNeverShareAPort(t *testing.T) {
	bin := findPostgres(t)
	first := sharedServer(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	taken := []int{first.port, l.Addr().(*net.TCPAddr).Port}
	t.Cleanup(func() { choosePort = freePort })
	choosePort = func() (int, error) {
		if len(taken) == 0 {
			return freePort()
		}
		port := taken[0]
		taken = taken[1:]
		return port, nil
	}
	s, err := startServer(bin, false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	if s.port == first.port || len(taken) > 0 {
		t.Errorf("got the port %d of another server; %d ports were not tried", s.port, len(taken))
	}
}
