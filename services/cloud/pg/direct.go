package pg

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/errs"
)

// AddDirect gives a box its own database login and replaces an earlier one. It returns the URL
// with the password, which is not stored. The URL has the host that this Store uses.
func (s *Store) AddDirect(ctx context.Context, school, box, name string) (string, error) {
	if box == "" || len(box) > maxName || cleanText(box) != box {
		return "", errs.NewField("pg.AddDirect", "box", "bad_box", maxName, "must be an id of 1 to %d bytes", maxName)
	}
	database := s.pool.Config().ConnConfig.Database
	sum := sha256.Sum256([]byte(database + "\n" + box)) // logins belong to the server, not to the database
	login := "livelearn_box_" + hex.EncodeToString(sum[:8])
	password := rand.Text()
	err := s.change(ctx, "AddDirect", Deed{School: school, Action: "box login made", Object: box}, func(tx pgx.Tx, _ *Deed) error {
		var id int
		err := tx.QueryRow(ctx, `select id from livelearn.schools where name = $1`, school).Scan(&id)
		if isNoRows(err) {
			return errNoSchool("AddDirect", school)
		}
		if err != nil {
			return err
		}
		if err := admitBox(ctx, tx, id, Enrolment{Box: box, Name: name}); err != nil {
			return err
		}
		if err := setLogin(ctx, tx, login, password); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update livelearn.boxes set login = $2 where id = $1`, box, login)
		return err
	})
	if err != nil {
		return "", err
	}
	return s.directURL(login, password), nil
}

// setLogin creates a login, or gives it a new password.
func setLogin(ctx context.Context, tx pgx.Tx, login, password string) error {
	var known bool
	if err := tx.QueryRow(ctx, `select exists (select from pg_roles where rolname = $1)`, login).Scan(&known); err != nil {
		return err
	}
	verb := "create"
	if known {
		verb = "alter"
	}
	proof, err := scramVerifier(password)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, fmt.Sprintf("%s role %s login connection limit 8 password '%s'", verb, login, proof))
	if err == nil {
		_, err = tx.Exec(ctx, "grant livelearn_box to "+login)
	}
	return err
}

// scramVerifier returns a password as Postgres stores it (RFC 5803). So the password itself
// appears in no log of the server.
func scramVerifier(password string) (string, error) {
	const rounds = 4096
	salt := make([]byte, 16)
	rand.Read(salt)
	salted, err := pbkdf2.Key(sha256.New, password, salt, rounds, sha256.Size)
	if err != nil {
		return "", err
	}
	client := sha256.Sum256(hmacSHA256(salted, "Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", rounds, b64(salt), b64(client[:]), b64(hmacSHA256(salted, "Server Key"))), nil
}

func hmacSHA256(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write([]byte(text)) // a hash never fails
	return h.Sum(nil)
}

// directURL returns this Store's URL with another login.
func (s *Store) directURL(login, password string) string {
	c := s.pool.Config()
	host := net.JoinHostPort(c.ConnConfig.Host, strconv.Itoa(int(c.ConnConfig.Port)))
	u := url.URL{Scheme: "postgres", User: url.UserPassword(login, password), Host: host, Path: "/" + c.ConnConfig.Database}
	q := url.Values{}
	if strings.HasPrefix(c.ConnConfig.Host, "/") { // a Unix socket
		u.Host = ""
		q.Set("host", c.ConnConfig.Host)
		q.Set("port", strconv.Itoa(int(c.ConnConfig.Port)))
	}
	if own, err := url.Parse(c.ConnString()); err == nil {
		for _, key := range []string{"sslmode", "sslrootcert"} {
			if v := own.Query().Get(key); v != "" {
				q.Set(key, v)
			}
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}
