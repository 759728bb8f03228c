package gateway

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/roster"
)

type renewIn struct {
	ID    string `path:"id" maxLength:"64"`
	Pupil string `query:"pupil" maxLength:"64" doc:"Only this pupil's; empty: all of the class."`
}

func (g *Gateway) cardsAPI(api huma.API) {
	const cards = "/api/classes/{id}/cards"
	add(g, api, http.MethodGet, cards, "cards", "The links on the cards of a class", staff,
		func(_ context.Context, in *idPath) (*body[[]roster.Card], error) {
			return answer(g.Roster.Cards(in.ID))
		})
	add(g, api, http.MethodPost, cards+"/renew", "renewCards", "Void cards and make new ones", staff,
		func(_ context.Context, in *renewIn) (*body[[]roster.Card], error) {
			return answer(g.Roster.RenewCards(in.ID, in.Pupil))
		})
	add(g, api, http.MethodGet, cards+"/{pupil}/qr.svg", "cardQR", "The QR code of a pupil's card", staff, g.cardQR)
}

func (g *Gateway) cardQR(ctx context.Context, in *PupilPath) (*image, error) {
	c, err := g.Roster.Card(in.ID, in.Pupil)
	if err != nil {
		return nil, err
	}
	return g.qr(ctx, c.Link)
}

// qr draws a link to this box, by an address that pupils can use.
func (g *Gateway) qr(ctx context.Context, link string) (*image, error) {
	r := requestOf(ctx)
	plain, _ := g.Addrs()
	base := "http://" + r.Host
	if list := reachable("http", plain); loopback(r) && len(list) > 0 {
		base = list[0] // the page was opened on the box itself: pupils need its address
	}
	svg, err := drawQR(base + link)
	if err != nil {
		return nil, errs.New("gateway.qr", errs.Internal, err)
	}
	return &image{"image/svg+xml", svg}, nil
}

// joinCard lets a pupil in by the card. Its key has 128 random bits: there is nothing to
// guess.
func (g *Gateway) joinCard(ctx context.Context, card string) (*signedIn, error) {
	p, token, freed, moved, err := g.Roster.JoinCard(card, callerOf(ctx).token)
	if err != nil {
		return nil, err
	}
	if moved {
		g.Sessions.Kick(p.User, "", "the pupil joined with the card")
	}
	if freed != "" {
		g.Sessions.Kick(freed, "", "this device joined under another name")
	}
	return g.signIn(ctx, p, token), nil
}
