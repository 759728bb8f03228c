package adminapi

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
	"github.com/livelearn/box/services/gateway/httpapi"
)

// Cloud sends the facts of this box to the school's cloud: *cloud.Cloud.
type Cloud interface {
	Status() cloud.Status
	// Link links the box to the target of an enrolment link or of a database address.
	Link(ctx context.Context, link string) error
	Unlink(context.Context) error
	// Sync starts a try and returns at once.
	Sync()
	DeadFacts() []cloud.Dead
	// RetryDead sends a refused fact once more. If repair is true, it first replaces the
	// characters that databases refuse.
	RetryDead(ctx context.Context, incarnation, pos uint64, repair bool) error
	// Export writes the facts that are not in the cloud yet as a file for a USB stick.
	// ImportReply reads the answer of the cloud.
	Export(ctx context.Context, w io.Writer) error
	ImportReply(ctx context.Context, r io.Reader) error
}

const (
	cloudPath      = "/api/admin/cloud"
	CloudReplyPath = cloudPath + "/reply"
	MaxReply       = 64 << 20         // bytes. Class lists and quizzes of a whole school
	maxLink        = 2000             // characters
	linkTimeout    = 45 * time.Second // to reach a cloud. Shorter than the write timeout of the response
	exportTimeout  = time.Hour        // to write a term's facts to a slow stick
)

// deadFact is cloud.Dead in JSON.
type deadFact struct {
	cloud.Dead
	Incarnation string `json:"incarnation"`
}

func (a *cloudAPI) registerCloud(ops httpapi.Operations) {
	httpapi.Describes[cloud.Dead, deadFact](ops)
	httpapi.Add(ops, http.MethodGet, cloudPath, "cloud", "How the link to the cloud is", httpapi.Admin, a.cloudStatus)
	httpapi.Add(ops, http.MethodPost, cloudPath+"/link", "linkCloud", "Link the box to a cloud: with its enrolment link, or the address of a database", httpapi.Admin, a.linkCloud,
		httpapi.Audited("cloud.linked", ""), httpapi.WithFreshPIN)
	httpapi.Add(ops, http.MethodDelete, cloudPath+"/link", "leaveCloud", "Leave the cloud. What is there stays there, what is here stays here", httpapi.Admin, a.leaveCloud,
		httpapi.Audited("cloud.left", ""), httpapi.WithFreshPIN)
	httpapi.Add(ops, http.MethodPost, cloudPath+"/sync", "syncCloud", "Try to send now", httpapi.Admin,
		a.withCloud(func(c Cloud, _ context.Context) error { c.Sync(); return nil }))
	httpapi.Add(ops, http.MethodGet, cloudPath+"/dead", "cloudDead", "Facts that the cloud could not store, oldest first", httpapi.Admin, a.cloudDead)
	httpapi.Add(ops, http.MethodPost, cloudPath+"/dead/retry", "retryCloudDead", "Send a fact that was refused once more", httpapi.Admin, a.retryCloudDead)
	httpapi.Add(ops, http.MethodGet, cloudPath+"/export", "exportCloud", "What is not in the cloud yet, as a file for a stick", httpapi.Admin, a.exportCloud, httpapi.WithFile("application/octet-stream"),
		httpapi.Audited("cloud.exported", ""), httpapi.WithFreshPIN)
	httpapi.Add(ops, http.MethodPost, CloudReplyPath, "replyCloud", "Take in the file that the cloud wrote back. The body is the file itself, at most 64 MB", httpapi.Admin,
		a.withCloud(func(c Cloud, ctx context.Context) error { return importReply(ctx, c) }), httpapi.WithUpload("application/octet-stream"))
}

func noCloud() error {
	return errs.NewCode("gateway.cloud", errs.Missing, "no_cloud", "this box runs without the part that talks to a cloud")
}

// withCloud makes an operation without input out of do.
func (a *cloudAPI) withCloud(do func(Cloud, context.Context) error) func(context.Context, *struct{}) (*struct{}, error) {
	return func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		if a.cloud == nil {
			return nil, noCloud()
		}
		return nil, do(a.cloud, ctx)
	}
}

// CloudStatus is the state of the cloud on the page of the admin. Supported is false if this
// box has no part that talks to a cloud.
type CloudStatus struct {
	Supported bool `json:"supported"`
	cloud.Status
}

func (a *cloudAPI) cloudStatus(context.Context, *struct{}) (*httpapi.Body[CloudStatus], error) {
	s := CloudStatus{Status: cloud.Status{State: cloud.StateOff}}
	if a.cloud != nil {
		s = CloudStatus{true, a.cloud.Status()}
	}
	if s.Notes == nil {
		s.Notes = []cloud.Note{}
	}
	return &httpapi.Body[CloudStatus]{Body: s}, nil
}

type linkBody struct {
	Body struct {
		Link string `json:"link" doc:"An enrolment link of the cloud (https), or the address of a database (postgres)."`
	}
}

