package library

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
)

const (
	secretLen  = 32
	keyPurpose = "livelearn library answer keys 1"
)

// storedQuiz is a quiz on disk: its items without keys, and the encrypted keys.
type storedQuiz struct {
	item.Quiz // without its items

	Asked  []item.Item `json:"asked,omitempty"`
	Sealed []byte      `json:"sealed,omitempty"` // nil in a value of an earlier version
	Given  int64       `json:"given,omitempty"`  // Updated when it came from the cloud, or 0 for the box's own

	// Items has the items with their keys in a value of an earlier version. Otherwise it is a
	// string, so that the earlier version fails on it: it would grade with the keys that it does
	// not find.
	Items json.RawMessage `json:"items"`
}

// withoutKeys returns the quiz without its keys, if they are sealed.
func (s storedQuiz) withoutKeys() (item.Quiz, error) {
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

// newKeyCipher returns the cipher for answer keys: AES-256-GCM with a random nonce before the
// text. Its key is derived from the secret (RFC 5869), which the gateway uses for other purposes
// too.
func newKeyCipher(secret []byte) cipher.AEAD {
	if len(secret) == 0 {
		return nil
	}
	key, err := hkdf.Key(sha256.New, secret, nil, keyPurpose, 32)
	if err != nil {
		panic(err) // only for wrong lengths, and these are constants
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

// sealContext returns the additional data of a sealed text. With another quiz's id it does not
// open.
func sealContext(id string) []byte { return []byte(bucketQuizzes + "\x00" + id) }

// sealQuiz returns a quiz in its stored form.
func (l *Library) sealQuiz(q item.Quiz) (storedQuiz, error) {
	if l.keyCipher == nil {
		return storedQuiz{}, errs.NewCode("library", errs.Down, "keys_locked", "quiz %s: there is no secret to keep its keys under", q.ID)
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
	//lint:ignore gosec the cipher makes its own random nonce: NewGCMWithRandomNonce
	sealed := l.keyCipher.Seal(nil, nil, plain, sealContext(q.ID))
	q.Items = nil
	return storedQuiz{Quiz: q, Asked: asked, Sealed: sealed, Items: json.RawMessage(`"sealed"`)}, nil
}

// unsealQuiz returns a stored quiz with its keys.
func (l *Library) unsealQuiz(id string, s storedQuiz) (item.Quiz, error) {
	q, err := s.withoutKeys()
	if err != nil || s.Sealed == nil {
		return q, err
	}
	if l.keyCipher == nil {
		return item.Quiz{}, errs.NewCode("library", errs.Down, "keys_locked", "quiz %s: there is no secret to read its keys with", id)
	}
	plain, err := l.keyCipher.Open(nil, nil, s.Sealed, sealContext(id))
	if err != nil {
		return item.Quiz{}, errs.NewCode("library", errs.Down, "keys_locked",
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

// sealOld seals the quizzes that an earlier version stored with open keys. It does so once, and
// has the file copied, so that no key is left in free pages. If the disk is too full for that, it
// logs the error, and the next Open tries again.
func (l *Library) sealOld() error {
	const op = "library.Open"
	if l.keyCipher == nil {
		return nil
	}
	var old []item.Quiz
	err := l.readTx(op, func(tx *checkedkv.Tx) error {
		for _, s := range allValues[storedQuiz](l, tx, bucketQuizzes) {
			if q, err := s.withoutKeys(); err == nil && s.Sealed == nil {
				old = append(old, q)
			}
		}
		return nil
	})
	if err != nil || len(old) == 0 {
		return err
	}
	err = checkedkv.CompactNext(l.cfg.Path) // first: a cut after the sealing must not leave the pages
	if err == nil {
		err = l.writeTx(op, func(tx *checkedkv.Tx) error { return l.sealAll(tx, old) })
	}
	if err != nil {
		l.log.Error("answer keys are still on disk in the clear", "err", err)
		return nil
	}
	if err := l.db.Close(); err != nil {
		return errs.New(op, errs.Down, err)
	}
	_, err = l.openDB()
	return err
}

func (l *Library) sealAll(tx *checkedkv.Tx, old []item.Quiz) error {
	for _, q := range old {
		s, err := l.sealQuiz(q)
		if err != nil {
			return err
		}
		if err := checkedkv.Put(tx, bucketQuizzes, q.ID, s); err != nil {
			return err
		}
	}
	return nil
}
