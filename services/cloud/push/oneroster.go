package push

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
)

// rosterFile is the name of the file in the folder of a school's system.
const rosterFile = "livelearn-oneroster.zip"

var errDatabase = errors.New("the database does not answer")

const dialTime = 30 * time.Second

// runOneRoster puts the results of a school into a folder, as one file that replaces the one before. The
// other system sees the old file or the new one, and no part of one.
func (p *Pusher) runOneRoster(ctx context.Context, job *pg.PushJob) error {
	u, err := url.Parse(job.Address)
	if err != nil {
		return &fault{text: "the address is invalid"}
	}
	write := func(w io.Writer) error {
		err := p.OneRoster(ctx, w, job.School)
		if e, ok := errors.AsType[*errs.Error](err); ok && strings.HasPrefix(e.Op, "pg.") {
			return errDatabase // the other text names its address
		}
		return err
	}
	if u.Scheme == "file" {
		if err := atomicfile.Write(filepath.Join(filepath.FromSlash(u.Path), rosterFile), 0o640, write); err != nil {
			return &fault{text: "the folder does not take the file: " + err.Error()}
		}
	} else if err := putSFTP(ctx, u, job, write); err != nil {
		return err
	}
	_, err = p.Store.FinishPush(ctx, job, pg.PushOutcome{Cursor: job.Cursor, Sent: 1, Wait: job.Every})
	return err
}

// putSFTP writes the file on an SFTP server.
func putSFTP(ctx context.Context, u *url.URL, job *pg.PushJob, write func(io.Writer) error) error {
	conn, err := dialSSH(ctx, u, job)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	g := supervise.Group(ctx)
	done := make(chan struct{})
	g.Go(func(ctx context.Context) error { // a server that hangs keeps the node no longer than ctx
		select {
		case <-ctx.Done():
			_ = conn.Close()
		case <-done:
		}
		return nil
	})
	g.Go(func(context.Context) error {
		defer close(done)
		return putFile(conn, u, write)
	})
	return g.Wait()
}

// putFile writes a file of a random name, and gives it its name when it is whole.
func putFile(conn *ssh.Client, u *url.URL, write func(io.Writer) error) error {
	c, err := sftp.NewClient(conn)
	if err != nil {
		return &fault{text: "the server offers no SFTP: " + err.Error()}
	}
	defer func() { _ = c.Close() }()
	folder := cutHome(u.Path)
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	part := path.Join(folder, "."+rosterFile+"."+hex.EncodeToString(random[:]))
	f, err := c.Create(part)
	if err != nil {
		return &fault{text: "the folder takes no file: " + err.Error()}
	}
	b := bufio.NewWriterSize(f, 32<<10) // SFTP sends each write as a packet
	err = write(b)
	if err == nil {
		err = b.Flush()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = replaceFile(c, part, path.Join(folder, rosterFile))
	}
	if err != nil {
		_ = c.Remove(part) // the server may be gone
		return &fault{text: "the file was not written: " + err.Error()}
	}
	return nil
}

// replaceFile renames a file over another one. A server without the extension of OpenSSH for that
// renames only to a free name.
func replaceFile(c *sftp.Client, from, to string) error {
	if _, ok := c.HasExtension("posix-rename@openssh.com"); ok {
		return c.PosixRename(from, to)
	}
	if _, err := c.Stat(to); err == nil {
		if err := c.Remove(to); err != nil {
			return err
		}
	}
	return c.Rename(from, to)
}

// cutHome returns the folder of an address. /~/ begins one in the home folder of the login.
func cutHome(folder string) string {
	if rest, ok := strings.CutPrefix(folder+"/", "/~/"); ok {
		return path.Join(".", rest)
	}
	return path.Join("/", folder)
}

// dialSSH connects to the server whose key the settings pin.
func dialSSH(ctx context.Context, u *url.URL, job *pg.PushJob) (*ssh.Client, error) {
	pinned, _, _, _, err := ssh.ParseAuthorizedKey([]byte(job.HostKey))
	if err != nil {
		return nil, &fault{text: "the host key is invalid"}
	}
	auth, err := authMethod(job.Secret)
	if err != nil {
		return nil, err
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), "22")
	}
	dialer := net.Dialer{Timeout: dialTime}
	raw, err := dialer.DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, &fault{text: "the server does not answer: " + err.Error()}
	}
	_ = raw.SetDeadline(time.Now().Add(dialTime)) // for the handshake; a TCP connection takes it
	sc, channels, requests, err := ssh.NewClientConn(raw, host, &ssh.ClientConfig{
		User: job.Login, Auth: []ssh.AuthMethod{auth}, HostKeyCallback: ssh.FixedHostKey(pinned), HostKeyAlgorithms: keyAlgorithms(pinned.Type()),
	})
	if err != nil {
		_ = raw.Close()
		return nil, &fault{text: "the server refuses the connection, or has another host key: " + err.Error()}
	}
	_ = raw.SetDeadline(time.Time{})
	return ssh.NewClient(sc, channels, requests), nil
}

// keyAlgorithms returns how a server may prove that it has a key. An RSA key signs with SHA-2 only.
func keyAlgorithms(kind string) []string {
	if kind == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{kind}
}

// authMethod returns how a login proves itself: by a private key, or by a password.
func authMethod(secret string) (ssh.AuthMethod, error) {
	if !strings.HasPrefix(secret, "-----BEGIN ") {
		return ssh.Password(secret), nil
	}
	key, err := ssh.ParsePrivateKey([]byte(secret + "\n"))
	if err != nil {
		return nil, &fault{text: "the private key is invalid or has a passphrase"}
	}
	return ssh.PublicKeys(key), nil
}
