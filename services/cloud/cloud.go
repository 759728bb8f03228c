// Package cloud links a box to a database elsewhere. While the network is up it sends the facts
// of the box there, and fetches the school's decisions: class lists, quizzes, policy, erasures.
//
//	journal -> uplink -> Sink -> Postgres          one statement a batch: rows and watermark
//	roster, library <- Downlink <- Sink <----------'
//
// The journal is the outbox and the uplink is a cursor into it. The cursor that counts is the
// watermark in the database. It moves in the transaction that stores the rows. The box only
// caches it. So the link may break at any byte without harm, and a box that was offline for a
// term resumes at the watermark.
//
// (stream, epoch, seq) identifies a fact. (box, incarnation, position) gives the order and the
// cursor. Order never depends on wall time.
package cloud

import (
	"context"
	"crypto/ed25519"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/supervise"
)

// Config holds the path of the link's database and the polling interval.
type Config struct {
	Path string        // of cloud.db, in a folder that exists
	Look time.Duration // interval of polls for items while the link is idle, default 5 min

	AllowPrivate bool // link also to addresses of the local network, not only of the internet

	pause time.Duration // after the first failure, default 1 s, lower in tests
}

// WithDefaults replaces zero fields with their defaults.
func (c Config) WithDefaults() Config {
	if c.Look == 0 {
		c.Look = 5 * time.Minute
	}
	if c.pause == 0 {
		c.pause = firstPause
	}
	return c
}

// Validate refuses values out of range.
func (c Config) Validate() error {
	if c.Look != 0 && (c.Look < time.Second || c.Look > 24*time.Hour) {
		return errs.NewField("cloud.Config", "cloud.look", "out_of_range", int64(24*time.Hour), "must be 1s to 24h")
	}
	return nil
}

// Transport connects a box to a cloud.
type Transport interface {
	// Join enrols the box. link is an enrolment link or the address of a database.
	Join(ctx context.Context, link string, self Self) (Link, error)
	// Open connects to the cloud of a link. The function that it returns closes the Sink.
	Open(ctx context.Context, l Link) (Sink, func(), error)
	// Pack starts a file for a USB stick, signed with the key. Close of the Packer ends the file.
	Pack(w io.Writer, self Self, key ed25519.PrivateKey) (Packer, error)
}

// Packer writes batches to a file for a USB stick.
type Packer interface {
	Add(b *batch.Batch) error
	Close() error
}

// Deps lists the parts of the box that the link uses.
type Deps struct {
	Journal   *journal.Journal
	Ledger    *Ledger
	Clock     *event.Clock
	Health    *health.Health
	Transport Transport
	Down      *Downlink
	Def       func(event.Kind) (event.Def, bool)
	Box       func() (id, name string, err error)
	Lists     func() ([]Listing, error) // the current class lists
	Report    func() Report
	Version   string
	Log       *slog.Logger
	Metrics   prometheus.Registerer // may be nil
}

// Cloud is the box's side of the link. Its methods may be called from any goroutine.
type Cloud struct {
	Deps
	cfg         Config
	store       *store
	metrics     metrics
	wake        chan struct{} // holds one token when a caller wants a session now
	linkChanged chan struct{} // holds one token when the link changed
	reportDue   chan struct{} // holds one token when a report is due
	putMu       sync.Mutex    // held during a Put, one at a time

	mu     sync.Mutex // guards the fields below
	link   Link
	status Status
	sent   uint64 // facts up to this position are in the cloud
}

