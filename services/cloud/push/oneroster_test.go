package push_test

import (
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/timetest"
)

const fileName = "livelearn-oneroster.zip"

// writeRoster replaces the export of a node, which package server tests. It is larger than a packet of SFTP.
func (*rig) writeRoster(_ context.Context, w io.Writer, school string) error {
	_, err := io.WriteString(w, school+strings.Repeat(" results", 20_000))
	return err
}

// sshServer is where a school's system gets its files.
type sshServer struct {
	addr    string
	login   string
	secret  string
	hostKey string
}

func newKeyPair(t *testing.T) (signer ssh.Signer, private []byte) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err = ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer, pem.EncodeToMemory(block)
}

func keyText(s ssh.Signer) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.PublicKey())))
}

// startPasswordServer runs an SFTP server in this process. It takes a password and renames over no
// file, as servers other than OpenSSH do.
func startPasswordServer(t *testing.T) sshServer {
	host, _ := newKeyPair(t)
	cfg := &ssh.ServerConfig{PasswordCallback: func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
		if c.User() != "sis" || string(password) != "open sesame" {
			return nil, errors.New("wrong password")
		}
		return nil, nil
	}}
	cfg.AddHostKey(host)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			serveSFTP(conn, cfg)
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	return sshServer{ln.Addr().String(), "sis", "open sesame", keyText(host)}
}

// serveSFTP serves one connection until its end.
func serveSFTP(raw net.Conn, cfg *ssh.ServerConfig) {
	defer func() { _ = raw.Close() }()
	conn, channels, requests, err := ssh.NewServerConn(raw, cfg)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	go ssh.DiscardRequests(requests)
	for c := range channels {
		channel, asked, err := c.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range asked {
				_ = r.Reply(r.Type == "subsystem", nil)
			}
		}()
		s, err := sftp.NewServer(channel)
		if err != nil {
			return
		}
		_ = s.Serve()
		_ = s.Close()
		_ = channel.Close()
	}
}

// startOpenSSH runs the sshd of the machine, with a private key as login.
func startOpenSSH(t *testing.T) sshServer {
	path, err := exec.LookPath("sshd")
	if err != nil {
		path = "/usr/sbin/sshd"
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("there is no sshd; install the Debian package openssh-server")
	}
	if _, err := user.Lookup("sshd"); err != nil && os.Geteuid() == 0 {
		t.Skip("as root, sshd needs the user sshd of the Debian package openssh-server")
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil && os.Geteuid() == 0 { // where it gives up its rights
		t.Skip(err)
	}
	dir := t.TempDir()
	host, hostPrivate := newKeyPair(t)
	login, private := newKeyPair(t)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0") // for a free port
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	_, port, _ := net.SplitHostPort(addr)
	files := map[string]string{
		"host": string(hostPrivate), "keys": keyText(login) + "\n",
		"config": fmt.Sprintf("ListenAddress 127.0.0.1\nPort %s\nHostKey %s/host\nAuthorizedKeysFile %s/keys\nStrictModes no\nPermitRootLogin yes\nPasswordAuthentication no\nUsePAM no\nPidFile none\nSubsystem sftp internal-sftp\n", port, dir, dir),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out lockedBuffer
	cmd := exec.CommandContext(t.Context(), path, "-D", "-e", "-f", filepath.Join(dir, "config"))
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
	timetest.WaitUntil(t, "sshd", func() bool {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return sshServer{addr, me.Username, string(private), keyText(host)}
}

func (r *rig) putFiles(s pg.PushSettings) {
	r.t.Helper()
	s.School, s.Kind, s.Every = cloudtest.School, pg.PushOneRoster, time.Hour
	r.must(r.Store.SetPush(r.t.Context(), s))
}

// checkFile fails the test unless the whole file is in a folder, and nothing else.
func checkFile(t *testing.T, folder string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, fileName))
	if err != nil || !strings.HasPrefix(string(data), cloudtest.School) || len(data) < 160_000 {
		t.Errorf("got %d bytes, %v", len(data), err)
	}
	list, _ := os.ReadDir(folder)
	if len(list) != 1 {
		t.Errorf("the folder has %v", list)
	}
}

// TestASchoolsSystemGetsItsFileOnSchedule puts a file, and later another one over it.
func TestASchoolsSystemGetsItsFileOnSchedule(t *testing.T) {
	t.Run("folder", func(t *testing.T) {
		r, folder := newRig(t), t.TempDir()
		r.putFiles(pg.PushSettings{Address: (&url.URL{Scheme: "file", Path: folder}).String()})
		r.checkSchedule(folder)
	})
	for name, start := range map[string]func(*testing.T) sshServer{"password": startPasswordServer, "OpenSSH": startOpenSSH} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			r, folder := newRig(t), t.TempDir()
			r.putFiles(pg.PushSettings{Address: "sftp://" + s.addr + folder, Login: s.login, Secret: s.secret, HostKey: s.hostKey})
			r.checkSchedule(folder)
		})
	}
}

func (r *rig) checkSchedule(folder string) {
	r.t.Helper()
	r.startNodes()
	for n := range 2 {
		timetest.WaitUntil(r.t, "a file", func() bool {
			got := r.state()
			if got.Problem != "" {
				r.t.Fatal(got.Problem)
			}
			return got.Sent == int64(n+1)
		})
		checkFile(r.t, folder)
		if next := r.state().Next; time.Until(next) < 50*time.Minute {
			r.t.Errorf("the next file comes at %v", next)
		}
		r.lookAgain()
	}
}

// TestAnotherServerGetsNoFile refuses a server whose host key is not the pinned one.
func TestAnotherServerGetsNoFile(t *testing.T) {
	s := startPasswordServer(t)
	r, folder := newRig(t), t.TempDir()
	other, _ := newKeyPair(t)
	r.putFiles(pg.PushSettings{Address: "sftp://" + s.addr + folder, Login: s.login, Secret: s.secret, HostKey: keyText(other)})
	r.startNodes()
	timetest.WaitUntil(t, "a failure", func() bool { return r.state().Failures > 0 })
	if got := r.state(); !strings.Contains(got.Problem, "has another host key") || strings.Contains(got.Problem+r.log.String(), s.secret) {
		t.Errorf("got %q", got.Problem)
	}
	if list, _ := os.ReadDir(folder); len(list) > 0 {
		t.Errorf("the folder has %v", list)
	}
	r.putFiles(pg.PushSettings{Address: "sftp://" + s.addr + folder, Login: s.login, Secret: s.secret, HostKey: s.hostKey})
	timetest.WaitUntil(t, "the file", func() bool { return r.state().Sent == 1 })
	checkFile(t, folder)
}
