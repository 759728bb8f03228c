package hal

import (
	"testing"
)

func TestFeaturesAreReadFromTheirBlocks(t *testing.T) {
	const n = 34
	names := make([]byte, n*nameLen)
	copy(names[0*nameLen:], "tx-checksum-ipv4")
	copy(names[33*nameLen:], "tx-udp-segmentation")
	blocks := encodeWords(0, 0, 1<<5, 0, 0xffffffff, 0xffffffff, 1<<1, 0) // available, requested, active, never changed
	have := joinFeatures(names, blocks, n)
	if have["tx-checksum-ipv4"] || !have["tx-udp-segmentation"] {
		t.Errorf("got %v", have)
	}
	for want, names := range map[Answer][]string{
		Yes: {"tx-checksum-ipv4", "tx-udp-segmentation"}, No: {"tx-checksum-ipv4"}, Unknown: {"tx-nothing"},
	} {
		if got := anyFeature(have, names...); got != want {
			t.Errorf("%v: got %v, want %v", names, got, want)
		}
	}
}
