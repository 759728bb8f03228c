package library

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/records"
)

const (
	secretLen  = 32
	keyPurpose = "livelearn library answer keys 1"
)

// storedQuiz is a quiz as it is on disk: its items without their keys, and those sealed.
type storedQuiz struct {
	item.Quiz // but for its items

	Asked  []item.Item `json:"asked,omitempty"`
	Sealed []byte      `json:"sealed,omitempty"` // none: a value of an earlier version
	Given  int64       `json:"given,omitempty"`  // Updated as it came from the cloud; 0: it is the box's own

	// Items are those of an earlier version, keys and all; otherwise a word on which it fails:
	// it would grade by keys that it does not find.
	Items json.RawMessage `json:"items"`
}

// open is the quiz without its keys, when they are sealed.
func (s storedQuiz) open() (item.Quiz, error) {
	q := s.Quiz
	if s.Sealed == nil {
		if err := json.Unmarshal(s.Items, &q.Items); err != nil {
			return q, errs.Newf("library", errs.Corrupt, "quiz %s: its items: %w", q.ID, err)
		}
		return q, nil
	}
	q.Items = make([]item.Authored, len(s.Asked))
	for i, it := range s.Asked {
		q.Items[i].Item = it
	}
	return q, nil
}

// newKeys is the cipher for answer keys: AES-256-GCM with a random nonce before the text.
// The key is made from the secret (RFC 5869), which the gateway uses for other things too.
func newKeys(secret []byte) cipher.AEAD {
	if len(secret) == 0 {
		return nil
	}
	key, err := hkdf.Key(sha256.New, secret, nil, keyPurpose, 32)
	if err != nil {
		panic(err) // of lengths that are constants
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	keys, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return keys
}

// bound is what a sealed text belongs to: under another quiz it does not open.
func bound(id string) []byte { return []byte(bucketQuizzes + "\x00" + id) }

// seal makes what is stored of a quiz.
func (l *Library) seal(q item.Quiz) (storedQuiz, error) {
	if l.keys == nil {
		return storedQuiz{}, errs.Code("library", errs.Down, "keys_locked", "quiz %s: there is no secret to keep its keys under", q.ID)
	}
	keys := make([]item.Authored, len(q.Items))
	asked := make([]item.Item, len(q.Items))
	for i, it := range q.Items {
		keys[i] = item.Authored{Item: item.Item{ID: it.ID}, Key: it.Key}
		asked[i] = it.Item
	}
	plain, err := json.Marshal(keys)
	if err != nil {
		return storedQuiz{}, errs.New("library", errs.Internal, err)
	}
	sealed := l.keys.Seal(nil, nil, plain, bound(q.ID))
	q.Items = nil
	return storedQuiz{Quiz: q, Asked: asked, Sealed: sealed, Items: json.RawMessage(`"sealed"`)}, nil
}

// unseal is a stored quiz with its keys.
func (l *Library) unseal(id string, s storedQuiz) (item.Quiz, error) {
	q, err := s.open()
	if err != nil || s.Sealed == nil {
		return q, err
	}
	if l.keys == nil {
		return item.Quiz{}, errs.Code("library", errs.Down, "keys_locked", "quiz %s: there is no secret to read its keys with", id)
	}
	plain, err := l.keys.Open(nil, nil, s.Sealed, bound(id))
	if err != nil {
		return item.Quiz{}, errs.Code("library", errs.Down, "keys_locked",
			"quiz %s: its keys were kept by another box; restore library and roster from one backup", id)
	}
	var keys []item.Authored
	if err := json.Unmarshal(plain, &keys); err != nil || len(keys) != len(q.Items) {
		return item.Quiz{}, errs.Newf("library", errs.Corrupt, "quiz %s: its keys are not those of its items: %w", id, err)
	}
	for i := range keys {
		q.Items[i].Key = keys[i].Key
	}
	return q, nil
}

// sealOld seals what an earlier version left open, once, and has the file copied, so that
// no key is left in its free pages. When the disk is too full for it the box goes on
// and the next Open tries again.
func (l *Library) sealOld() error {
	const op = "library.Open"
	if l.keys == nil {
		return nil
	}
	var old []item.Quiz
	err := l.view(op, func(tx *bbolt.Tx) error {
		for _, s := range all[storedQuiz](l, tx, bucketQuizzes) {
			if q, err := s.open(); err == nil && s.Sealed == nil {
				old = append(old, q)
			}
		}
		return nil
	})
	if err != nil || len(old) == 0 {
		return err
	}
	err = journal.CompactNext(l.cfg.Path) // first: a cut after the sealing must not leave the pages
	if err == nil {
		err = l.update(op, func(tx *bbolt.Tx) error { return l.sealAll(tx, old) })
	}
	if err != nil {
		l.log.Error("answer keys are still on disk as they are", "err", err)
		return nil
	}
	if err := l.db.Close(); err != nil {
		return errs.New(op, errs.Down, err)
	}
	_, err = l.openDB()
	return err
}

func (l *Library) sealAll(tx *bbolt.Tx, old []item.Quiz) error {
	for _, q := range old {
		s, err := l.seal(q)
		if err != nil {
			return err
		}
		if err := records.Put(tx, bucketQuizzes, q.ID, s); err != nil {
			return err
		}
	}
	return nil
}
