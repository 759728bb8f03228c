package members

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io/fs"
	"log/slog"
	"math/big"
	"os"
	"time"

	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/errs"
)

// Identity is the key of a box and its certificate, which carries the key and says nothing else.
type Identity struct {
	ID   string // the beginning of Key
	Key  string // SHA-256 of the public key, in hex
	cert tls.Certificate
	pem  []byte
}

// damaged is added to the name of a file that is moved aside.
const damaged = ".damaged"

// OpenIdentity reads the key of this box from a file, and makes one at the first start. A damaged key
// is moved aside for a new one, which no other box knows: the box is alone until it is paired again.
func OpenIdentity(path string, log *slog.Logger) (Identity, error) {
	data, err := os.ReadFile(path)
	if err == nil {
		own, fault := ParseIdentity(data)
		if errs.KindOf(fault) != errs.Corrupt || fault == nil {
			return own, fault
		}
		log.Error("the key of this box is damaged and is moved aside: pair this box again", "err", fault)
		if err = os.Rename(path, path+damaged); err == nil {
			err = fs.ErrNotExist
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		if data, err = newKey(); err == nil {
			err = atomicfile.Write(path, 0o600, atomicfile.Bytes(data))
		}
	}
	if err != nil {
		return Identity{}, errs.New("members.OpenIdentity", errs.Down, err)
	}
	return ParseIdentity(data)
}

func newKey() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), err
}

// ParseIdentity reads a key as PEM has it.
func ParseIdentity(data []byte) (Identity, error) {
	const op = "members.ParseIdentity"
	block, _ := pem.Decode(data)
	if block == nil {
		return Identity{}, errs.NewCode(op, errs.Corrupt, "no_key", "the key of this box is damaged")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok || key.Curve != elliptic.P256() {
		return Identity{}, errs.NewCode(op, errs.Corrupt, "bad_key", "the key of this box is not a P-256 key")
	}
	// Its dates have passed wherever a clock may stand, so that a check of dates would show at once.
	long := time.Unix(0, 0)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: long, NotAfter: long}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return Identity{}, errs.New(op, errs.Internal, err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return Identity{}, errs.New(op, errs.Internal, err)
	}
	pin := keyOf(leaf)
	return Identity{ID: idOf(pin), Key: pin, cert: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pem: data}, nil
}

// keyOf is the name of a certificate's key.
func keyOf(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// ServerName is the name under which a box asks another one for a connection between members, at the
// port where browsers come too. No certificate of a browser's has it.
const ServerName = "box.livelearn.invalid"

// PeerOf returns the id of the member at the other side of a connection for members. Empty: it is none.
func PeerOf(s *tls.ConnectionState) string {
	if s == nil || s.ServerName != ServerName || len(s.PeerCertificates) == 0 {
		return ""
	}
	return idOf(keyOf(s.PeerCertificates[0]))
}

// PEM is the private key, for the process that takes the connections of members.
func (i Identity) PEM() []byte { return i.pem }

// TLS is the configuration of both sides of a connection between members: TLS 1.3, where each side
// shows its key and isMember decides. Nothing else of the certificates counts.
func (i Identity) TLS(isMember func(key string) bool) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{i.cert}, MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert,
		//lint:ignore gosec VerifyConnection decides
		InsecureSkipVerify: true,
		// A resumed session would carry the trust of an earlier list.
		SessionTicketsDisabled: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || !isMember(keyOf(s.PeerCertificates[0])) {
				return errs.NewCode("members", errs.Denied, "not_a_member", "the other side is not a box of this school")
			}
			return nil
		},
	}
}
