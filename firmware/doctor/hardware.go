package doctor

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"runtime"
	"strings"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/media/capacity"
)

// checkHardware is what the board, whose root folder is root, takes off the processor, and
// how it bears its work.
func checkHardware(board hal.Board, root fs.FS) []Finding {
	list := append([]Finding{checkCPU(hal.ReadCPU(root))}, checkOffloads()...)
	if board.Thermal != nil {
		list = append(list, checkHeat(board.Thermal.Heat()))
	}
	if board.Storage != nil {
		for _, m := range board.Storage.List() {
			list = append(list, checkWear(m))
		}
	}
	return list
}

func checkCPU(c hal.CPU) Finding {
	name := c.Model
	if name == "" {
		name = c.Arch
	}
	if missing := c.MissingInstructions(); !c.GCM() {
		return warnFinding("for many viewers of video use a board whose processor has them, such as a Raspberry Pi 5; all else is as fast without",
			"%s, %d cores, without instructions for %s: encrypting video takes several times the work", name, c.Cores, strings.Join(missing, " and "))
	}
	return okFinding("%s, %d cores, with instructions for encryption", name, c.Cores)
}

// checkOffloads looks at the networks that a browser may come from.
func checkOffloads() (list []Finding) {
	all, err := net.Interfaces()
	if err != nil {
		return []Finding{warnFinding("check that the program may see the network", "the network interfaces are not known: %v", err)}
	}
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		if addrs, err := i.Addrs(); err != nil || len(addrs) == 0 {
			continue
		}
		if o, err := hal.ReadOffloads(i.Name); err == nil {
			list = append(list, checkOffload(o))
		}
	}
	return list
}

func checkOffload(o hal.Offloads) Finding {
	what := fmt.Sprintf("network %s: packets of a picture sent at once (GSO): %v; cut by the adapter: %v; checksums by the adapter: %v",
		o.Interface, o.GSO, o.Segments, o.Checksum)
	if o.GSO == hal.No {
		return warnFinding("use Linux 6.11 or newer, or an adapter that computes checksums (ethtool -K "+o.Interface+" tx on); until then video takes about three times the work",
			"%s", what)
	}
	return okFinding("%s", what)
}

func checkHeat(h hal.Heat) Finding {
	where := "the temperature is not known"
	if z, ok := h.Hottest(); ok {
		where = fmt.Sprintf("%v at %s", z.Temp, z.Name)
	}
	switch {
	case h.UnderVoltage:
		return warnFinding("use the power supply that is made for this board, and a short thick cable", "%s; the power supply is too weak, or was since power-on", where)
	case h.Throttled:
		return warnFinding("give it air: a larger case, a heat sink or a fan", "%s; the processor is slowed down because of heat", where)
	case h.WasThrottled:
		return warnFinding("give it air: a larger case, a heat sink or a fan", "%s; the processor was slowed down because of heat since power-on", where)
	}
	return okFinding("%s", where)
}

// checkWear rates a storage by what it reports of itself.
func checkWear(m hal.Medium) Finding {
	name, used := m.Name+" ("+m.Kind+")", ""
	if m.Used > 0 {
		used = fmt.Sprintf(" (it reports at most %d %%)", m.Used)
	}
	switch m.Wear {
	case hal.WearUnknown:
		return okFinding("storage %s: it does not report its wear", name)
	case hal.WearLow:
		return okFinding("storage %s: at most 80 %% of its life is used%s", name, used)
	case hal.WearHigh:
		return warnFinding("make backups, and plan a new one within the school year", "storage %s: more than 80 %% of its life or of its spare blocks is used", name)
	case hal.WearOver:
	}
	return warnFinding("make a backup now and replace it", "storage %s: its life is used up, or 90 %% of its spare blocks", name)
}

// checkCapacity measures for a fifth of a second, so it is left out while a box runs.
func checkCapacity(ctx context.Context) Finding {
	r, err := capacity.Measure(ctx, capacity.DefaultLength)
	if err != nil {
		return warnFinding("ask again; if this goes on, the log of the system says more", "what video costs was not measured: %v", err)
	}
	return okFinding("the processor is enough for %d viewers of one video each (%v to encrypt and %v to send a packet, %s); the network may be the limit",
		r.Capacity(runtime.GOMAXPROCS(0), capacity.CPUShare), min(r.GCM, r.CM), r.Burst, r.Profile())
}
