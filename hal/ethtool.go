package hal

import (
	"encoding/binary"
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What linux/ethtool.h calls them.
const (
	ethFeatures = 4  // ETH_SS_FEATURES: the names of features
	nameLen     = 32 // ETH_GSTRING_LEN
	maxFeatures = 1024
)

// request is struct ifreq of a 64-bit kernel with a pointer to an ethtool command.
type request struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [16]byte
}

// ethtool runs one command: its first word says which, the kernel writes its answer over it.
func ethtool(fd int, name string, command []byte) error {
	r := request{data: unsafe.Pointer(unsafe.SliceData(command))}
	if copy(r.name[:len(r.name)-1], name) < len(name) {
		return unix.ENODEV
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&r)))
	if errno != 0 {
		return errno
	}
	return nil
}

// features are the offloads of an interface that the kernel knows, and whether they are on.
// They are read as ethtool -k does: how many (GSSET_INFO), their names (GSTRINGS), and a bit
// for each (GFEATURES).
func features(name string) (map[string]bool, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	info := words(unix.ETHTOOL_GSSET_INFO, 0, 1<<ethFeatures, 0, 0) // command, pad, mask (64 bits), answer
	if err := ethtool(fd, name, info); err != nil {
		return nil, err
	}
	n := int(binary.NativeEndian.Uint32(info[16:]))
	if n == 0 || n > maxFeatures {
		return nil, errors.ErrUnsupported
	}
	names := append(words(unix.ETHTOOL_GSTRINGS, ethFeatures, uint32(n)), make([]byte, n*nameLen)...)
	if err := ethtool(fd, name, names); err != nil {
		return nil, err
	}
	blocks := (n + 31) / 32
	bits := append(words(unix.ETHTOOL_GFEATURES, uint32(blocks)), make([]byte, blocks*16)...)
	if err := ethtool(fd, name, bits); err != nil {
		return nil, err
	}
	return named(names[12:], bits[8:], n), nil
}

// named joins names of 32 bytes with blocks of four words: available, requested, active,
// never changed.
func named(names, blocks []byte, n int) map[string]bool {
	on := make(map[string]bool, n)
	for i := range n {
		text := unix.ByteSliceToString(names[i*nameLen : (i+1)*nameLen])
		active := binary.NativeEndian.Uint32(blocks[i/32*16+8:])
		on[text] = active>>(i%32)&1 == 1
	}
	return on
}

func words(values ...uint32) (b []byte) {
	for _, v := range values {
		b = binary.NativeEndian.AppendUint32(b, v)
	}
	return b
}
