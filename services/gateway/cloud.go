package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/errs"
)

// Cloud brings what happens here to the school's database elsewhere: *cloud.Cloud.
type Cloud interface {
	Status() cloud.Status
	// Waiting is the little that a teacher wants to know: whether the box is linked to a
	// cloud, and how many facts are not there yet.
	Waiting() (linked bool, waiting uint64)
	// Link links the box to what an enrolment link or the address of a database names.
	Link(ctx context.Context, link string) error
	Leave(context.Context) error
	// Sync asks for a try now and returns at once.
	Sync()
	Dead() []cloud.Dead
	// Retry sends a fact that was refused once more; repair: without the characters that
	// no database takes.
	Retry(ctx context.Context, incarnation, pos uint64, repair bool) error
	// Export writes what is not in the cloud yet as a file for a stick, and Reply takes in
	// what the cloud wrote back.
	Export(ctx context.Context, w io.Writer) error
	Reply(ctx context.Context, r io.Reader) error
}

const (
	cloudPath = "/api/admin/cloud"
	replyPath = cloudPath + "/reply"
	maxReply  = 64 << 20         // bytes: class lists and quizzes of a whole school
	maxLink   = 2000             // characters
	linkTime  = 45 * time.Second // to reach a cloud: before the answer's own time is over
	stickTime = time.Hour        // to write a term's facts to a slow stick
)

func (g *Gateway) cloudAPI(api huma.API) {
	add(g, api, http.MethodGet, "/api/cloud", "inCloud", "Whether what is saved here is in the cloud too", staff, g.inCloud)
	add(g, api, http.MethodGet, cloudPath, "cloud", "How the link to the cloud is", admin, g.cloudStatus)
	add(g, api, http.MethodPost, cloudPath+"/link", "linkCloud", "Link the box to a cloud: with its enrolment link, or the address of a database", admin, g.linkCloud)
	add(g, api, http.MethodDelete, cloudPath+"/link", "leaveCloud", "Leave the cloud. What is there stays there, what is here stays here", admin, g.leaveCloud)
	add(g, api, http.MethodPost, cloudPath+"/sync", "syncCloud", "Try to send now", admin,
		g.withCloud(func(c Cloud, _ context.Context) error { c.Sync(); return nil }))
	add(g, api, http.MethodGet, cloudPath+"/dead", "cloudDead", "Facts that the cloud could not store, oldest first", admin, g.cloudDead)
	add(g, api, http.MethodPost, cloudPath+"/dead/retry", "retryCloudDead", "Send a fact that was refused once more", admin, g.retryCloudDead)
	add(g, api, http.MethodGet, cloudPath+"/export", "exportCloud", "What is not in the cloud yet, as a file for a stick", admin, g.exportCloud)
	add(g, api, http.MethodPost, replyPath, "replyCloud", "Take in the file that the cloud wrote back. The body is the file itself, at most 64 MB", admin,
		g.withCloud(func(c Cloud, ctx context.Context) error { return takeReply(ctx, c) }))
}

func noCloud() error {
	return errs.Code("gateway.cloud", errs.Missing, "no_cloud", "this box runs without the part that talks to a cloud")
}

// withCloud is an operation without input.
func (g *Gateway) withCloud(do func(Cloud, context.Context) error) func(context.Context, *struct{}) (*struct{}, error) {
	return func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		if g.Cloud == nil {
			return nil, noCloud()
		}
		return nil, do(g.Cloud, ctx)
	}
}

// inCloud is what a teacher sees.
type inCloud struct {
	Linked  bool   `json:"linked"`
	Waiting uint64 `json:"waiting" doc:"Facts that are not in the cloud yet."`
}

func (g *Gateway) inCloud(context.Context, *struct{}) (*body[inCloud], error) {
	var in inCloud
	if g.Cloud != nil {
		in.Linked, in.Waiting = g.Cloud.Waiting()
	}
	return &body[inCloud]{in}, nil
}

// cloudStatus is what the admin's page shows; supported is false where there is nothing
// to link.
type cloudStatus struct {
	Supported bool `json:"supported"`
	cloud.Status
}

func (g *Gateway) cloudStatus(context.Context, *struct{}) (*body[cloudStatus], error) {
	s := cloudStatus{Status: cloud.Status{State: cloud.StateOff}}
	if g.Cloud != nil {
		s = cloudStatus{true, g.Cloud.Status()}
	}
	if s.Notes == nil {
		s.Notes = []cloud.Note{}
	}
	return &body[cloudStatus]{s}, nil
}

type linkBody struct {
	Body struct {
		Link string `json:"link" doc:"An enrolment link of the cloud (https), or the address of a database (postgres)."`
	}
}

