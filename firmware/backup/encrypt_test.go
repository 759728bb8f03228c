package backup

import (
	"bytes"
	"io"
	"testing"

	"github.com/livelearn/box/services/errs"
)

func encryptBackup(t *testing.T, plain []byte, passphrase string) []byte {
	t.Helper()
	var sealed bytes.Buffer
	w, err := Encrypt(&sealed, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return sealed.Bytes()
}

func TestAnEncryptedBackupOpensWithItsPassphraseOnly(t *testing.T) {
	plain, secret := newBackup(t), NewPassphrase()
	sealed := encryptBackup(t, plain, secret)
	if bytes.Contains(sealed, []byte("LIVELEARN")) || len(secret) != 29 {
		t.Errorf("the backup is readable, or the passphrase is %q", secret)
	}
	if _, err := Encrypt(io.Discard, "short"); errs.BodyOf(err).Field != "passphrase" || errs.BodyOf(err).Limit != minSecret {
		t.Errorf("a short passphrase: %v", err)
	}
	for passphrase, code := range map[string]string{"": "no_passphrase", "another-passphrase": "wrong_passphrase"} {
		if _, err := Decrypt(bytes.NewReader(sealed), passphrase); errs.KindOf(err) != errs.Denied || errs.BodyOf(err).Code != code {
			t.Errorf("opened with %q: %v", passphrase, err)
		}
	}
	for name, data := range map[string][]byte{"encrypted": sealed, "plain": plain} { // older backups are plain
		r, err := Decrypt(bytes.NewReader(data), secret)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := Restore(t.TempDir(), r, true); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, cut := range []int{len(sealed) / 2, len(sealed) - 1} {
		r, err := Decrypt(bytes.NewReader(sealed[:cut]), secret)
		if err == nil {
			_, _, err = Restore(t.TempDir(), r, true)
		}
		if err == nil {
			t.Errorf("a backup that was cut at %d was restored", cut)
		}
	}
	bad := bytes.Clone(sealed)
	bad[len(bad)-99] ^= 1
	r, err := Decrypt(bytes.NewReader(bad), secret)
	if err == nil {
		_, _, err = Restore(t.TempDir(), r, true)
	}
	if err == nil {
		t.Error("an altered backup was restored")
	}
}
