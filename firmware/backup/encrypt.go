package backup

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"strings"

	"filippo.io/age"

	"github.com/livelearn/box/services/errs"
)

const (
	ageHead   = "age-encryption.org/" // how an encrypted backup begins
	ageWork   = 15                    // scrypt takes 32 MiB, which each board has
	maxWork   = 18
	minSecret = 12 // characters of a passphrase
)

// NewPassphrase returns a passphrase of 120 random bits in groups, for people who write it down.
func NewPassphrase() string {
	text := strings.ToLower(rand.Text()[:24])
	groups := []string{}
	for at := 0; at < len(text); at += 4 {
		groups = append(groups, text[at:at+4])
	}
	return strings.Join(groups, "-")
}

// Encrypt returns a writer that encrypts a backup to a passphrase, in the format of age. Close
// ends the backup and leaves w open.
func Encrypt(w io.Writer, passphrase string) (io.WriteCloser, error) {
	if len([]rune(passphrase)) < minSecret {
		return nil, errs.NewField("backup", "passphrase", "too_short", minSecret, "the passphrase must have at least %d characters", minSecret)
	}
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, errs.New("backup", errs.Internal, err)
	}
	to.SetWorkFactor(ageWork)
	out, err := age.Encrypt(w, to)
	if err != nil {
		return nil, errs.New("backup", errs.Down, err)
	}
	return out, nil
}

// IsEncrypted reads the first bytes of a backup and reports whether it needs a passphrase.
func IsEncrypted(r io.Reader) bool {
	head := make([]byte, len(ageHead))
	_, err := io.ReadFull(r, head)
	return err == nil && string(head) == ageHead
}

// Decrypt returns the plain bytes of a backup. A backup that is not encrypted comes out as it is.
// errs.Denied: the passphrase is missing or wrong. A part that was altered is an error of Read.
func Decrypt(r io.Reader, passphrase string) (io.Reader, error) {
	in := bufio.NewReader(r)
	if head, _ := in.Peek(len(ageHead)); !bytes.Equal(head, []byte(ageHead)) {
		return in, nil // plain, or too short, which the restore says
	}
	if passphrase == "" {
		return nil, errs.NewCode("restore", errs.Denied, "no_passphrase", "the backup is encrypted: give its passphrase, which is on its recovery sheet")
	}
	key, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, errs.New("restore", errs.Internal, err)
	}
	key.SetMaxWorkFactor(maxWork)
	out, err := age.Decrypt(in, key)
	var wrong *age.NoIdentityMatchError
	if errors.As(err, &wrong) {
		return nil, errs.NewCode("restore", errs.Denied, "wrong_passphrase", "this is not the passphrase of the backup")
	}
	if err != nil {
		return nil, errAltered(err)
	}
	return openedReader{out}, nil
}

func errAltered(err error) error {
	return errs.NewCode("restore", errs.Invalid, "altered", "the encrypted backup is damaged or cut: %v", err)
}

// openedReader gives the errors of age a kind.
type openedReader struct{ io.Reader }

// Read implements io.Reader.
func (r openedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = errAltered(err)
	}
	return n, err
}
