package server

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/cloud/usbfile"
	"github.com/livelearn/box/services/errs"
)

// ImportStick imports the file of a USB stick and returns the reply for its box. It enrols an
// unknown box with the school, if school is not empty.
func ImportStick(ctx context.Context, store *pg.Store, school string, in *usbfile.Reader) (usbfile.Report, cloud.Reply, error) {
	to := store.DirectSink(in.Self.Box)
	_, revoked, err := store.BoxKey(ctx, in.Self.Box)
	switch {
	case errs.BodyOf(err).Code == cloud.CodeStranger && school != "":
		err = enrolUnlinked(ctx, store, school, in.Self)
	case errs.BodyOf(err).Code == cloud.CodeStranger:
		err = errs.NewCode(op, errs.Denied, cloud.CodeStranger, "the box %q is unknown: name its school", loggableID(in.Self.Box))
	case revoked:
		err = errs.NewCode(op, errs.Denied, cloud.CodeRevoked, "the box was revoked")
	}
	if err != nil {
		return usbfile.Report{Box: in.Self.Box}, cloud.Reply{}, err
	}
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

// enrolUnlinked enrols a box without a link. Its key is random and has no owner. If the box gets a
// link later, it enrols again.
func enrolUnlinked(ctx context.Context, store *pg.Store, school string, self cloud.Self) error {
	key, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return errs.New(op, errs.Internal, err)
	}
	code, err := store.NewCode(ctx, school)
	if err != nil {
		return err
	}
	_, err = store.Enrol(ctx, pg.Enrolment{Code: code, Box: self.Box, Name: self.Name, Version: self.Version, Key: key})
	return err
}