// New opens cloud.db and loads the link. It starts nothing.
func New(cfg Config, deps Deps) (*Cloud, error) {
	s, err := openStore(cfg.Path, deps.Log)
	if err != nil {
		return nil, err
	}
	c := &Cloud{
		Deps: deps, cfg: cfg.WithDefaults(), store: s, metrics: newMetrics(deps.Metrics),
		wake: make(chan struct{}, 1), linkChanged: make(chan struct{}, 1), reportDue: make(chan struct{}, 1), link: loadValue[Link](s, bucketLink, keyLink),
	}
	was := loadValue[rememberedState](s, bucketLink, keySeen)
	if c.Down.Note == nil {
		c.Down.Note = c.addNote
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

// OpenResult returns the state in which New found cloud.db.
func (c *Cloud) OpenResult() checkedkv.OpenResult { return c.store.found }

// Copy writes the second copy of cloud.db, if it changed. The next New reads it where the
// database is damaged or missing.
func (c *Cloud) Copy() error {
	return checkedkv.CopyIfChanged(c.store.db, c.cfg.Path+".copy", storeBuckets)
}

// String returns the service's name.
func (c *Cloud) String() string { return "cloud" }

// Serve runs the link until ctx ends. Failures of the link appear in Status, and Serve retries.
// Serve returns an error only if the box's own disk failed.
func (c *Cloud) Serve(ctx context.Context) error {
	g := supervise.Group(ctx)
	g.Go(c.runSessions)
	g.Go(c.runReports)
	return g.Wait()
}

func (c *Cloud) nowMillis() int64 { return c.Clock.Now().Wall }

func (c *Cloud) describeSelf() (Self, error) {
	id, name, err := c.Box()
	return Self{
		Box: id, Name: name, Version: c.Version, Format: batch.Format, Incarnation: c.Journal.Incarnation(), Position: c.Journal.Position(),
	}, err
}

// Sync requests a report and a session now. It returns at once.
func (c *Cloud) Sync() {
	signal(c.reportDue)
	signal(c.wake)
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// Link links the box to a cloud and replaces an earlier link. link is the enrolment link that
// the cloud made, or the address of a database, "postgres://...".
func (c *Cloud) Link(ctx context.Context, link string) error {
	self, err := c.describeSelf()
	if err != nil {
		return err
	}
	l, err := c.Transport.Join(ctx, link, self)
	if err != nil {
		return err
	}
	if err := c.store.clearLink(); err != nil {
		return err
	}
	if err := c.store.putValue(bucketLink, keyLink, l); err != nil {
		return err
	}
	if err := c.Down.ResetCursors(); err != nil {
		return err
	}
	if err := c.dropUpdate(ctx); err != nil {
		return err
	}
	c.Log.Info("the box is linked to a cloud", "way", l.Way, "where", l.Where)
	c.setLink(l)
	return nil
}

// Unlink removes the link. The facts in the cloud stay there.
func (c *Cloud) Unlink(ctx context.Context) error {
	if err := c.store.clearLink(); err != nil {
		return err
	}
	if err := c.dropUpdate(ctx); err != nil {
		return err
	}
	c.Health.ClearCheck("cloud")
	c.setLink(Link{})
	return nil
}

// dropUpdate takes back what the cloud of an earlier link wanted to install.
func (c *Cloud) dropUpdate(ctx context.Context) error {
	if c.Down.Update == nil {
		return nil
	}
	return c.Down.Update(ctx, nil)
}

func (c *Cloud) setLink(l Link) {
	c.mu.Lock()
	c.link, c.sent = l, 0
	c.status = Status{State: StateOff}
	if l.Way != "" {
		c.status = Status{State: StateSending, School: l.School} // the first session starts soon
	}
	c.mu.Unlock()
	signal(c.linkChanged)
}

func (c *Cloud) currentLink() Link {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link
}

// Status returns the present state of the link.
func (c *Cloud) Status() Status {
	c.mu.Lock()
	s := c.status
	s.Way, s.Where = c.link.Way, c.link.Where
	s.Queue = c.queuedFacts()
	c.mu.Unlock()
	if s.Rate > 0 && s.Queue > 0 && s.State == StateSending {
		s.ETA = float64(s.Queue) / s.Rate
	}
	s.Box, _, _ = c.Box() // if the id cannot be read, the page shows none
	s.Dead, s.Notes = len(c.store.listDead()), c.store.listNotes()
	return s
}

// queuedFacts returns an upper limit of the number of waiting facts. The caller holds mu.
func (c *Cloud) queuedFacts() uint64 {
	if c.link.Way == "" {
		return 0
	}
	last := c.Journal.Position()
	return last - min(c.sent, last)
}

// Waiting reports whether the box is linked, and an upper limit of the number of waiting facts.
// With 0 waiting, the cloud has all facts of the box.
func (c *Cloud) Waiting() (linked bool, waiting uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link.Way != "", c.queuedFacts()
}

// updateStatus changes the status under mu.
func (c *Cloud) updateStatus(change func(*Status)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.status)
}

// setSent notes that the facts up to pos are in the cloud.
func (c *Cloud) setSent(pos uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = pos
	c.metrics.waiting.Set(float64(c.queuedFacts()))
}
