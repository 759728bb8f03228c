//go:build !linux

package forward

import "net/netip"

const batchMethod = "write"

type destination struct{ addr netip.AddrPort }

func (d *destination) setAddr(a netip.AddrPort, six bool) {
	if !six {
		a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	}
	d.addr = a
}

type wire struct{}

func (*wire) attachConn(*Forwarder) {}

// addMessage sends each packet at once.
func (b *batch) addMessage(d *destination, queue []int) {
	for _, i := range queue {
		b.calls++
		if n, err := b.forwarder.conn.WriteToUDPAddrPort(b.packetAt(i), d.addr); err == nil {
			b.packets++
			b.bytes += uint64(n)
		} else {
			b.failed++
		}
	}
}

func (*wire) sendMessages(*batch) {}

func probeGSO() bool { return false }
