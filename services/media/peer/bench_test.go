package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/livelearn/box/services/media"
)

// yard is two hosts on one machine, as in the method that the figures of peers were taken
// with: the server in a network namespace of its own on core 0, who loads it outside on
// core 1, a veth between, receive work steered to core 1, and no segmentation in the server's
// "card", so that bursts are cut in software before the wire, as on a small board.
type yard struct {
	b              *testing.B
	name           string
	inside, beside string // addresses of the server and of the load
}

func newYard(b *testing.B) *yard {
	b.Helper()
	if os.Geteuid() != 0 {
		b.Skip("needs root, for a network namespace")
	}
	y := &yard{b: b, name: fmt.Sprintf("llm%d", os.Getpid()%1000*1000+time.Now().Nanosecond()/1000%1000), inside: "10.213.7.1", beside: "10.213.7.2"}
	in, out := y.name+"a", y.name+"b"
	y.must("ip", "netns", "add", y.name)
	b.Cleanup(func() { y.must("ip", "netns", "del", y.name) })
	y.must("ip", "link", "add", in, "netns", y.name, "type", "veth", "peer", "name", out)
	y.must("ip", "addr", "add", y.beside+"/24", "dev", out)
	y.must("ip", "link", "set", out, "up")
	y.within("ip", "addr", "add", y.inside+"/24", "dev", in)
	y.within("ip", "link", "set", in, "up")
	y.within("ip", "link", "set", "lo", "up")
	y.within("ethtool", "-K", in, "tx-udp-segmentation", "off")
	_ = os.WriteFile("/sys/class/net/"+out+"/queues/rx-0/rps_cpus", []byte("2"), 0)
	pin(b, 1)
	return y
}

func (y *yard) must(name string, args ...string) {
	y.b.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil { //nolint:gosec // our own words
		y.b.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

func (y *yard) within(args ...string) {
	y.b.Helper()
	y.must("ip", append([]string{"netns", "exec", y.name}, args...)...)
}

// start runs this test program as a server in the namespace, on core 0.
func (y *yard) start(b *testing.B, role string) {
	b.Helper()
	cmd := exec.Command("ip", "netns", "exec", y.name, "taskset", "-c", "0", os.Args[0]) //nolint:gosec // ourselves
	cmd.Env = append(os.Environ(), roleEnv+"="+role, "GOMAXPROCS=1", "GOGC=50")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
}

// pin keeps this process on one core.
func pin(b *testing.B, core int) {
	b.Helper()
	if runtime.NumCPU() < 2 {
		b.Skip("needs two cores")
	}
	out, err := exec.Command("taskset", "-a", "-c", "-p", strconv.Itoa(core), strconv.Itoa(os.Getpid())).CombinedOutput() //nolint:gosec // our own words
	if err != nil {
		b.Fatalf("taskset: %v: %s", err, out)
	}
}

// usage is what this process has taken.
type usage struct {
	CPU time.Duration `json:"cpu"`
	RSS int           `json:"rss"` // bytes
}

func used() (usage, error) {
	stat, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return usage{}, err
	}
	pages, err := strconv.Atoi(strings.Fields(string(stat))[1])
	return usage{cpu(), pages * os.Getpagesize()}, err
}

const roleEnv = "LIVELEARN_BENCH_ROLE"

// floor is what the same packets cost with nothing around them: sealed and sent from
// prebuilt buffers by the same calls, as often as in seconds of a lesson, flat out.
type floor struct {
	Packets int           `json:"packets"`
	CPU     time.Duration `json:"cpu"`
}

// far is a node in another process, for offers over HTTP.
type far struct {
	media.Node
	url string
}

func (f far) post(path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.Post(f.url+path, "application/json", bytes.NewReader(body)) //nolint:noctx // a benchmark
	if err != nil {
		return err
	}
	defer func() { _ = r.Body.Close() }()
	if r.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(r.Body)
		return fmt.Errorf("%s: %s", r.Status, text)
	}
	return json.NewDecoder(r.Body).Decode(out)
}

func (f far) Publish(_ context.Context, p media.Publish) (a media.Answer, err error) {
	return a, f.post("/publish", p, &a)
}

func (f far) Watch(_ context.Context, w media.Watch) (a media.Answer, err error) {
	return a, f.post("/watch", w, &a)
}

func (f far) Load(context.Context) (l media.Load, err error) { return l, f.post("/load", 0, &l) }

const farPort = "7001"

