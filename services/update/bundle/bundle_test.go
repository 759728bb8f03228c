package bundle

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/theupdateframework/go-tuf/v2/metadata"
	"go.uber.org/goleak"

	"github.com/livelearn/box/services/errs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, k, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func mustValue[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// randomBytes returns incompressible bytes, the same for each seed.
func randomBytes(seed uint64, n int) []byte {
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	b := make([]byte, n)
	_, _ = r.Read(b)
	return b
}

// makeBundle returns a bundle of a kernel and a root file system.
func makeBundle(t testing.TB, s Signer, boot, root []byte) []byte {
	t.Helper()
	work := mustValue(os.CreateTemp(t.TempDir(), "work"))(t)
	defer func() { _ = work.Close() }()
	var out bytes.Buffer
	m := Manifest{Board: "pc", Version: "1.2.3", Build: 7, Options: "quiet", Notes: "New."}
	if err := WriteBundle(&out, m, []Source{{Part: "boot", Data: bytes.NewReader(boot), Quick: true}, {Part: "root", Data: bytes.NewReader(root)}}, s, work); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// unpackAll reads a whole bundle.
func unpackAll(file, root []byte) (*Head, map[string][]byte, error) {
	r := bytes.NewReader(file)
	h, err := ReadHead(r, root)
	if err != nil {
		return nil, nil, err
	}
	got := map[string][]byte{}
	for _, p := range h.ChunkPlaces() {
		packed := make([]byte, p.Packed)
		if _, err := io.ReadFull(r, packed); err != nil {
			return h, got, newRefusal(Truncated, "%v", err)
		}
		data, err := UnpackChunk(p.Chunk, packed)
		if err != nil {
			return h, got, err
		}
		got[p.Part] = append(got[p.Part], data...)
	}
	return h, got, nil
}

func errorCode(err error) string {
	if err == nil {
		return ""
	}
	return errs.BodyOf(err).Code
}

func TestABundleGivesBackWhatWasPutIn(t *testing.T) {
	k := newKey(t)
	root := mustValue(NewRoot([]ed25519.PrivateKey{k}, 1))(t)
	s := Signer{Roots: [][]byte{root}, Keys: []ed25519.PrivateKey{k}}
	boot, sys := randomBytes(1, 300_000), append(randomBytes(2, 1_000_000), make([]byte, 500_000)...)
	file := makeBundle(t, s, boot, sys)
	h, got, err := unpackAll(file, root)
	if err != nil || !bytes.Equal(got["boot"], boot) || !bytes.Equal(got["root"], sys) {
		t.Fatalf("%v, %d and %d bytes", err, len(got["boot"]), len(got["root"]))
	}
	if h.DataAt+h.DataSize() != int64(len(file)) || !bytes.Equal(h.Raw, file[:h.DataAt]) {
		t.Errorf("the data is %d bytes from %d on, the file has %d", h.DataSize(), h.DataAt, len(file))
	}
	if h.Version != "1.2.3" || h.Build != 7 || h.Options != "quiet" || h.Notes != "New." {
		t.Errorf("%+v", h.Manifest)
	}
	if again := makeBundle(t, s, boot, sys); !bytes.Equal(again, file) {
		t.Error("the same input gave another file")
	}
}

func TestAChangeMovesFewChunks(t *testing.T) {
	old := randomBytes(3, 4_000_000)
	new := slices.Concat(old[:1_000_000], []byte("a few bytes more"), old[1_000_000:])
	sums := func(data []byte) map[Sum]int {
		list := map[Sum]int{}
		err := SplitChunks(bytes.NewReader(data), func(c []byte) error {
			list[sumOf(c)] = len(c)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	have := sums(old)
	missing := 0
	for s, n := range sums(new) {
		if _, ok := have[s]; !ok {
			missing += n
		}
	}
	if missing == 0 || missing > 2*maxSplit {
		t.Errorf("%d bytes of %d are new after 16 were put in", missing, len(new))
	}
}

// A change of any byte is detected.
func TestAlteredBundlesAreRefused(t *testing.T) {
	k := newKey(t)
	root := mustValue(NewRoot([]ed25519.PrivateKey{k}, 1))(t)
	boot, sys := randomBytes(1, 30_000), randomBytes(2, 50_000)
	file := makeBundle(t, Signer{Roots: [][]byte{root}, Keys: []ed25519.PrivateKey{k}}, boot, sys)
	for at := 0; at < len(file); at += 1 + at/40 {
		bad := bytes.Clone(file)
		bad[at] ^= 1 << (at % 8)
		_, got, err := unpackAll(bad, root)
		if err == nil && (!bytes.Equal(got["boot"], boot) || !bytes.Equal(got["root"], sys)) {
			t.Fatalf("byte %d changed: it was taken", at)
		}
		if err != nil && errs.KindOf(err) != errs.Invalid {
			t.Errorf("byte %d changed: %v", at, err)
		}
	}
	for at := 0; at < len(file)-1; at += 1 + at/40 {
		if _, _, err := unpackAll(file[:at], root); err == nil {
			t.Fatalf("cut to %d of %d bytes: it was taken", at, len(file))
		} else if c := errorCode(err); c != Truncated && c != NotABundle {
			t.Errorf("cut to %d: %v", at, err)
		}
	}
}

func TestOnlyTrustedKeysSign(t *testing.T) {
	a, b, c := newKey(t), newKey(t), newKey(t)
	keys := func(k ...ed25519.PrivateKey) []ed25519.PrivateKey { return k }
	one := mustValue(NewRoot(keys(a), 1))(t)
	two := mustValue(NextRoot(one, keys(a), keys(b, c), 2))(t)
	three := mustValue(NextRoot(two, keys(b, c), keys(c), 1))(t)
	foreign := mustValue(NewRoot(keys(b), 1))(t)
	forged := mustValue(signRootOf(foreign, 2, keys(b)))(t)
	write := func(roots [][]byte, k ...ed25519.PrivateKey) []byte {
		return makeBundle(t, Signer{Roots: roots, Keys: k}, randomBytes(1, 20_000), randomBytes(2, 20_000))
	}
	for name, x := range map[string]struct {
		file  []byte
		trust []byte
		want  string
		root  []byte
	}{
		"the key of old":                      {write([][]byte{one}, a), one, "", one},
		"a foreign key":                       {write([][]byte{foreign}, b), one, Unsigned, nil},
		"rotated once":                        {write([][]byte{one, two}, b, c), one, "", two},
		"rotated twice":                       {write([][]byte{one, two, three}, c), one, "", three},
		"rotated twice, known":                {write([][]byte{one, two, three}, c), two, "", three},
		"the key of old after the rotation":   {write([][]byte{one}, a), two, Unsigned, nil},
		"a foreign root that says it is next": {write([][]byte{forged}, b), one, Unsigned, nil},
		"a gap":                               {write([][]byte{three}, c), one, Unsigned, nil},
	} {
		h, _, err := unpackAll(x.file, x.trust)
		if errorCode(err) != x.want {
			t.Errorf("%s: got %v, want %q", name, err, x.want)
		}
		if err == nil && !bytes.Equal(h.Root, x.root) {
			t.Errorf("%s: another root is trusted now", name)
		}
	}
	// Two people sign in turn.
	file := write([][]byte{one, two})
	if _, _, err := unpackAll(file, one); errorCode(err) != Unsigned {
		t.Errorf("without a signature: %v", err)
	}
	for i, k := range keys(c, b) {
		var next bytes.Buffer
		if err := AddSignatures(&next, bytes.NewReader(file), keys(k)); err != nil {
			t.Fatal(err)
		}
		file = next.Bytes()
		if _, _, err := unpackAll(file, one); errorCode(err) != []string{Unsigned, ""}[i] {
			t.Errorf("%d of two signatures: %v", i+1, err)
		}
	}
	work := mustValue(os.CreateTemp(t.TempDir(), "work"))(t)
	defer func() { _ = work.Close() }()
	err := WriteBundle(io.Discard, Manifest{Board: "pc", Version: "1.0.0", Build: 1}, []Source{{Part: "root", Data: bytes.NewReader([]byte("x"))}}, Signer{Roots: [][]byte{one, two}, Keys: keys(b)}, work)
	if errorCode(err) != Unsigned {
		t.Errorf("one key of two that must sign: %v", err)
	}
}

func TestBadManifestsNameTheField(t *testing.T) {
	good := Manifest{Board: "pc", Version: "1.0.0", Build: 1, Payloads: []Payload{{Part: "root", Size: 2, Chunks: []Chunk{{Size: 2, Packed: 9}}}}}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Manifest){
		"board":    func(m *Manifest) { m.Board = "../x" },
		"version":  func(m *Manifest) { m.Version = "new" },
		"build":    func(m *Manifest) { m.Build = 0 },
		"data":     func(m *Manifest) { m.Data = -1 },
		"options":  func(m *Manifest) { m.Options = string(make([]byte, maxOptions+1)) },
		"notes":    func(m *Manifest) { m.Notes = string(make([]byte, maxNotes+1)) },
		"payloads": func(m *Manifest) { m.Payloads = append(m.Payloads, m.Payloads[0]) },
		"payload":  func(m *Manifest) { m.Payloads[0].Size = maxPayload + 1 },
		"chunk":    func(m *Manifest) { m.Payloads[0].Chunks = []Chunk{{Size: maxChunk + 1, Packed: 1}} },
		"chunks":   func(m *Manifest) { m.Payloads[0].Size = 3 },
	} {
		m := good
		m.Payloads = slices.Clone(good.Payloads)
		change(&m)
		if err := m.Validate(); errorCode(err) != BadField || !bytes.Contains([]byte(err.Error()), []byte(want)) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestAChannelIsSignedToo(t *testing.T) {
	k := newKey(t)
	root := mustValue(NewRoot([]ed25519.PrivateKey{k}, 1))(t)
	s := Signer{Roots: [][]byte{root}, Keys: []ed25519.PrivateKey{k}}
	want := Channel{Board: "pc", Version: "1.3.0", Build: 9, URL: "livelearn-pc-1.3.0.livelearn", Percent: 20}
	var file bytes.Buffer
	if err := WriteChannel(&file, want, s); err != nil {
		t.Fatal(err)
	}
	got, _, err := ReadChannel(bytes.NewReader(file.Bytes()), root)
	if err != nil || got != want {
		t.Errorf("%+v %v", got, err)
	}
	bad := bytes.Replace(file.Bytes(), []byte(`"percent":20`), []byte(`"percent":99`), 1)
	if _, _, err := ReadChannel(bytes.NewReader(bad), root); errorCode(err) != Altered {
		t.Error(err)
	}
	if _, err := ReadHead(bytes.NewReader(file.Bytes()), root); errorCode(err) != NotABundle {
		t.Errorf("a channel was taken for a bundle: %v", err)
	}
	want.Percent = 101
	if err := WriteChannel(&file, want, s); errorCode(err) != BadField {
		t.Error(err)
	}
}

func FuzzReadChannel(f *testing.F) {
	k := newKey(f)
	root := mustValue(NewRoot([]ed25519.PrivateKey{k}, 1))(f)
	var file bytes.Buffer
	c := Channel{Board: "pc", Version: "1.3.0", Build: 9, URL: "x", Percent: 20}
	if err := WriteChannel(&file, c, Signer{Roots: [][]byte{root}, Keys: []ed25519.PrivateKey{k}}); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, _, err := ReadChannel(bytes.NewReader(b), root); err == nil && got != c {
			t.Error("another channel than the signed one was taken")
		}
	})
}

func FuzzReadHead(f *testing.F) {
	k := newKey(f)
	root := mustValue(NewRoot([]ed25519.PrivateKey{k}, 1))(f)
	file := makeBundle(f, Signer{Roots: [][]byte{root}, Keys: []ed25519.PrivateKey{k}}, randomBytes(1, 3000), randomBytes(2, 3000))
	f.Add(file)
	want := mustValue(ReadHead(bytes.NewReader(file), root))(f).Manifest
	f.Add([]byte(magic))
	f.Add(append([]byte(magic), 0xff, 0xff, 0xff, 0xff))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ReadHead(bytes.NewReader(b), root)
		if err != nil && errs.KindOf(err) != errs.Invalid {
			t.Errorf("%v", err)
		}
		if err == nil && !cmp.Equal(h.Manifest, want) {
			t.Error("another manifest than the signed one was taken")
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"board":"pc","version":"1.0.0","build":1,"payloads":[{"part":"root","size":2,"sum":"` + string(bytes.Repeat([]byte("0"), 64)) + `","chunks":[{"sum":"` + string(bytes.Repeat([]byte("0"), 64)) + `","size":2,"packed":9}]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseManifest(b)
		if err != nil {
			return
		}
		total := int64(0)
		for _, p := range m.ChunkPlaces() {
			if p.Offset < 0 || p.At < 0 || p.Size > maxChunk {
				t.Fatalf("%+v", p)
			}
			total += int64(p.Packed)
		}
		if total != m.DataSize() {
			t.Errorf("%d and %d", total, m.DataSize())
		}
	})
}

func FuzzUnpack(f *testing.F) {
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0}, 5)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		c := Chunk{Size: max(1, size%maxChunk)}
		if _, err := UnpackChunk(c, b); err == nil {
			t.Error("the sum was not looked at")
		}
	})
}

