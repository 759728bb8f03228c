package firmware

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/supervise"
)

func cores() int { return runtime.GOMAXPROCS(0) }

// strict decodes one JSON object of known fields.
func strict(text string, v any) error {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// nodeNames are the media processes: the first that is up is in charge.
func (m Media) nodeNames() []string {
	if m.Alone {
		return []string{"media-a"}
	}
	return []string{"media-a", "media-b"}
}

// media is the supervisor of the media processes. It never gives one up: what makes it crash
// may leave with a person's browser, and trying once a minute costs nothing.
func (b *Box) media() *supervise.Supervisor {
	m := b.cfg.Media.WithDefaults()
	spec := supervise.Spec{Name: "media", Strategy: supervise.OneForOne, Each: true, MaxRestarts: 100, Period: 10 * time.Minute}
	for i, name := range m.nodeNames() {
		n := &nodeProcess{box: b, name: name, spec: MediaSpec{
			Name: name, UDP: m.address(i), Plain: m.Plain, NoGSO: m.NoGSO, Capacity: m.Capacity, Log: b.cfg.Log,
			Recordings: b.folder.Name(recordsDir), RecordBytes: int64(m.Recordings) << 20, Reserve: int64(m.Reserve) << 20,
		}, memory: int64(m.Memory) << 20}
		spec.Children = append(spec.Children, supervise.Child{
			ID: name, Start: n.start, Shutdown: nodeStop + 6*time.Second, Backoff: supervise.Backoff{Min: nodePause, Max: time.Minute},
		})
	}
	return supervise.New(spec)
}

const (
	nodeStop  = 2 * time.Second // from SIGTERM to SIGKILL
	nodePause = time.Second     // before a node that died is started anew
	nodeLast  = time.Second     // from the end of the control connection to SIGKILL
)

// nodeProcess is one media process after another under one name.
type nodeProcess struct {
	box    *Box
	name   string
	spec   MediaSpec
	memory int64 // bytes
}

// start is one life of the process. It counts as ready at once: a lesson does not wait for
// pictures, and the Switch knows who is up.
func (n *nodeProcess) start(ctx context.Context, ready func()) error {
	ready()
	near, far, err := pair()
	if err != nil {
		return err
	}
	defer func() { _ = far.Close() }()
	cmd, err := n.command(far)
	if err != nil {
		return errors.Join(err, near.Close())
	}
	client := media.NewClient(near, n.box.log("media").With("node", n.name))
	life := make(chan *os.Process, 1)
	g := supervise.Group(ctx)
	g.Go(func(ctx context.Context) error { n.follow(ctx, client, life); return nil })
	g.Go(func(ctx context.Context) error {
		// Nice stays 0: a packet that waits for the processor is heard as a gap, while a
		// lesson's messages bear a few milliseconds.
		p := supervise.Process(n.name, func(context.Context) *exec.Cmd { return cmd }, supervise.ProcessOpts{
			Notify: true, Shutdown: nodeStop, MemoryMax: n.memory,
			Ready: func(_ context.Context, p *os.Process) error { life <- p; return far.Close() },
		})
		err := p.Start(ctx, func() {})
		return cmp.Or(err, supervise.ErrShutdown) // ends the client
	})
	if err := g.Wait(); !errors.Is(err, supervise.ErrShutdown) {
		return err
	}
	return nil
}

// follow carries the control connection of a process that is up, and ends the process when
// the connection has ended: one that does not answer is of no use.
func (n *nodeProcess) follow(ctx context.Context, client *media.Client, life <-chan *os.Process) {
	var p *os.Process
	select {
	case <-ctx.Done():
		_ = client.Serve(ctx) // closes it
		return
	case p = <-life:
	}
	g := supervise.Group(ctx)
	g.Go(func(ctx context.Context) error { return n.box.nodes.Attach(ctx, n.name, client, client.Done()) })
	g.Go(client.Serve)
	err := g.Wait()
	if ctx.Err() != nil {
		return
	}
	n.box.log("media").Warn("the media node is lost", "node", n.name, "err", err)
	if !errors.Is(err, media.ErrHung) {
		pause(ctx, nodeLast) // it has ended, or is about to, and has more to say of it
	}
	_ = p.Kill() // its supervisor reaps it
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// command is this program as a media node whose control connection is far.
func (n *nodeProcess) command(far *os.File) (*exec.Cmd, error) {
	spec, err := json.Marshal(n.spec)
	if err != nil {
		return nil, err
	}
	program := n.box.parts.Program
	if program == "" {
		if program, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(program, "media") //nolint:gosec // our own program
	// What lives is small and what is thrown away, when people join, is not.
	cmd.Env = append(os.Environ(), "GOGC=50", MediaEnv+"="+string(spec))
	cmd.ExtraFiles = []*os.File{far} // the first is MediaFD
	cmd.Stderr = n.box.parts.Stderr
	return cmd, nil
}

// pair is a connection between two processes: near is ours, far is passed on.
func pair() (near net.Conn, far *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	mine := os.NewFile(uintptr(fds[0]), "control")
	far = os.NewFile(uintptr(fds[1]), "control")
	near, err = net.FileConn(mine)
	if err = errors.Join(err, mine.Close()); err != nil {
		return nil, nil, errors.Join(err, far.Close())
	}
	return near, far, nil
}
