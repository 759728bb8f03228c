package bundle

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// manifestName is the name of the manifest in the targets.
const manifestName = "manifest.json"

// noExpiry is the expiry date of all metadata, because a box has no trusted time.
var noExpiry = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// NewRoot makes the first root.json. Bundles and the next root.json must be signed by threshold
// of keys.
func NewRoot(keys []ed25519.PrivateKey, threshold int) ([]byte, error) {
	return signRoot(metadata.Root(noExpiry), keys, keys, threshold)
}

// NextRoot makes the root.json that follows old and replaces its keys. It is signed with signers,
// which must be enough of the old keys, and with the new keys.
func NextRoot(old []byte, signers, keys []ed25519.PrivateKey, threshold int) ([]byte, error) {
	before, err := metadata.Root().FromBytes(old)
	if err != nil {
		return nil, err
	}
	next := metadata.Root(noExpiry)
	next.Signed.Version = before.Signed.Version + 1
	root, err := signRoot(next, append(append([]ed25519.PrivateKey{}, signers...), keys...), keys, threshold)
	if err != nil {
		return nil, err
	}
	return root, before.VerifyDelegate(metadata.ROOT, next)
}

func signRoot(root *metadata.Metadata[metadata.RootType], signers, keys []ed25519.PrivateKey, threshold int) ([]byte, error) {
	if threshold < 1 || threshold > len(keys) {
		return nil, fmt.Errorf("threshold %d: must be 1 to %d, the number of keys", threshold, len(keys))
	}
	for _, role := range []string{metadata.ROOT, metadata.TARGETS, metadata.SNAPSHOT, metadata.TIMESTAMP} {
		for _, k := range keys {
			key, err := metadata.KeyFromPublicKey(k.Public())
			if err != nil {
				return nil, err
			}
			if err := root.Signed.AddKey(key, role); err != nil {
				return nil, err
			}
		}
		root.Signed.Roles[role].Threshold = threshold
	}
	return signMetadata(root, signers)
}

// signMetadata returns the metadata with one signature of each key.
func signMetadata[T metadata.Roles](m *metadata.Metadata[T], keys []ed25519.PrivateKey) ([]byte, error) {
	seen := map[string]bool{}
	for _, k := range keys {
		if seen[string(k)] {
			continue
		}
		seen[string(k)] = true
		signer, err := signature.LoadED25519Signer(k)
		if err != nil {
			return nil, err
		}
		if _, err := m.Sign(signer); err != nil {
			return nil, err
		}
	}
	return m.ToBytes(false)
}

// signTargets returns signed targets for a manifest.
func signTargets(manifest []byte, build int, keys []ed25519.PrivateKey) ([]byte, error) {
	t := metadata.Targets(noExpiry)
	t.Signed.Version = int64(build)
	f := metadata.TargetFile()
	sum := sha256.Sum256(manifest)
	f.Length, f.Hashes = int64(len(manifest)), metadata.Hashes{"sha256": sum[:]}
	f.Path = manifestName
	t.Signed.Targets[manifestName] = f
	return signMetadata(t, keys)
}

// verifyChain follows the roots from the trusted one to the newest. It verifies the targets with
// the newest root, and the manifest with the targets. It returns the newest root.
func verifyChain(trusted []byte, roots []json.RawMessage, targets, manifest []byte) (newest []byte, err error) {
	defer func() {
		if p := recover(); p != nil { // the library may panic on hostile input
			err = newRefusal(NotABundle, "the signatures cannot be read: %v", p)
		}
	}()
	root, err := metadata.Root().FromBytes(trusted)
	if err != nil {
		return nil, fmt.Errorf("the root that this box trusts: %w", err)
	}
	newest = trusted
	for _, raw := range roots {
		next, err := metadata.Root().FromBytes(raw)
		if err != nil {
			return nil, newRefusal(NotABundle, "a root cannot be read")
		}
		if next.Signed.Version <= root.Signed.Version {
			continue // known or older
		}
		// Each root is signed by the previous one and by itself (specification 5.3.4).
		if next.Signed.Version != root.Signed.Version+1 || root.VerifyDelegate(metadata.ROOT, next) != nil || next.VerifyDelegate(metadata.ROOT, next) != nil {
			return nil, newRefusal(Unsigned, "the keys of this update do not follow from those that the box trusts")
		}
		root, newest = next, bytes.Clone(raw)
	}
	t, err := metadata.Targets().FromBytes(targets)
	if err != nil {
		return nil, newRefusal(NotABundle, "the signatures cannot be read")
	}
	if root.VerifyDelegate(metadata.TARGETS, t) != nil {
		return nil, newRefusal(Unsigned, "the update is not signed by a key that this box trusts")
	}
	f := t.Signed.Targets[manifestName]
	sum := sha256.Sum256(manifest)
	if f == nil || f.Length != int64(len(manifest)) || !bytes.Equal(f.Hashes["sha256"], sum[:]) {
		return nil, newRefusal(Altered, "the manifest is not what was signed")
	}
	return newest, nil
}
