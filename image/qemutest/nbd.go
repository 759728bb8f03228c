//go:build qemu

package qemutest

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Constants of the NBD protocol (doc/proto.md of NetworkBlockDevice/nbd) that QEMU uses.
const (
	nbdMagic      = 0x4e42444d41474943 // "NBDMAGIC"
	nbdOption     = 0x49484156454f5054 // "IHAVEOPT"
	nbdOptReply   = 0x3e889045565a9
	nbdRequest    = 0x25609513
	nbdReply      = 0x67446698
	nbdOptAbort   = 2
	nbdOptGo      = 7
	nbdRepAck     = 1
	nbdRepInfo    = 3
	nbdRepUnknown = 1<<31 + 1
	nbdFlags      = 1<<0 | 1<<2 | 1<<3 // has flags, flush, FUA
	nbdCmdFUA     = 1
)

// serveNBD serves one emulator.
func (d *Drive) serveNBD(conn io.ReadWriter) error {
	if err := d.negotiateNBD(conn); err != nil {
		return err
	}
	for buf := make([]byte, 0, 1<<20); ; {
		var r struct {
			Magic       uint32
			Flags, Type uint16
			Handle      uint64
			Offset      int64
			Length      uint32
		}
		if err := binary.Read(conn, binary.BigEndian, &r); err != nil {
			return err
		}
		if r.Magic != nbdRequest || r.Offset < 0 || r.Length > 64<<20 {
			return fmt.Errorf("a request that is none: %+v", r)
		}
		buf = append(buf[:0], make([]byte, 16+r.Length)...)
		body, reply := buf[16:], buf[:16]
		var err error
		switch r.Type {
		case 0: // read
			_, err = d.disk.ReadAt(body, r.Offset)
			reply = buf
		case 1: // write
			if _, err := io.ReadFull(conn, body); err != nil {
				return err
			}
			err = d.recordWrite(body, r.Offset, r.Flags&nbdCmdFUA != 0)
		case 3: // flush
			err = d.recordWrite(nil, 0, false)
		default: // 2: bye
			return nil
		}
		binary.BigEndian.PutUint32(buf, nbdReply)
		binary.BigEndian.PutUint32(buf[4:], 0)
		if err != nil {
			return err
		}
		binary.BigEndian.PutUint64(buf[8:], r.Handle)
		if _, err := conn.Write(reply); err != nil {
			return err
		}
	}
}

// negotiateNBD performs the handshake ("fixed newstyle") up to the option GO.
func (d *Drive) negotiateNBD(conn io.ReadWriter) error {
	hello := binary.BigEndian.AppendUint64(nil, nbdMagic)
	hello = binary.BigEndian.AppendUint64(hello, nbdOption)
	hello = binary.BigEndian.AppendUint16(hello, 1|2) // fixed newstyle, no zeroes
	if _, err := conn.Write(hello); err != nil {
		return err
	}
	var flags uint32
	if err := binary.Read(conn, binary.BigEndian, &flags); err != nil {
		return err
	}
	for {
		var o struct {
			Magic          uint64
			Option, Length uint32
		}
		if err := binary.Read(conn, binary.BigEndian, &o); err != nil {
			return err
		}
		if o.Magic != nbdOption || o.Length > 4096 {
			return fmt.Errorf("an option that is none: %+v", o)
		}
		if _, err := io.CopyN(io.Discard, conn, int64(o.Length)); err != nil {
			return err
		}
		if done, err := d.answerOption(conn, o.Option); done || err != nil {
			return err
		}
	}
}

// answerOption answers one option. done reports that the requests follow.
func (d *Drive) answerOption(conn io.Writer, option uint32) (done bool, err error) {
	answer := func(kind uint32, data []byte) {
		b := binary.BigEndian.AppendUint64(nil, nbdOptReply)
		b = binary.BigEndian.AppendUint32(b, option)
		b = binary.BigEndian.AppendUint32(b, kind)
		b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
		if err == nil {
			_, err = conn.Write(append(b, data...))
		}
	}
	switch option {
	case nbdOptGo:
		info := binary.BigEndian.AppendUint64([]byte{0, 0}, uint64(d.size))
		answer(nbdRepInfo, binary.BigEndian.AppendUint16(info, nbdFlags))
		answer(nbdRepAck, nil)
		return true, err
	case nbdOptAbort:
		answer(nbdRepAck, nil)
		return false, io.EOF
	}
	answer(nbdRepUnknown, nil)
	return false, err
}
