package cloud_test

import (
	"crypto/ed25519"
	"io"
	"testing"

	"github.com/livelearn/box/services/cloud"
)

// The cloud knows a box by the key of its first file, so the key survives a restart and a link that
// came and went.
func TestABoxSignsAllItsFilesWithOneKey(t *testing.T) {
	var signed []ed25519.PrivateKey
	dir, way := t.TempDir(), fakeTransport{sink: newMemorySink(), signed: &signed}
	for range 2 {
		b := startBoxWith(t, dir, cloud.Config{}, way)
		if err := b.Export(t.Context(), io.Discard); err != nil {
			t.Fatal(err)
		}
		if err := b.Unlink(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := b.Export(t.Context(), io.Discard); err != nil {
			t.Fatal(err)
		}
		b.stop()
	}
	if len(signed) != 4 {
		t.Fatalf("%d files were signed", len(signed))
	}
	for i, key := range signed {
		if len(key) != ed25519.PrivateKeySize || !key.Equal(signed[0]) {
			t.Errorf("file %d has another key", i)
		}
	}
}
