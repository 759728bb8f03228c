package peer

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/transport/v5/vnet"
	"github.com/pion/webrtc/v4"
)

// virtualNetwork is a network in memory: the node at 10.0.0.1, the publisher at 10.0.0.2 and
// the watcher at 10.0.0.3. All runs on the bubble's clock, so that a minute takes no time and
// the losses are the same for the same seed.
type virtualNetwork struct {
	router *vnet.Router
	node   *Node

	mu   sync.Mutex
	dice *rand.Rand
	loss float64 // of media between node and watcher, either way
	rate int     // bits/s to the watcher, 0: no limit
	free time.Time
	lost int
}

const shore = 5000 // the node's port

var watching = net.IPv4(10, 0, 0, 3)

func newVirtualNetwork(t testing.TB, seed uint64) *virtualNetwork {
	t.Helper()
	r, err := vnet.NewRouter(&vnet.RouterConfig{CIDR: "10.0.0.0/24", MinDelay: 15 * time.Millisecond, LoggerFactory: silentLogger{}})
	checkError(t, err)
	i := &virtualNetwork{router: r, dice: rand.New(rand.NewPCG(seed, 1))}
	home := i.host(t, "10.0.0.1")
	dup, err := vnet.NewDuplicationFilter(r, vnet.WithDuplicationProbability(0.02), vnet.WithDuplicationExtraDelay(0, 20*time.Millisecond), vnet.WithDuplicationSeed(int64(seed)))
	checkError(t, err)
	r.AddChunkFilter(i.dropMedia)
	r.AddChunkFilter(dup.ChunkFilter())
	checkError(t, r.Start())
	conn, err := home.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: shore})
	checkError(t, err)
	i.node, err = New(Config{Net: home, Conn: jitter{conn, i}}, slog.New(slog.DiscardHandler))
	checkError(t, err)
	t.Cleanup(func() { _ = dup.Close(); checkError(t, r.Stop()) })
	return i
}

func (i *virtualNetwork) host(t testing.TB, ip string) *vnet.Net {
	t.Helper()
	n, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{ip}})
	checkError(t, err)
	checkError(t, i.router.AddNet(n))
	return n
}

// dropMedia loses packets of media, and of its feedback, between node and watcher.
func (i *virtualNetwork) dropMedia(c vnet.Chunk) bool {
	data := c.UserData()
	if len(data) == 0 || data[0]>>6 != 2 {
		return true
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	far := c.SourceAddr().(*net.UDPAddr).IP.Equal(watching) || c.DestinationAddr().(*net.UDPAddr).IP.Equal(watching)
	if far && i.dice.Float64() < i.loss {
		i.lost++
		return false
	}
	return true
}

// jitter holds back one packet of twenty for up to 25 ms, so that others overtake it. The
// router's own jitter sleeps with its lock held, which a bubble's clock cannot pass.
type jitter struct {
	net.PacketConn
	i *virtualNetwork
}

func (w jitter) WriteTo(p []byte, to net.Addr) (int, error) {
	hold, lost := w.i.hold(len(p), to.(*net.UDPAddr).IP.Equal(watching))
	switch {
	case lost:
	case hold == 0:
		return w.PacketConn.WriteTo(p, to)
	default:
		p := bytes.Clone(p)
		time.AfterFunc(hold, func() { _, _ = w.PacketConn.WriteTo(p, to) })
	}
	return len(p), nil
}

func (i *virtualNetwork) hold(size int, far bool) (hold time.Duration, lost bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.loss > 0 && i.dice.IntN(20) == 0 {
		hold = time.Duration(i.dice.Int64N(int64(25 * time.Millisecond)))
	}
	if i.rate == 0 || !far {
		return hold, false
	}
	now := time.Now()
	if i.free.Before(now) {
		i.free = now
	}
	if i.free.Sub(now) > queueFor {
		return 0, true
	}
	i.free = i.free.Add(time.Duration(size) * 8 * time.Second / time.Duration(i.rate))
	return i.free.Sub(now), false
}

func (i *virtualNetwork) weather(loss float64, rate int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.loss, i.rate = loss, rate
}

// at makes clients of a host.
func (i *virtualNetwork) at(t testing.TB, ip string) *webrtc.PeerConnection {
	t.Helper()
	return clientOn(t, i.host(t, ip))
}

func TestRepairOnAVirtualNetwork(t *testing.T) {
	for _, seed := range []uint64{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			i := newVirtualNetwork(t, seed)
			runNode(t, i.node)
			n := i.node
			publishCameraOn(t, n, i.at(t, "10.0.0.2"), "c1", "ada", true)
			v := newViewerOn(t, n, nil, i.at(t, "10.0.0.3"), "c1", "ben", 1, 1)
			waitUntil(t, "a picture", func() bool { return v.seen("video0").packets > 0 })
			i.weather(0.05, 0)
			began := time.Now()
			time.Sleep(30 * time.Second)
			i.weather(0, 0)
			time.Sleep(2 * time.Second)
			c := v.seen("video0")
			i.mu.Lock()
			lost := i.lost
			i.mu.Unlock()
			t.Logf("seed %d: %v; %d packets, %d lost on the way, %d gaps as they came, %d missing after repair", seed, time.Since(began), c.packets, lost, c.gaps, c.missing())
			if lost < 100 || c.gaps < 20 {
				t.Error("the network lost nothing")
			}
			if m := c.missing(); m*1000 > c.packets {
				t.Errorf("%d of %d packets were never repaired", m, c.packets)
			}
		})
	}
}

func TestThePictureFitsTheLinkOnAVirtualNetwork(t *testing.T) {
	for _, rate := range []int{400_000, 800_000} {
		synctest.Test(t, func(t *testing.T) {
			i := newVirtualNetwork(t, 1)
			n := runNode(t, i.node)
			publishLayersOn(t, n, i.at(t, "10.0.0.2"), "c1", "ada")
			s := watchPacketsOn(t, n, nil, i.at(t, "10.0.0.3"), "c1", "ben", 1)
			s.turns(t, "video0", "f")
			time.Sleep(5 * time.Second)
			i.weather(0, rate)
			took := s.shrinks(t, rate)
			if took > 10*time.Second {
				t.Errorf("%d bits/s: the picture is too large for %v", rate, took)
			}
			time.Sleep(time.Minute)
			fit, all := 0, 0
			for _, x := range s.shots("video0") {
				if time.Since(x.at) < 50*time.Second && x.start {
					all++
					if l := x.layer; layerParts[l]*layerSize[l]*8*30 <= rate {
						fit++
					}
				}
			}
			shown := s.last("video0", time.Second).layer
			i.weather(0, 0)
			again := s.turns(t, "video0", "f")
			t.Logf("%d bits/s: fits after %v; layer %d a minute later, %d%% of frames were of one that fits; f again after %v",
				rate, took, shown, fit*100/max(all, 1), again)
			if again > time.Minute {
				t.Errorf("%d bits/s: the best picture comes back after %v", rate, again)
			}
			if fit*10 < all*9 {
				t.Errorf("%d bits/s: only %d of %d frames were of a layer that fits", rate, fit, all)
			}
		})
	}
}
