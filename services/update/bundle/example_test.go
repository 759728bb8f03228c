package bundle_test

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/livelearn/box/services/update/bundle"
)

// A publisher writes a bundle without signatures, and the holder of the key signs it later. A box
// verifies the head with the root that it trusts, and each chunk with the manifest in the head.
func Example() {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) // a real key is random and secret
	root, err := bundle.NewRoot([]ed25519.PrivateKey{key}, 1)
	panicOn(err)
	work, err := os.CreateTemp("", "chunks")
	panicOn(err)
	defer func() { _ = os.Remove(work.Name()) }()
	defer func() { _ = work.Close() }()

	var unsigned, signed bytes.Buffer
	m := bundle.Manifest{Board: "pc", Version: "1.4.0", Build: 12}
	parts := []bundle.Source{{Part: "root", Data: strings.NewReader("a file system")}}
	panicOn(bundle.WriteBundle(&unsigned, m, parts, bundle.Signer{Roots: [][]byte{root}}, work))
	_, err = bundle.ReadHead(bytes.NewReader(unsigned.Bytes()), root)
	fmt.Println("unsigned:", err)
	panicOn(bundle.AddSignatures(&signed, &unsigned, []ed25519.PrivateKey{key}))

	head, err := bundle.ReadHead(&signed, root) // the reader is at the first chunk now
	panicOn(err)
	fmt.Println("signed:", head.Board, head.Version, "build", head.Build)
	for _, p := range head.ChunkPlaces() {
		packed := make([]byte, p.Packed)
		_, err := io.ReadFull(&signed, packed)
		panicOn(err)
		data, err := bundle.UnpackChunk(p.Chunk, packed)
		panicOn(err)
		fmt.Printf("%s at %d: %q\n", p.Part, p.Offset, data)
	}
	// Output:
	// unsigned: bundle: the update is not signed by a key that this box trusts
	// signed: pc 1.4.0 build 12
	// root at 0: "a file system"
}

// panicOn ends an example. Real code returns the error.
func panicOn(err error) {
	if err != nil {
		panic(err)
	}
}
