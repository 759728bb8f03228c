//go:build !linux

package forward

import "net/netip"

const batchWay = "write"

type destination struct{ addr netip.AddrPort }

func (d *destination) set(a netip.AddrPort, six bool) {
	if !six {
		a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	}
	d.addr = a
}

type wire struct{}

func (*wire) init(*Works) {}

// add sends each packet at once.
func (b *batch) add(d *destination, queue []int) {
	for _, i := range queue {
		b.calls++
		if n, err := b.works.conn.WriteToUDPAddrPort(b.packet(i), d.addr); err == nil {
			b.packets++
			b.bytes += uint64(n)
		} else {
			b.failed++
		}
	}
}

func (*wire) send(*batch) {}

func probeGSO() bool { return false }
