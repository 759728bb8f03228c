package medianode

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/supervise"
)

func coreCount() int { return runtime.GOMAXPROCS(0) }

// decodeStrict decodes one JSON object of known fields.
func decodeStrict(text string, v any) error {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// newSupervisor is the supervisor of the media processes. It gives none up. The cause of
// a crash may be one browser, which leaves, and one try a minute is cheap.
func (n *Nodes) newSupervisor() *supervise.Supervisor {
	m := n.cfg
	spec := supervise.Spec{Name: "media", Strategy: supervise.OneForOne, Each: true, MaxRestarts: 100, Period: 10 * time.Minute}
	for i, name := range m.nodeNames() {
		p := &nodeProcess{nodes: n, name: name, spec: Spec{
			Name: name, UDP: m.nodeAddress(i), Plain: m.Plain, NoGSO: m.NoGSO, Capacity: m.Capacity, Log: n.deps.LogConfig,
			Recordings: n.deps.Recordings, RecordBytes: int64(m.Recordings) << 20, Reserve: int64(m.Reserve) << 20,
		}, memory: int64(m.Memory) << 20}
		spec.Children = append(spec.Children, supervise.Child{
			ID: name, Start: p.runProcess, Shutdown: nodeStopTimeout + 6*time.Second, Backoff: supervise.Backoff{Min: nodeRestartDelay, Max: time.Minute},
		})
	}
	return supervise.New(spec)
}

const (
	nodeStopTimeout  = 2 * time.Second // from SIGTERM to SIGKILL
	nodeRestartDelay = time.Second     // before a node that died is restarted
	// OOM scores: workers have higher ones, the core has none.
	standbyScore = 600
	activeScore  = 300

	nodeExitGrace = time.Second // from the end of the control connection to SIGKILL
)

// nodeProcess is one media process after another under one name.
type nodeProcess struct {
	nodes  *Nodes
	name   string
	spec   Spec
	memory int64 // bytes
}

// runProcess runs the process once. It is ready at once, because a lesson does not wait for
// media and the failover knows which nodes are up.
func (n *nodeProcess) runProcess(ctx context.Context, ready func()) error {
	ready()
	near, far, err := supervise.SocketPair()
	if err != nil {
		return err
	}
	defer func() { _ = far.Close() }()
	cmd, err := n.newCommand(far)
	if err != nil {
		return errors.Join(err, near.Close())
	}
	client := media.NewClient(near, n.nodes.deps.Log.With("node", n.name))
	life := make(chan *os.Process, 1)
	g := supervise.Group(ctx)
	g.Go(func(ctx context.Context) error { n.runClient(ctx, client, life); return nil })
	g.Go(func(ctx context.Context) error {
		// Nice stays 0: a packet that waits for the processor is heard as a gap, while a
		// lesson's messages bear a few milliseconds.
		p := supervise.Process(n.name, func(context.Context) *exec.Cmd { return cmd }, supervise.ProcessOpts{
			Notify: true, Shutdown: nodeStopTimeout, MemoryMax: n.memory, OOMScore: standbyScore,
			Ready: func(_ context.Context, p *os.Process) error {
				n.nodes.pids.Store(n.name, p.Pid)
				life <- p
				return far.Close()
			},
		})
		err := p.Start(ctx, func() {})
		n.nodes.pids.Delete(n.name)
		return cmp.Or(err, supervise.ErrShutdown) // ends the client
	})
	if err := g.Wait(); !errors.Is(err, supervise.ErrShutdown) {
		return err
	}
	return nil
}

// runClient serves the control connection of a process and kills the process when the
// connection ends. A process that does not answer is of no use.
func (n *nodeProcess) runClient(ctx context.Context, client *media.Client, life <-chan *os.Process) {
	var p *os.Process
	select {
	case <-ctx.Done():
		_ = client.Serve(ctx) // closes it
		return
	case p = <-life:
	}
	g := supervise.Group(ctx)
	g.Go(func(ctx context.Context) error { return n.nodes.Attach(ctx, n.name, client, client.Done()) })
	g.Go(client.Serve)
	err := g.Wait()
	if ctx.Err() != nil {
		return
	}
	n.nodes.deps.Log.Warn("the media node is lost", "node", n.name, "err", err)
	if !errors.Is(err, media.ErrHung) {
		supervise.Sleep(ctx, nodeExitGrace) // it has ended, or is about to, and has more to say of it
	}
	_ = p.Kill() // its supervisor reaps it
}

// newCommand is this program as a media node whose control connection is far.
func (n *nodeProcess) newCommand(far *os.File) (*exec.Cmd, error) {
	spec, err := json.Marshal(n.spec)
	if err != nil {
		return nil, err
	}
	program := n.nodes.deps.Program
	if program == "" {
		if program, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(program, "media") // our own program
	// The live heap is small, and people who join make much garbage.
	cmd.Env = append(os.Environ(), "GOGC=50", EnvVar+"="+string(spec))
	cmd.ExtraFiles = []*os.File{far} // the first is MediaFD
	cmd.Stderr = n.nodes.deps.Stderr
	return cmd, nil
}