// linkCloud continues when the page is closed, because an enrolment code works only once. The
// link is a secret and stays out of the log.
func (a *cloudAPI) linkCloud(ctx context.Context, in *linkBody) (*struct{}, error) {
	const op = "gateway.cloud"
	link := strings.TrimSpace(in.Body.Link)
	switch {
	case a.cloud == nil:
		return nil, noCloud()
	case link == "":
		return nil, errs.NewField(op, "link", "empty", 1, "must not be empty")
	case len(link) > maxLink:
		return nil, errs.NewField(op, "link", "too_long", maxLink, "more than %d characters", maxLink)
	}
	user := httpapi.CallerOf(ctx).User
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), linkTimeout)
	defer cancel()
	if err := a.cloud.Link(ctx, link); err != nil {
		a.log.Warn("the box was not linked to a cloud", "user", user, "kind", errs.KindOf(err).String())
		return nil, withField("link", err)
	}
	httpapi.Describe(ctx, "", a.cloud.Status().Where)
	a.log.Info("the box is linked to a cloud", "user", user, "where", a.cloud.Status().Where)
	return nil, nil
}

// withField returns err with this field as the faulty one.
func withField(field string, err error) error {
	e, ok := errors.AsType[*errs.Error](err)
	if !ok {
		return err
	}
	whole := *e
	whole.Field = field
	return &whole
}

func (a *cloudAPI) leaveCloud(ctx context.Context, _ *struct{}) (*struct{}, error) {
	if a.cloud == nil {
		return nil, noCloud()
	}
	a.log.Info("the box leaves its cloud", "user", httpapi.CallerOf(ctx).User)
	return nil, a.cloud.Unlink(context.WithoutCancel(ctx))
}

func (a *cloudAPI) cloudDead(context.Context, *struct{}) (*httpapi.Body[[]cloud.Dead], error) {
	list := []cloud.Dead{}
	if a.cloud != nil {
		list = append(list, a.cloud.DeadFacts()...)
	}
	return &httpapi.Body[[]cloud.Dead]{Body: list}, nil
}

// deadBody names a fact. The incarnation is a string, because JavaScript has no integers of
// that size.
type deadBody struct {
	Body struct {
		Incarnation string `json:"incarnation" maxLength:"20" doc:"As the list has it."`
		Pos         uint64 `json:"pos"`
		Repair      bool   `json:"repair,omitempty" doc:"Replace the characters that no database takes."`
	}
}

func (a *cloudAPI) retryCloudDead(ctx context.Context, in *deadBody) (*struct{}, error) {
	if a.cloud == nil {
		return nil, noCloud()
	}
	incarnation, err := strconv.ParseUint(in.Body.Incarnation, 10, 64)
	if err != nil {
		return nil, errs.NewField("gateway.cloud", "incarnation", "bad_number", 0, "must be a number, as the list has it")
	}
	ctx, cancel := context.WithTimeout(ctx, linkTimeout)
	defer cancel()
	return nil, a.cloud.RetryDead(ctx, incarnation, in.Body.Pos, in.Body.Repair)
}

// exportCloud streams, because the facts of a term do not fit into memory. A failure before
// the first bytes is answered as a refusal.
func (a *cloudAPI) exportCloud(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
	if a.cloud == nil {
		return nil, noCloud()
	}
	a.log.Info("writing a file for the cloud", "user", httpapi.CallerOf(ctx).User)
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, out := humago.Unwrap(hc)
		_ = http.NewResponseController(out).SetWriteDeadline(time.Now().Add(exportTimeout)) // fails only with the recorder of a test
		f := &exportFile{hc: hc, name: fmt.Sprintf("livelearn-%s.llcloud", time.Now().UTC().Format("20060102-150405"))}
		w := bufio.NewWriterSize(f, 64<<10)
		err := a.cloud.Export(r.Context(), w)
		if err == nil {
			err = w.Flush()
		}
		switch {
		case err == nil:
		case f.started:
			a.log.Warn("writing a file for the cloud failed", "err", err)
			panic(http.ErrAbortHandler) // a client must not take half a file for a whole one
		default:
			_ = httpapi.ToProblem(a.log, "exportCloud", err) // logs faults of the box
			httpapi.WriteProblem(hc, errs.KindOf(err).HTTPStatus(), errs.BodyOf(err))
		}
	}}, nil
}

// exportFile sets the headers of a download before its first bytes.
type exportFile struct {
	hc      huma.Context
	name    string
	started bool
}

// Write implements io.Writer.
func (s *exportFile) Write(p []byte) (int, error) {
	if !s.started {
		s.started = true
		s.hc.SetHeader("Content-Type", "application/octet-stream")
		s.hc.SetHeader("Content-Disposition", `attachment; filename="`+s.name+`"`)
	}
	return s.hc.BodyWriter().Write(p)
}

// importReply passes the body of the request on as it arrives.
func importReply(ctx context.Context, c Cloud) error {
	large := errs.NewField("gateway.cloud", "reply", "too_large", MaxReply, "more than %d MB", MaxReply>>20)
	r := httpapi.RequestOf(ctx)
	if r.ContentLength > MaxReply {
		return large
	}
	err := c.ImportReply(context.WithoutCancel(ctx), http.MaxBytesReader(nil, r.Body, MaxReply))
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return large
	}
	return withField("reply", err)
}
