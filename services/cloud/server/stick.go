package server

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/cloud/stick"
	"github.com/livelearn/box/services/errs"
)

// TakeStick takes a stick's file in, and gives what its box is to be told. A box that nobody
// knows yet becomes the school's, if one is named.
func TakeStick(ctx context.Context, store *pg.Store, school string, in *stick.Reader) (stick.Report, cloud.Reply, error) {
	to := store.Direct(in.Self.Box)
	_, revoked, err := store.Key(ctx, in.Self.Box)
	switch {
	case errs.BodyOf(err).Code == cloud.CodeStranger && school != "":
		err = adopt(ctx, store, school, in.Self)
	case errs.BodyOf(err).Code == cloud.CodeStranger:
		err = errs.Code(op, errs.Denied, cloud.CodeStranger, "nobody knows the box %q: name its school", shown(in.Self.Box))
	case revoked:
		err = errs.Code(op, errs.Denied, cloud.CodeRevoked, "the box was revoked")
	}
	if err != nil {
		return stick.Report{Box: in.Self.Box}, cloud.Reply{}, err
	}
	rep, err := stick.Import(ctx, in, to)
	if err != nil && !rep.Cut {
		return rep, cloud.Reply{}, err
	}
	reply, fault := stick.Answer(ctx, in.Self, to)
	if fault != nil {
		return rep, cloud.Reply{}, fault
	}
	return rep, reply, err
}

// adopt enrols a box that has no link, with a key that nobody has: should it get a link one
// day, it is enrolled again.
func adopt(ctx context.Context, store *pg.Store, school string, self cloud.Self) error {
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
