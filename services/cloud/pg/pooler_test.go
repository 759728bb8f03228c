package pg_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/timetest"
)

// startPooler starts pgbouncer in transaction mode before a database. It returns the URL there.
func startPooler(t *testing.T, base string) string {
	t.Helper()
	bin, err := exec.LookPath("pgbouncer")
	if err != nil {
		bin = "/usr/sbin/pgbouncer"
	}
	if _, err := os.Stat(bin); err != nil {
		t.Skip("there is no pgbouncer")
	}
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String()) // an address of TCP
	_ = l.Close()
	dir, err := os.MkdirTemp("", "livelearn-pooler-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	password, _ := u.User.Password()
	user := ""
	if os.Geteuid() == 0 {
		user = "user = postgres\n"
	}
	for name, text := range map[string]string{
		"users": fmt.Sprintf("%q %q\n", u.User.Username(), password),
		"ini": fmt.Sprintf("[databases]\n* = host=127.0.0.1 port=%s\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %s\nauth_type = scram-sha-256\nauth_file = %s\n"+
			"pool_mode = transaction\ndefault_pool_size = 3\nunix_socket_dir =\n%s", u.Port(), port, filepath.Join(dir, "users"), user),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, filepath.Join(dir, "ini"))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	u.Host = net.JoinHostPort("127.0.0.1", port)
	for end := time.Now().Add(timetest.Patience); ; time.Sleep(50 * time.Millisecond) { // another process opens the port
		if c, err := net.Dial("tcp", u.Host); err == nil {
			_ = c.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal("pgbouncer does not start")
		}
	}
	q := u.Query()
	q.Set("default_query_exec_mode", "cache_describe")
	u.RawQuery = q.Encode()
	return u.String()
}

// TestAPoolerInTransactionModeMayStandBetween works through pgbouncer with the documented setting,
// from several goroutines at once.
func TestAPoolerInTransactionModeMayStandBetween(t *testing.T) {
	base := cloudtest.Postgres(t)
	pooled := startPooler(t, base)
	r := &rig{t: t, url: pooled, store: openStore(t, pooled), db: connectRaw(t, base)}
	r.must(r.store.Migrate(t.Context()))
	r.must(r.store.CheckReady(t.Context()))
	r.must(r.store.AddSchool(t.Context(), school, cloud.Policy{Names: true}))
	for n := range 6 {
		r.enrol(school, fmt.Sprint("box-", n))
	}
	var mu sync.Mutex
	stored := 0
	g := supervise.Group(t.Context())
	for n := range 6 {
		x := newBox(fmt.Sprint("box-", n), 7)
		g.Go(func(ctx context.Context) error {
			for range 5 {
				x.addLessons(1)
				got, err := r.store.Ingest(ctx, x.id, x.takeBatch())
				if err != nil {
					return err
				}
				mu.Lock()
				stored += got.Stored
				mu.Unlock()
			}
			return nil
		})
	}
	r.must(g.Wait())
	if n := r.queryInt(`select count(*) from livelearn.facts`); n != stored || stored == 0 {
		t.Errorf("%d facts, %d were stored", n, stored)
	}
	if n := len(r.statementsSince(pg.StatementQuery{School: school})); n == 0 {
		t.Error("no statement")
	}
	for _, err := range r.store.Results(t.Context(), pg.Period{}) {
		r.must(err)
	}
	_, err := r.store.Boxes(t.Context(), "")
	r.must(err)
}
