package cloud

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/supervise"
)

// Config tells where the box keeps its link, and how often it looks.
type Config struct {
	Path string        // cloud.db; its folder must exist
	Look time.Duration // how often it asks the cloud for news when it has none; default 5 min

	pause time.Duration // after the first fault; default 1 s; tests lower it
}

// WithDefaults fills in what is empty.
func (c Config) WithDefaults() Config {
	if c.Look == 0 {
		c.Look = 5 * time.Minute
	}
	if c.pause == 0 {
		c.pause = firstPause
	}
	return c
}

// Validate refuses what cannot work.
func (c Config) Validate() error {
	if c.Look != 0 && (c.Look < time.Second || c.Look > 24*time.Hour) {
		return errs.Field("cloud.Config", "cloud.look", "out_of_range", int64(24*time.Hour), "must be 1s to 24h")
	}
	return nil
}

// Way is how a box gets to a cloud.
type Way interface {
	// Join lets the box in by what people entered: an enrolment link or a database's address.
	Join(ctx context.Context, link string, self Self) (Link, error)
	// Open gives the way out of a link. Close ends it.
	Open(ctx context.Context, l Link) (Sink, func(), error)
	// Pack begins a file for a stick; Close ends it.
	Pack(w io.Writer, self Self) (Packer, error)
}

// Packer takes batches for a stick.
type Packer interface {
	Add(b *batch.Batch) error
	Close() error
}

// Deps is what the link needs of the rest of the box.
type Deps struct {
	Journal *journal.Journal
	Ledger  *Ledger
	Clock   *event.Clock
	Health  *health.Health
	Way     Way
	Down    *Downlink
	Def     func(event.Kind) (event.Def, bool)
	Box     func() (id, name string, err error)
	Lists   func() ([]Listing, error) // the class lists as they are
	Report  func() Report
	Version string
	Log     *slog.Logger
	Metrics prometheus.Registerer // may be nil
}

// Cloud is the box's side of the link. Its methods may be called from any goroutine.
type Cloud struct {
	Deps
	cfg     Config
	store   *store
	metrics metrics
	kick    chan struct{} // holds one token when somebody wants it now
	relink  chan struct{} // the same, when the link changed
	news    chan struct{} // the same, when the cloud should hear what the box says of itself
	putting sync.Mutex    // one batch at a time on its way

	mu     sync.Mutex // guards the fields below
	link   Link
	status Status
	sent   uint64 // position up to which nothing waits
}

// New opens what the box remembers of its link. Nothing runs before Serve.
func New(cfg Config, deps Deps) (*Cloud, error) {
	s, err := openStore(cfg.Path, deps.Log)
	if err != nil {
		return nil, err
	}
	c := &Cloud{
		Deps: deps, cfg: cfg.WithDefaults(), store: s, metrics: newMetrics(deps.Metrics),
		kick: make(chan struct{}, 1), relink: make(chan struct{}, 1), news: make(chan struct{}, 1), link: load[Link](s, bucketLink, keyLink),
	}
	was := load[seen](s, bucketLink, keySeen)
	if c.Down.Note == nil {
		c.Down.Note = c.note
	}
	c.status = Status{State: StateOff, Last: was.Last, School: was.School, Policy: was.Policy}
	if c.link.Way != "" {
		c.status.State = StateOffline
	}
	if was.Incarnation == c.Journal.Incarnation() {
		c.sent = was.Pos
	}
	return c, nil
}

// Close closes cloud.db. Call it after Serve has ended.
func (c *Cloud) Close() error { return c.store.db.Close() }

// String is the service's name.
func (c *Cloud) String() string { return "cloud" }

// Serve keeps the link until ctx ends. What goes wrong with it is told by Status and tried
// again; an error is one of the box's own disk.
func (c *Cloud) Serve(ctx context.Context) error {
	g := supervise.Group(ctx)
	g.Go(c.keep)
	g.Go(c.reports)
	return g.Wait()
}

func (c *Cloud) now() int64 { return c.Clock.Now().Wall }

func (c *Cloud) self() (Self, error) {
	id, name, err := c.Box()
	return Self{
		Box: id, Name: name, Version: c.Version, Format: batch.Format, Incarnation: c.Journal.Incarnation(), Position: c.Journal.Position(),
	}, err
}

// Sync asks for a try now.
func (c *Cloud) Sync() {
	token(c.news)
	token(c.kick)
}

func token(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// Link links the box to a cloud: by the link that the cloud made for it, or by the address
// of a database, "postgres://...". A link that there was is replaced.
func (c *Cloud) Link(ctx context.Context, link string) error {
	self, err := c.self()
	if err != nil {
		return err
	}
	l, err := c.Way.Join(ctx, link, self)
	if err != nil {
		return err
	}
	if err := c.store.forget(); err != nil {
		return err
	}
	if err := c.store.put(bucketLink, keyLink, l); err != nil {
		return err
	}
	if err := c.Down.Forget(); err != nil {
		return err
	}
	c.Log.Info("the box is linked to a cloud", "way", l.Way, "where", l.Where)
	c.become(l)
	return nil
}

// Leave ends the link. What is in the cloud stays there.
func (c *Cloud) Leave(context.Context) error {
	if err := c.store.forget(); err != nil {
		return err
	}
	c.Health.Clear("cloud")
	c.become(Link{})
	return nil
}

func (c *Cloud) become(l Link) {
	c.mu.Lock()
	c.link, c.sent = l, 0
	c.status = Status{State: StateOff}
	if l.Way != "" {
		c.status = Status{State: StateSending, School: l.School} // it is about to
	}
	c.mu.Unlock()
	token(c.relink)
}

func (c *Cloud) linked() Link {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link
}

// Status is how the link is now.
func (c *Cloud) Status() Status {
	c.mu.Lock()
	s := c.status
	s.Way, s.Where = c.link.Way, c.link.Where
	s.Queue = c.queue()
	c.mu.Unlock()
	if s.Rate > 0 && s.Queue > 0 && s.State == StateSending {
		s.ETA = float64(s.Queue) / s.Rate
	}
	s.Box, _, _ = c.Box() // where it cannot be read, the page shows none
	s.Dead, s.Notes = len(c.store.dead()), c.store.notes()
	return s
}

// queue is how many facts wait, at most. Runs with mu held.
func (c *Cloud) queue() uint64 {
	if c.link.Way == "" {
		return 0
	}
	last := c.Journal.Position()
	return last - min(c.sent, last)
}

// Waiting tells whether there is a link, and how many facts wait at most. None: all that the
// box knows is in the cloud.
func (c *Cloud) Waiting() (linked bool, waiting uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link.Way != "", c.queue()
}

// set changes the status.
func (c *Cloud) set(change func(*Status)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.status)
}

// moved notes that nothing up to pos waits any more.
func (c *Cloud) moved(pos uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = pos
	c.metrics.waiting.Set(float64(c.queue()))
}