// beServer is this program as the server of a benchmark.
func beServer(role string) {
	var mux http.ServeMux
	if role == "floor" {
		handle(&mux, "/floor", func(ctx context.Context, to string) (floor, error) { return measureFloor(ctx, to) })
	} else {
		n, err := New(Config{UDP: ":7002", Plain: role == "plain", NoGSO: role == "single"}, slog.New(slog.DiscardHandler))
		if err != nil {
			log.Fatal(err)
		}
		go func() { log.Fatal(n.Serve(context.Background())) }()
		go func() {
			for range n.Events() {
			}
		}()
		handle(&mux, "/publish", n.Publish)
		handle(&mux, "/watch", n.Watch)
		handle(&mux, "/load", func(ctx context.Context, _ int) (media.Load, error) { return n.Load(ctx) })
	}
	handle(&mux, "/used", func(context.Context, int) (usage, error) { return used() })
	log.Fatal(http.ListenAndServe(":"+farPort, &mux)) //nolint:gosec // a benchmark
}

func handle[In, Out any](mux *http.ServeMux, path string, fn func(context.Context, In) (Out, error)) {
	mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		var in In
		out, err := *new(Out), json.NewDecoder(r.Body).Decode(&in)
		if err == nil {
			out, err = fn(r.Context(), in)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(out)
	})
}

func (y *yard) far(b *testing.B, role string) far {
	b.Helper()
	y.start(b, role)
	f := far{url: "http://" + net.JoinHostPort(y.inside, farPort)}
	var u usage
	until(b, "the server", func() bool { return f.post("/used", 0, &u) == nil })
	return f
}

// BenchmarkClass has n watchers of one 1.5 Mbit/s picture with sound, on the fast path, with
// single sends, and on the plain path, and beside them the floor. It runs a fixed time.
//
//	go test ./services/media/peer -run '^$' -bench Class -benchtime 1x
func BenchmarkClass(b *testing.B) {
	for _, n := range []int{30, 100} {
		b.Run(fmt.Sprintf("watchers=%d", n), func(b *testing.B) {
			y := newYard(b)
			var base float64
			b.Run("floor", func(b *testing.B) {
				for range b.N {
					base = y.floor(b)
				}
				b.ReportMetric(base, "us/packet")
			})
			for _, role := range []string{"fast", "single", "plain"} {
				b.Run(role, func(b *testing.B) {
					for range b.N {
						y.class(b, role, n, base)
					}
				})
			}
		})
	}
}

func (y *yard) floor(b *testing.B) float64 {
	sink, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(y.beside)})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = sink.Close() }()
	_ = sink.SetReadBuffer(1)
	var f floor
	if err := y.far(b, "floor").post("/floor", sink.LocalAddr().String(), &f); err != nil {
		b.Fatal(err)
	}
	return f.CPU.Seconds() * 1e6 / float64(f.Packets)
}

func (y *yard) class(b *testing.B, role string, n int, base float64) {
	node := y.far(b, role)
	var empty, before, after usage
	check(b, node.post("/used", 0, &empty))
	publish(b, node, "c1", "ada", true)
	var all []*viewer
	for i := range n {
		all = append(all, watch(b, node, "c1", "p"+strconv.Itoa(i), 1, 1))
	}
	until(b, "all pictures", func() bool {
		return !slices.ContainsFunc(all, func(v *viewer) bool { return v.seen("video0").packets == 0 })
	})
	time.Sleep(2 * time.Second) // what a join costs is past
	for _, v := range all {
		v.forget()
	}
	check(b, node.post("/used", 0, &before))
	l0, err := node.Load(b.Context())
	check(b, err)
	time.Sleep(8 * time.Second)
	check(b, node.post("/used", 0, &after))
	l1, err := node.Load(b.Context())
	check(b, err)
	packets := float64(l1.PacketsOut - l0.PacketsOut)
	us := (after.CPU - before.CPU).Seconds() * 1e6 / packets
	b.ReportMetric(us, "us/packet")
	b.ReportMetric(us/base, "x-floor")
	b.ReportMetric(float64(after.RSS-empty.RSS)/float64(n)/(1<<20), "MiB/watcher")
	b.ReportMetric(packets/8, "packets/s")
	var late []time.Duration
	gaps, got := 0, 0
	for _, v := range all {
		c, s := v.seen("video0"), v.seen("audio0")
		late = append(late, c.late...)
		gaps += c.gaps
		got += c.packets + s.packets
	}
	slices.Sort(late)
	b.ReportMetric(late[len(late)/2].Seconds()*1e3, "p50-ms")
	b.ReportMetric(late[len(late)*99/100].Seconds()*1e3, "p99-ms")
	b.ReportMetric(float64(gaps)/float64(got)*100, "%gaps")
}

func (v *viewer) forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range v.by {
		c.packets, c.gaps, c.late = 0, 0, nil
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		beServer(role)
	}
	os.Exit(m.Run())
}
