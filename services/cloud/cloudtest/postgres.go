// Package cloudtest runs the cloud's database for tests: a real Postgres.
package cloudtest

import (
	"bytes"
	"context"
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
)

const password = "only for tests"

// Postgres is the URL of a new database that has the schema and nothing in it. One server
// serves all tests of a process and ends with it, also when that is killed.
func Postgres(t testing.TB) string {
	t.Helper()
	return shared(t).database(t, true)
}

// Empty is the URL of a new database without the schema.
func Empty(t testing.TB) string {
	t.Helper()
	return shared(t).database(t, false)
}

// Durable is Postgres on a server of its own that writes to the disk as a real one does.
func Durable(t testing.TB) string {
	t.Helper()
	s, err := start(programs(t), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s.database(t, true)
}

var one struct {
	sync.Once
	server *server
	err    error
}

func shared(t testing.TB) *server {
	t.Helper()
	bin := programs(t)
	one.Do(func() { one.server, one.err = start(bin, false) })
	if one.err != nil {
		t.Fatal(one.err)
	}
	return one.server
}

// programs is where Postgres is.
func programs(t testing.TB) string {
	t.Helper()
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil && exists(filepath.Join(filepath.Dir(path), "postgres")) {
			return filepath.Dir(path)
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is right
	if len(found) == 0 {
		t.Skip("there is no Postgres; install the Debian package postgresql")
	}
	return filepath.Dir(found[len(found)-1])
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// server is one running Postgres.
type server struct {
	dir  string
	port int
	as   *syscall.Credential // nil: who we are
	hold io.Closer           // the server lives while this is open
	done chan struct{}       // closed when it has ended and its folder is gone

	made atomic.Int64
	once sync.Once // makes the template
	err  error
}

// watch runs the server until its standard input ends, which it does when this process is
// gone for whatever reason; then it tidies up.
const watch = `"$1"/postgres -D "$2" >>"$2"/log 2>&1 </dev/null & server=$!
cat >/dev/null
kill -QUIT $server
wait $server
rm -rf "$2"`

func start(bin string, durable bool) (*server, error) {
	s := &server{done: make(chan struct{})}
	var err error
	if s.dir, err = os.MkdirTemp("", "livelearn-postgres-"); err != nil {
		return nil, err
	}
	if err := s.prepare(bin, durable); err != nil {
		return nil, fmt.Errorf("cloudtest: %w", err)
	}
	cmd := s.command("sh", "-c", watch, "sh", bin, s.dir)
	if s.hold, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	cmd.SysProcAttr.Setsid = true // ^C ends the tests; then the pipe ends
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = cmd.Wait(); close(s.done) }()
	return s, s.wait()
}

// prepare makes the folder of the database, as whom Postgres wants: not root.
func (s *server) prepare(bin string, durable bool) error {
	if err := s.yield(); err != nil {
		return err
	}
	var err error
	if s.port, err = freePort(); err != nil {
		return err
	}
	secret := filepath.Join(s.dir, "..", filepath.Base(s.dir)+".pw")
	if err := os.WriteFile(secret, []byte(password), 0o644); err != nil {
		return err
	}
	defer os.Remove(secret)
	out, err := s.command(filepath.Join(bin, "initdb"), "-D", s.dir, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8",
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
	defer f.Close()
	_, err = f.WriteString(conf)
	return err
}

// yield hands the folder to the user postgres when we are root.
func (s *server) yield() error {
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, _ := strconv.Atoi(u.Uid) // a number on Linux
	gid, _ := strconv.Atoi(u.Gid)
	s.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.dir, uid, gid)
}

func (s *server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	return cmd
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (s *server) url(database string) string {
	return fmt.Sprintf("postgres://postgres:%s@127.0.0.1:%d/%s?sslmode=disable", strings.ReplaceAll(password, " ", "%20"), s.port, database)
}

// wait returns when the server answers.
func (s *server) wait() error {
	var err error
	for range 600 {
		var c *pgx.Conn
		if c, err = pgx.Connect(context.Background(), s.url("postgres")); err == nil {
			return c.Close(context.Background())
		}
		time.Sleep(50 * time.Millisecond)
	}
	log, _ := os.ReadFile(filepath.Join(s.dir, "log")) // what there is of it
	s.stop()
	return fmt.Errorf("cloudtest: Postgres does not start: %w\n%s", err, bytes.TrimSpace(log))
}

func (s *server) stop() {
	_ = s.hold.Close()
	<-s.done
}

// database makes one; with the schema it is a copy of one that was migrated.
func (s *server) database(t testing.TB, schema bool) string {
	t.Helper()
	name := fmt.Sprintf("t%d", s.made.Add(1))
	from := "template1"
	if schema {
		if s.once.Do(func() { s.err = s.template() }); s.err != nil {
			t.Fatal(s.err)
		}
		from = "livelearn"
	}
	if err := s.exec("create database " + name + " template " + from); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.exec("drop database if exists " + name + " with (force)"); err != nil {
			t.Error(err)
		}
	})
	return s.url(name)
}

func (s *server) template() error {
	if err := s.exec("create database livelearn"); err != nil {
		return err
	}
	store, err := pg.Open(context.Background(), s.url("livelearn"))
	if err != nil {
		return err
	}
	defer store.Close()
	return store.Migrate(context.Background())
}

func (s *server) exec(sql string) error {
	ctx := context.Background()
	c, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	_, err = c.Exec(ctx, sql)
	return err
}