// linkCloud goes on when the page is closed: a code is good once. The link is a secret and
// stays out of the log.
func (g *Gateway) linkCloud(ctx context.Context, in *linkBody) (*struct{}, error) {
	const op = "gateway.cloud"
	link := strings.TrimSpace(in.Body.Link)
	switch {
	case g.Cloud == nil:
		return nil, noCloud()
	case link == "":
		return nil, errs.Field(op, "link", "empty", 1, "must not be empty")
	case len(link) > maxLink:
		return nil, errs.Field(op, "link", "too_long", maxLink, "more than %d characters", maxLink)
	}
	user := callerOf(ctx).User
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), linkTime)
	defer cancel()
	if err := g.Cloud.Link(ctx, link); err != nil {
		g.Log.Warn("the box was not linked to a cloud", "user", user, "kind", errs.KindOf(err).String())
		return nil, about("link", err)
	}
	g.Log.Info("the box is linked to a cloud", "user", user, "where", g.Cloud.Status().Where)
	return nil, nil
}

// about says of an error that this field is at fault, whichever part of it is.
func about(field string, err error) error {
	e, ok := errors.AsType[*errs.Error](err)
	if !ok {
		return err
	}
	whole := *e
	whole.Field = field
	return &whole
}

func (g *Gateway) leaveCloud(ctx context.Context, _ *struct{}) (*struct{}, error) {
	if g.Cloud == nil {
		return nil, noCloud()
	}
	g.Log.Info("the box leaves its cloud", "user", callerOf(ctx).User)
	return nil, g.Cloud.Leave(context.WithoutCancel(ctx))
}

func (g *Gateway) cloudDead(context.Context, *struct{}) (*body[[]cloud.Dead], error) {
	list := []cloud.Dead{}
	if g.Cloud != nil {
		list = append(list, g.Cloud.Dead()...)
	}
	return &body[[]cloud.Dead]{list}, nil
}

// deadBody names a fact. The incarnation is a text: a page has no numbers that large.
type deadBody struct {
	Body struct {
		Incarnation string `json:"incarnation" maxLength:"20" doc:"As the list has it."`
		Pos         uint64 `json:"pos"`
		Repair      bool   `json:"repair,omitempty" doc:"Replace the characters that no database takes."`
	}
}

func (g *Gateway) retryCloudDead(ctx context.Context, in *deadBody) (*struct{}, error) {
	if g.Cloud == nil {
		return nil, noCloud()
	}
	incarnation, err := strconv.ParseUint(in.Body.Incarnation, 10, 64)
	if err != nil {
		return nil, errs.Field("gateway.cloud", "incarnation", "bad_number", 0, "must be a number, as the list has it")
	}
	ctx, cancel := context.WithTimeout(ctx, linkTime)
	defer cancel()
	return nil, g.Cloud.Retry(ctx, incarnation, in.Body.Pos, in.Body.Repair)
}

// exportCloud streams: a term is more than memory holds. What fails before the first
// bytes are out is told as any other refusal.
func (g *Gateway) exportCloud(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
	if g.Cloud == nil {
		return nil, noCloud()
	}
	g.Log.Info("facts are written to a file for the cloud", "user", callerOf(ctx).User)
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, out := humago.Unwrap(hc)
		_ = http.NewResponseController(out).SetWriteDeadline(time.Now().Add(stickTime)) // a recorder of a test has none
		f := &stickFile{hc: hc, name: fmt.Sprintf("livelearn-%s.llcloud", time.Now().UTC().Format("20060102-150405"))}
		w := bufio.NewWriterSize(f, 64<<10)
		err := g.Cloud.Export(r.Context(), w)
		if err == nil {
			err = w.Flush()
		}
		switch {
		case err == nil:
		case f.begun:
			g.Log.Warn("a file for the cloud is broken off", "err", err)
			panic(http.ErrAbortHandler) // the client must not take half a file for a whole one
		default:
			_ = g.problem("exportCloud", err) // logs what is ours
			writeProblem(hc, errs.KindOf(err).Status(), errs.BodyOf(err))
		}
	}}, nil
}

// stickFile says with its first bytes that a file comes.
type stickFile struct {
	hc    huma.Context
	name  string
	begun bool
}

// Write implements io.Writer.
func (s *stickFile) Write(p []byte) (int, error) {
	if !s.begun {
		s.begun = true
		s.hc.SetHeader("Content-Type", "application/octet-stream")
		s.hc.SetHeader("Content-Disposition", `attachment; filename="`+s.name+`"`)
	}
	return s.hc.BodyWriter().Write(p)
}

// takeReply hands the request's body on as it comes.
func takeReply(ctx context.Context, c Cloud) error {
	large := errs.Field("gateway.cloud", "reply", "too_large", maxReply, "more than %d MB", maxReply>>20)
	r := requestOf(ctx)
	if r.ContentLength > maxReply {
		return large
	}
	err := c.Reply(context.WithoutCancel(ctx), http.MaxBytesReader(nil, r.Body, maxReply))
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return large
	}
	return about("reply", err)
}
