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

// benchNetwork is two hosts on one machine, as in the method of our peers' figures: the server
// runs in a network namespace of its own on core 0, the load outside on core 1, with a veth
// between, receive work steered to core 1, and no segmentation in the server's "card", so that
// bursts are cut in software before the wire, as on a small board.
type benchNetwork struct {
	b               *testing.B
	name            string
	inside, outside string // addresses of the server and of the load
}

func newBenchNetwork(b *testing.B) *benchNetwork {
	b.Helper()
	if os.Geteuid() != 0 {
		b.Skip("needs root, for a network namespace")
	}
	y := &benchNetwork{b: b, name: fmt.Sprintf("llm%d", os.Getpid()%1000*1000+time.Now().Nanosecond()/1000%1000), inside: "10.213.7.1", outside: "10.213.7.2"}
	in, out := y.name+"a", y.name+"b"
	y.must("ip", "netns", "add", y.name)
	b.Cleanup(func() { y.must("ip", "netns", "del", y.name) })
	y.must("ip", "link", "add", in, "netns", y.name, "type", "veth", "peer", "name", out)
	y.must("ip", "addr", "add", y.outside+"/24", "dev", out)
	y.must("ip", "link", "set", out, "up")
	y.within("ip", "addr", "add", y.inside+"/24", "dev", in)
	y.within("ip", "link", "set", in, "up")
	y.within("ip", "link", "set", "lo", "up")
	y.within("ethtool", "-K", in, "tx-udp-segmentation", "off")
	_ = os.WriteFile("/sys/class/net/"+out+"/queues/rx-0/rps_cpus", []byte("2"), 0)
	pinToCore(b, 1)
	return y
}

func (y *benchNetwork) must(name string, args ...string) {
	y.b.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil { // our own words
		y.b.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

func (y *benchNetwork) within(args ...string) {
	y.b.Helper()
	y.must("ip", append([]string{"netns", "exec", y.name}, args...)...)
}

// start runs this test program as a server in the namespace, on core 0.
func (y *benchNetwork) start(b *testing.B, role string) {
	b.Helper()
	cmd := exec.Command("ip", "netns", "exec", y.name, "taskset", "-c", "0", os.Args[0]) // ourselves
	cmd.Env = append(os.Environ(), roleEnv+"="+role, "GOMAXPROCS=1", "GOGC=50")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
}

// pinToCore keeps this process on one core.
func pinToCore(b *testing.B, core int) {
	b.Helper()
	if runtime.NumCPU() < 2 {
		b.Skip("needs two cores")
	}
	out, err := exec.Command("taskset", "-a", "-c", "-p", strconv.Itoa(core), strconv.Itoa(os.Getpid())).CombinedOutput() // our own words
	if err != nil {
		b.Fatalf("taskset: %v: %s", err, out)
	}
}

// usage is the resource use of this process.
type usage struct {
	CPU time.Duration `json:"cpu"`
	RSS int           `json:"rss"` // bytes
}

func readUsage() (usage, error) {
	stat, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return usage{}, err
	}
	pages, err := strconv.Atoi(strings.Fields(string(stat))[1])
	return usage{cpuTime(), pages * os.Getpagesize()}, err
}

const roleEnv = "LIVELEARN_BENCH_ROLE"

// costFloor is the cost of the same packets alone: sealed and sent from prebuilt buffers by the
// same calls, as often as in seconds of a lesson, flat out.
type costFloor struct {
	Packets int           `json:"packets"`
	CPU     time.Duration `json:"cpu"`
}

// remoteServer is a node in another process, for offers over HTTP.
type remoteServer struct {
	media.Node
	url string
}

func (f remoteServer) post(path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.Post(f.url+path, "application/json", bytes.NewReader(body)) // a benchmark
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

func (f remoteServer) Publish(_ context.Context, p media.Publish) (a media.Answer, err error) {
	return a, f.post("/publish", p, &a)
}

func (f remoteServer) Watch(_ context.Context, w media.Watch) (a media.Answer, err error) {
	return a, f.post("/watch", w, &a)
}

func (f remoteServer) Load(context.Context) (l media.Load, err error) {
	return l, f.post("/load", 0, &l)
}

const farPort = "7001"

// runServer runs this program as the server of a benchmark.
func runServer(role string) {
	var mux http.ServeMux
	if role == "floor" {
		handleJSON(&mux, "/floor", func(ctx context.Context, to string) (costFloor, error) { return measureFloor(ctx, to) })
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
		handleJSON(&mux, "/publish", n.Publish)
		handleJSON(&mux, "/watch", n.Watch)
		handleJSON(&mux, "/load", func(ctx context.Context, _ int) (media.Load, error) { return n.Load(ctx) })
	}
	handleJSON(&mux, "/used", func(context.Context, int) (usage, error) { return readUsage() })
	log.Fatal(http.ListenAndServe(":"+farPort, &mux)) // a benchmark
}

func handleJSON[In, Out any](mux *http.ServeMux, path string, fn func(context.Context, In) (Out, error)) {
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

func (y *benchNetwork) far(b *testing.B, role string) remoteServer {
	b.Helper()
	y.start(b, role)
	f := remoteServer{url: "http://" + net.JoinHostPort(y.inside, farPort)}
	var u usage
	waitUntil(b, "the server", func() bool { return f.post("/used", 0, &u) == nil })
	return f
}

// BenchmarkClass has n watchers of one 1.5 Mbit/s picture with sound, on the fast path, with
// single sends, and on the plain path. It also measures the floor. It runs a fixed time.
//
//	go test ./services/media/peer -run '^$' -bench Class -benchtime 1x
func BenchmarkClass(b *testing.B) {
	for _, n := range []int{30, 100} {
		b.Run(fmt.Sprintf("watchers=%d", n), func(b *testing.B) {
			y := newBenchNetwork(b)
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

func (y *benchNetwork) floor(b *testing.B) float64 {
	sink, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(y.outside)})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = sink.Close() }()
	_ = sink.SetReadBuffer(1)
	var f costFloor
	if err := y.far(b, "floor").post("/floor", sink.LocalAddr().String(), &f); err != nil {
		b.Fatal(err)
	}
	return f.CPU.Seconds() * 1e6 / float64(f.Packets)
}

func (y *benchNetwork) class(b *testing.B, role string, n int, base float64) {
	node := y.far(b, role)
	var empty, before, after usage
	checkError(b, node.post("/used", 0, &empty))
	publishCamera(b, node, "c1", "ada", true)
	var all []*viewer
	for i := range n {
		all = append(all, newViewer(b, node, "c1", "p"+strconv.Itoa(i), 1, 1))
	}
	waitUntil(b, "all pictures", func() bool {
		return !slices.ContainsFunc(all, func(v *viewer) bool { return v.seen("video0").packets == 0 })
	})
	time.Sleep(2 * time.Second) // the cost of joining is over
	for _, v := range all {
		v.forget()
	}
	checkError(b, node.post("/used", 0, &before))
	l0, err := node.Load(b.Context())
	checkError(b, err)
	time.Sleep(8 * time.Second) // the length of the measurement
	checkError(b, node.post("/used", 0, &after))
	l1, err := node.Load(b.Context())
	checkError(b, err)
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

func checkError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		runServer(role)
	}
	os.Exit(m.Run())
}
