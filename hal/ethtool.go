package hal

import (
	"encoding/binary"
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Constants of linux/ethtool.h.
const (
	ethFeatures = 4  // ETH_SS_FEATURES: names of features
	nameLen     = 32 // ETH_GSTRING_LEN
	maxFeatures = 1024
)

// ifreq is struct ifreq of a 64-bit kernel with a pointer to an ethtool command.
type ifreq struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [16]byte
}

// ethtoolIoctl runs one command. The first word of the buffer is the command. The kernel writes its
// answer into the buffer.
func ethtoolIoctl(fd int, name string, command []byte) error {
	r := ifreq{data: unsafe.Pointer(unsafe.SliceData(command))}
	if copy(r.name[:len(r.name)-1], name) < len(name) {
		return unix.ENODEV
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&r)))
	if errno != 0 {
		return errno
	}
	return nil
}

// readFeatures returns the offloads of an interface and whether each is on. It reads them as
// ethtool -k does: the number (GSSET_INFO), the names (GSTRINGS), and a bit for each (GFEATURES).
func readFeatures(name string) (map[string]bool, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	info := encodeWords(unix.ETHTOOL_GSSET_INFO, 0, 1<<ethFeatures, 0, 0) // command, pad, mask (64 bits), answer
	if err := ethtoolIoctl(fd, name, info); err != nil {
		return nil, err
	}
	n := int(binary.NativeEndian.Uint32(info[16:]))
	if n == 0 || n > maxFeatures {
		return nil, errors.ErrUnsupported
	}
	names := append(encodeWords(unix.ETHTOOL_GSTRINGS, ethFeatures, uint32(n)), make([]byte, n*nameLen)...)
	if err := ethtoolIoctl(fd, name, names); err != nil {
		return nil, err
	}
	blocks := (n + 31) / 32
	bits := append(encodeWords(unix.ETHTOOL_GFEATURES, uint32(blocks)), make([]byte, blocks*16)...)
	if err := ethtoolIoctl(fd, name, bits); err != nil {
		return nil, err
	}
	return joinFeatures(names[12:], bits[8:], n), nil
}

// joinFeatures joins names of 32 bytes with blocks of four words: available, requested, active,
// never changed.
func joinFeatures(names, blocks []byte, n int) map[string]bool {
	on := make(map[string]bool, n)
	for i := range n {
		text := unix.ByteSliceToString(names[i*nameLen : (i+1)*nameLen])
		active := binary.NativeEndian.Uint32(blocks[i/32*16+8:])
		on[text] = active>>(i%32)&1 == 1
	}
	return on
}

func encodeWords(values ...uint32) (b []byte) {
	for _, v := range values {
		b = binary.NativeEndian.AppendUint32(b, v)
	}
	return b
}
