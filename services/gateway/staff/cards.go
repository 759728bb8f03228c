package staff

import (
	"context"
	"net/http"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/qrsvg"
	"github.com/livelearn/box/services/roster"
)

type renewIn struct {
	ID    string `path:"id" maxLength:"64"`
	Pupil string `query:"pupil" maxLength:"64" doc:"Only this pupil's; empty: all of the class."`
}

func (a *classAPI) registerCards(ops httpapi.Operations) {
	const cards = "/api/classes/{id}/cards"
	httpapi.Add(ops, http.MethodGet, cards, "cards", "The links on the cards of a class", httpapi.Staff,
		func(_ context.Context, in *httpapi.IDPath) (*httpapi.Body[[]roster.Card], error) {
			return httpapi.ToResponse(a.roster.Cards(in.ID))
		}, httpapi.Audited("cards.opened", "id"))
	httpapi.Add(ops, http.MethodPost, cards+"/renew", "renewCards", "Void cards and make new ones", httpapi.Staff,
		func(_ context.Context, in *renewIn) (*httpapi.Body[[]roster.Card], error) {
			return httpapi.ToResponse(a.roster.RenewCards(in.ID, in.Pupil))
		}, httpapi.Audited("cards.renewed", "id"))
	httpapi.Add(ops, http.MethodGet, cards+"/{pupil}/qr.svg", "cardQR", "The QR code of a pupil's card", httpapi.Staff, a.cardQR, httpapi.WithFile("image/svg+xml"))
}

func (a *classAPI) cardQR(ctx context.Context, in *PupilPath) (*image, error) {
	c, err := a.roster.Card(in.ID, in.Pupil)
	if err != nil {
		return nil, err
	}
	return renderQR(ctx, a.addrs, c.Link)
}

// renderQR draws a link to this box with an address that pupils can reach.
func renderQR(ctx context.Context, addrs func() (plain, secure string), link string) (*image, error) {
	r := httpapi.RequestOf(ctx)
	plain, _ := addrs()
	base := plainOrigin(r, plain)
	if list := httpapi.ReachableURLs("http", plain); httpapi.IsLoopback(r) && len(list) > 0 {
		base = list[0] // the page was opened on the box itself, and pupils need an address that they can reach
	}
	svg, err := qrsvg.Draw(base + link)
	if err != nil {
		return nil, errs.New("gateway.qr", errs.Internal, err)
	}
	return &image{"image/svg+xml", svg}, nil
}

// plainOrigin returns the origin of plain HTTP, which pupils and encoders use, under the host name
// that the teacher's browser used. plain is the address of its listener.
func plainOrigin(r *http.Request, plain string) string {
	if r.TLS == nil {
		return "http://" + r.Host
	}
	return httpapi.OriginAt(r, "http", plain)
}

type image struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}