// A section length beyond the end of the file costs no memory.
func TestALieAboutALengthIsCheap(t *testing.T) {
	b := append([]byte(magic), binary.BigEndian.AppendUint32(nil, maxRoots)...)
	if _, err := ReadHead(bytes.NewReader(b), nil); errorCode(err) != Truncated {
		t.Error(err)
	}
	if _, err := ReadHead(io.MultiReader(bytes.NewReader(b[:4]), brokenReader{}), nil); errorCode(err) != NotABundle {
		t.Error(err)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("the stick was pulled out") }

// signRootOf makes a root of some version with the keys of another one, like a forger.
func signRootOf(root []byte, version int64, keys []ed25519.PrivateKey) ([]byte, error) {
	r, err := metadata.Root().FromBytes(root)
	if err != nil {
		return nil, err
	}
	r.ClearSignatures()
	r.Signed.Version = version
	return signMetadata(r, keys)
}

func sumOf(b []byte) Sum { return sha256.Sum256(b) }

func TestVersionsGiveBuildNumbers(t *testing.T) {
	last := 0
	for _, v := range []string{"0.0.1", "0.1.0", "0.1.1", "0.9.999", "1.0.0", "12.34.56"} {
		n, err := BuildNumber(v)
		if err != nil || n <= last {
			t.Errorf("%s: %d %v", v, n, err)
		}
		last = n
	}
	for _, v := range []string{"", "1", "1.2", "1.2.1000", "x.y.z", strings.Repeat("9", 30)} {
		if n, err := BuildNumber(v); err == nil && n < 1 {
			t.Errorf("%q: %d", v, n)
		}
	}
}
