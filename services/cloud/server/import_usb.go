package server

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/https"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/cloud/usbfile"
	"github.com/livelearn/box/services/errs"
)

// Codes of errs.Denied for the file of a stick.
const (
	CodeUnsigned = "unsigned"  // an earlier program wrote the file
	CodeOtherKey = "other_key" // another key than that of the box signed the file
)

// StickOptions say what an operator accepts.
type StickOptions struct {
	School   string // of a box that the cloud does not know yet; empty: only known boxes
	Unsigned bool   // take a file without a signature
	TrustKey bool   // from now on, the key of the file is that of the box. It needs School
}

// ImportStick imports the file of a USB stick and returns the reply for its box. It enrols an
// unknown box with the school of the options, by the key that signed the file.
func ImportStick(ctx context.Context, store *pg.Store, o StickOptions, in *usbfile.Reader) (usbfile.Report, cloud.Reply, error) {
	if err := admitSigner(ctx, store, o, in); err != nil {
		return usbfile.Report{Box: in.Self.Box}, cloud.Reply{}, err
	}
	to := store.DirectSink(in.Self.Box)
	rep, err := usbfile.ImportFile(ctx, in, to)
	if err != nil && !rep.Cut {
		return rep, cloud.Reply{}, err
	}
	reply, fault := usbfile.BuildReply(ctx, in.Self, to)
	if fault != nil {
		return rep, cloud.Reply{}, fault
	}
	return rep, reply, err
}

// admitSigner refuses a file that the box did not sign.
func admitSigner(ctx context.Context, store *pg.Store, o StickOptions, in *usbfile.Reader) error {
	box := loggableID(in.Self.Box)
	key, revoked, err := store.BoxKey(ctx, in.Self.Box)
	stranger := errs.BodyOf(err).Code == cloud.CodeStranger
	switch {
	case err != nil && !stranger:
		return err
	case stranger && o.School == "":
		return errs.NewCode(op, errs.Denied, cloud.CodeStranger, "the box %q is unknown: name its school", box)
	case revoked:
		return errs.NewCode(op, errs.Denied, cloud.CodeRevoked, "the box was revoked")
	case in.Key == nil && !o.Unsigned:
		return errs.NewCode(op, errs.Denied, CodeUnsigned,
			"the file of %q is not signed, so anybody could have written it: update the box and write the file again, or take it as it is with --unsigned (unsigned=1)", box)
	case stranger:
		return enrolUnlinked(ctx, store, o.School, in)
	case in.Key == nil, bytes.Equal(key, in.Key):
		return nil
	case o.TrustKey && o.School != "":
		return store.TrustKey(ctx, o.School, pg.Enrolment{Box: in.Self.Box, Name: in.Self.Name, Version: in.Self.Version, Key: in.Key}, nameKey)
	}
	return errs.NewCode(op, errs.Denied, CodeOtherKey,
		"the file of %q is signed with the key %s and not with the box's own, %s. If this is the box's first signed file or the box lost its key, and you know where the stick comes from, take the key with --school and --trust-key (trust_key=1)",
		box, nameKey(in.Key), nameKey(key))
}

// nameKey returns a short name of a key, for people to compare.
func nameKey(key ed25519.PublicKey) string {
	if len(key) == 0 {
		return "none"
	}
	return https.PinOf(key)[:12]
}

// enrolUnlinked enrols a box without a link. For a file without a signature, the key is random and
// has no owner. If the box gets a link later, it enrols again.
func enrolUnlinked(ctx context.Context, store *pg.Store, school string, in *usbfile.Reader) error {
	key := in.Key
	if key == nil {
		var err error
		if key, _, err = ed25519.GenerateKey(rand.Reader); err != nil {
			return errs.New(op, errs.Internal, err)
		}
	}
	code, err := store.NewCode(ctx, school)
	if err != nil {
		return err
	}
	_, err = store.Enrol(ctx, pg.Enrolment{Code: code, Box: in.Self.Box, Name: in.Self.Name, Version: in.Self.Version, Key: key})
	return err
}
