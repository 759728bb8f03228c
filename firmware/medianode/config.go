package medianode

import (
	"cmp"
	"net"
	"strconv"

	"github.com/livelearn/box/services/errs"
)

// Config configures the two media processes. One is active and one is the standby.
type Config struct {
	Off   bool   // no pictures and sound
	UDP   string // address of the first node's one port; default ":7443"; the second takes the next. Port 0 is any, as is one that is taken
	Alone bool   // no second node: half the memory, and pictures are away for seconds when it dies
	Plain bool   // the reference path: slow, for comparison
	NoGSO bool   // one send for each packet

	Memory   int // MiB that one node may use; default 512
	Capacity int // watchers that one node admits; 0: as many as a measurement at its start says

	Recordings int // MiB that all recordings may take, the oldest go first; default 8192
	Reserve    int // MiB of the disk that recordings leave to the lesson; default 1024
}

// WithDefaults fills empty fields.
func (m Config) WithDefaults() Config {
	m.UDP, m.Memory = cmp.Or(m.UDP, ":7443"), cmp.Or(m.Memory, 512)
	m.Recordings, m.Reserve = cmp.Or(m.Recordings, 8192), cmp.Or(m.Reserve, 1024)
	return m
}

const minMemory = 64 // MiB; the program and the buffers of its socket

// Validate refuses what cannot work.
func (m Config) Validate() error {
	m = m.WithDefaults()
	_, port, err := net.SplitHostPort(m.UDP)
	if n, e := strconv.Atoi(port); err != nil || e != nil || n < 0 || n > 65534 {
		return errs.NewField("firmware.Media", "media.udp", "bad_address", 0, `must be "host:port" or ":port" with a port up to 65534`)
	}
	if m.Memory < minMemory {
		return errs.NewField("firmware.Media", "media.memory", "too_small", minMemory, "must be at least %d MiB", minMemory)
	}
	if m.Recordings < 0 || m.Reserve < 0 {
		return errs.NewField("firmware.Media", "media.recordings", "negative", 0, "media.recordings and media.reserve must not be negative")
	}
	if m.Capacity < 0 {
		return errs.NewField("firmware.Media", "media.capacity", "negative", 0, "must not be negative")
	}
	return nil
}

// nodeAddress is that of node n, from 0: each has a port of its own.
func (m Config) nodeAddress(n int) string {
	host, port, _ := net.SplitHostPort(m.UDP)
	if p, _ := strconv.Atoi(port); p != 0 {
		port = strconv.Itoa(p + n)
	}
	return net.JoinHostPort(host, port)
}

// nodeNames are the names of the media processes. The first that is up is active.
func (m Config) nodeNames() []string {
	if m.Alone {
		return []string{"media-a"}
	}
	return []string{"media-a", "media-b"}
}
