// Package cloudtest runs a real Postgres for tests and holds the suite that each cloud.Sink must
// pass.
package cloudtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/timetest"
)

const password = "only for tests"

// Postgres returns the URL of a new database with an empty schema. One server serves all tests of
// a process. It ends with the process, even if that is killed.
func Postgres(t testing.TB) string {
	t.Helper()
	return sharedServer(t).createDatabase(t, true)
}

// EmptyPostgres returns the URL of a new database without the schema.
func EmptyPostgres(t testing.TB) string {
	t.Helper()
	return sharedServer(t).createDatabase(t, false)
}

// DurablePostgres is Postgres on its own server, which syncs to the disk as a production server
// does.
func DurablePostgres(t testing.TB) string {
	t.Helper()
	s, err := startServer(findPostgres(t), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s.createDatabase(t, true)
}

var sharedOnce struct {
	sync.Once
	server *pgServer
	err    error
}

func sharedServer(t testing.TB) *pgServer {
	t.Helper()
	bin := findPostgres(t)
	sharedOnce.Do(func() { sharedOnce.server, sharedOnce.err = startServer(bin, false) })
	if sharedOnce.err != nil {
		t.Fatal(sharedOnce.err)
	}
	return sharedOnce.server
}

// findPostgres returns the folder of Postgres's programs, or skips the test.
func findPostgres(t testing.TB) string {
	t.Helper()
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil && fileExists(filepath.Join(filepath.Dir(path), "postgres")) {
			return filepath.Dir(path)
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is valid
	if len(found) == 0 {
		t.Skip("there is no Postgres; install the Debian package postgresql")
	}
	return filepath.Dir(found[len(found)-1])
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// pgServer is one running Postgres.
type pgServer struct {
	dir        string
	port       int
	credential *syscall.Credential // nil: of this process
	stdin      io.Closer           // the server stops when this is closed
	done       chan struct{}       // closed when the server has stopped and its folder is deleted

	created atomic.Int64
	once    sync.Once // guards the creation of the template
	err     error
}

// watchScript runs the server until its standard input ends. The input also ends when this
// process is killed. Then the script stops the server and deletes its folder.
const watchScript = `"$1"/postgres -D "$2" >>"$2"/log 2>&1 </dev/null & server=$!
cat >/dev/null
kill -QUIT $server
wait $server
rm -rf "$2"`

// errPortTaken means that another process took the free port first.
var errPortTaken = errors.New("cloudtest: the port is taken")

// retryPorts starts a server again while another process takes its port. Postgres cannot choose a
// free port itself.
func retryPorts(start func() (*pgServer, error)) (s *pgServer, err error) {
	for range 5 {
		if s, err = start(); !errors.Is(err, errPortTaken) {
			break
		}
	}
	return s, err
}

func startServer(bin string, durable bool) (*pgServer, error) {
	return retryPorts(func() (*pgServer, error) { return startOnce(bin, durable) })
}

func startOnce(bin string, durable bool) (*pgServer, error) {
	s := &pgServer{done: make(chan struct{})}
	var err error
	if s.dir, err = os.MkdirTemp("", "livelearn-postgres-"); err != nil {
		return nil, err
	}
	if err := s.initDatabase(bin, durable); err != nil {
		return nil, fmt.Errorf("cloudtest: %w", err)
	}
	return s, s.run(bin)
}

// run starts the server and waits until it answers.
func (s *pgServer) run(bin string) (err error) {
	if err := os.Remove(filepath.Join(s.dir, "log")); err != nil && !errors.Is(err, os.ErrNotExist) { // a copy of a server has its log
		return err
	}
	cmd := s.newCommand("sh", "-c", watchScript, "sh", bin, s.dir)
	if s.stdin, err = cmd.StdinPipe(); err != nil {
		return err
	}
	cmd.SysProcAttr.Setsid = true // ^C ends the tests, and then the pipe ends
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait(); close(s.done) }()
	return s.waitReady()
}

// initDatabase creates the database folder. Postgres refuses to run as root.
func (s *pgServer) initDatabase(bin string, durable bool) error {
	if err := s.chownToPostgres(); err != nil {
		return err
	}
	var err error
	if s.port, err = choosePort(); err != nil {
		return err
	}
	secret := filepath.Join(s.dir, "..", filepath.Base(s.dir)+".pw")
	if err := os.WriteFile(secret, []byte(password), 0o644); err != nil {
		return err
	}
	defer func() { _ = os.Remove(secret) }()
	out, err := s.newCommand(filepath.Join(bin, "initdb"), "-D", s.dir, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8",
		"--auth=scram-sha-256", "--pwfile="+secret, "--no-sync").CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	conf := fmt.Sprintf("listen_addresses='127.0.0.1'\nport=%d\nunix_socket_directories=''\nmax_connections=100\nshared_buffers='128MB'\nmax_wal_size='2GB'\n", s.port)
	if !durable {
		conf += "fsync=off\nsynchronous_commit=off\nfull_page_writes=off\n"
	}
	f, err := os.OpenFile(filepath.Join(s.dir, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = f.WriteString(conf)
	return err
}

// chownToPostgres gives the folder to the user postgres if this process runs as root.
func (s *pgServer) chownToPostgres() error {
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, _ := strconv.Atoi(u.Uid) // a number on Linux
	gid, _ := strconv.Atoi(u.Gid)
	s.credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.dir, uid, gid)
}

func (s *pgServer) newCommand(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.credential}
	return cmd
}

// choosePort is a variable for the test of a taken port.
var choosePort = freePort

// freePort returns a port that is free now. Another process may take it before Postgres does.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (s *pgServer) urlOf(database string) string {
	return fmt.Sprintf("postgres://postgres:%s@127.0.0.1:%d/%s?sslmode=disable", strings.ReplaceAll(password, " ", "%20"), s.port, database)
}

// waitReady returns when the server accepts connections. It reads the log, because another process
// may answer at the port.
func (s *pgServer) waitReady() error {
	var log []byte
	for end := time.Now().Add(timetest.Patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) { // the server is a process of its own
		log, _ = os.ReadFile(filepath.Join(s.dir, "log")) // is missing at first
		if bytes.Contains(log, []byte("system is ready to accept")) {
			return nil
		}
		if bytes.Contains(log, []byte("could not create any TCP/IP sockets")) {
			s.stop()
			return errPortTaken
		}
	}
	s.stop()
	return fmt.Errorf("cloudtest: Postgres does not start:\n%s", bytes.TrimSpace(log))
}

func (s *pgServer) stop() {
	_ = s.stdin.Close()
	<-s.done
}

// createDatabase creates a database. With schema, it copies a migrated template.
func (s *pgServer) createDatabase(t testing.TB, schema bool) string {
	t.Helper()
	name := fmt.Sprintf("t%d", s.created.Add(1))
	from := "template1"
	if schema {
		if s.once.Do(func() { s.err = s.createTemplate() }); s.err != nil {
			t.Fatal(s.err)
		}
		from = "livelearn"
	}
	if err := s.execSQL("create database " + name + " template " + from); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.execSQL("drop database if exists " + name + " with (force)"); err != nil {
			t.Error(err)
		}
	})
	return s.urlOf(name)
}

func (s *pgServer) createTemplate() error {
	if err := s.execSQL("create database livelearn"); err != nil {
		return err
	}
	store, err := pg.Open(context.Background(), s.urlOf("livelearn"))
	if err != nil {
		return err
	}
	defer store.Close()
	return store.Migrate(context.Background())
}

func (s *pgServer) execSQL(sql string) error {
	ctx := context.Background()
	c, err := pgx.Connect(ctx, s.urlOf("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	_, err = c.Exec(ctx, sql)
	return err
}
