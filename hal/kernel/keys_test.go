package kernel

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/hal/haltest"
)

// keyEventBytes returns an event of a key as the kernel writes it.
func keyEventBytes(d time.Duration, code uint16, value int32) []byte {
	b := make([]byte, eventSize)
	binary.NativeEndian.PutUint64(b, uint64(d/time.Second))
	binary.NativeEndian.PutUint64(b[8:], uint64(d%time.Second/time.Microsecond))
	binary.NativeEndian.PutUint16(b[16:], evKey)
	binary.NativeEndian.PutUint16(b[18:], code)
	binary.NativeEndian.PutUint32(b[20:], uint32(value))
	return b
}

// TestPressesOfTwoKeysAreOneButton simulates two devices with pipes.
func TestPressesOfTwoKeysAreOneButton(t *testing.T) {
	dir := haltest.Root(t.TempDir())
	k := &Keys{[]key{{path: dir.Path("gone")}, {path: dir.Path("event0")}, {dir.Path("event1"), true}}}
	var ends []*os.File
	for _, one := range k.keys[1:] {
		p := one.path
		if err := unix.Mkfifo(p, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(p, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		ends = append(ends, f)
	}
	first := bytes.Join([][]byte{
		keyEventBytes(5*time.Second, keyPower, 0), // end of a press from before the read
		keyEventBytes(6*time.Second, 30, 1),       // another key
		keyEventBytes(7*time.Second, keyPower, 1), keyEventBytes(8*time.Second, keyPower, 2), keyEventBytes(11500*time.Millisecond, keyPower, 0),
	}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := ends[0].Write(first); err != nil {
		t.Fatal(err)
	}
	var got []time.Duration
	for p := range k.Presses(ctx) {
		if got = append(got, p.Held); len(got) == 2 {
			cancel()
			continue
		}
		// A power button of a PC sends down and up at once, or a moment later on a busy machine. It
		// means switch off.
		if _, err := ends[1].Write(append(keyEventBytes(20*time.Second, keyPower, 1), keyEventBytes(20*time.Second+90*time.Millisecond, keyPower, 0)...)); err != nil {
			t.Fatal(err)
		}
	}
	if want := []time.Duration{4500 * time.Millisecond, 5 * time.Second}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	var down time.Duration
	for _, e := range parseEvents(append(keyEventBytes(time.Second, keyPower, 1), keyEventBytes(time.Second+30*time.Millisecond, keyPower, 0)...)) {
		if p, ok := e.endPress(&down, false); ok && p.Held != 30*time.Millisecond {
			t.Errorf("a tap of a finger: held for %v", p.Held)
		}
	}
	if _, err := k.Down(); err == nil {
		t.Error("a pipe reports the state of a key")
	}
}

func TestKeysThatAreGoneEndTheReading(t *testing.T) {
	path := t.TempDir() + "/event0"
	if err := os.WriteFile(path, nil, 0o600); err != nil { // ends at once, as an unplugged device does
		t.Fatal(err)
	}
	done := 0
	for range (&Keys{[]key{{path: path}, {path: path + "x"}}}).Presses(cancelledContext(t)) {
		done++
	}
	for range (&Keys{[]key{{path: path + "x"}}}).Presses(t.Context()) {
		done++
	}
	if done != 0 {
		t.Errorf("%d presses", done)
	}
	if _, err := (&Keys{[]key{{path: path + "x"}}}).Down(); err == nil {
		t.Error("a key that is not there is up")
	}
}

func cancelledContext(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestPowerKeyIsFoundByItsBit(t *testing.T) {
	for words, want := range map[string]bool{
		"10000000000000 0\n":           true, // ACPI's power button
		"7fffff 10000000000000 ff":     true,
		"8000 10000000000000 c000 0\n": false,
		"10000000000000":               false,
		"":                             false,
		"zz zz":                        false,
		"ffffffffffffffffffffff 0":     false,
	} {
		root := newRoot(t, map[string]string{"sys/class/input/event3/device/capabilities/key": words, "dev/input/event3": ""})
		k := FindKeys(root)
		if (k != nil) != want {
			t.Errorf("%q: got %v, want found %v", words, k, want)
		}
	}
}

func TestAPowerButtonOfAPCIsKnownByItsPhys(t *testing.T) {
	for phys, want := range map[string]bool{"LNXPWRBN/button/input0\n": true, "PNP0C0C/button/input0\n": true, "gpio-keys/input0\n": false, "": false} {
		root := newRoot(t, map[string]string{
			"sys/class/input/event3/device/capabilities/key": "10000000000000 0\n", "sys/class/input/event3/device/phys": phys, "dev/input/event3": "",
		})
		if k := FindKeys(root); k == nil || k.keys[0].acpi != want {
			t.Errorf("%q: got %+v, want %v", phys, k, want)
		}
	}
}

func FuzzEvents(f *testing.F) {
	f.Add(append(keyEventBytes(time.Second, keyPower, 1), keyEventBytes(2*time.Second, keyPower, 0)...))
	f.Add(append(keyEventBytes(2*time.Second, keyPower, 1), keyEventBytes(time.Second, keyPower, 0)...))
	f.Add(append(keyEventBytes(0, keyPower, 1), keyEventBytes(0, keyPower, 0)...))
	f.Add(bytes.Repeat([]byte{0xff}, 50))
	f.Fuzz(func(t *testing.T, data []byte) {
		var down time.Duration
		for _, e := range parseEvents(data) {
			if p, ok := e.endPress(&down, len(data)%2 == 0); ok && p.Held <= 0 {
				t.Errorf("held for %v", p.Held)
			}
		}
	})
}
