// Package staff holds the operations of teachers: classes, lessons, quizzes, decks, results,
// recordings and the passes of encoders.
package staff

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/livelearn/box/services/deck"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/gateway/peers"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/library"
	"github.com/livelearn/box/services/listimport"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
	"github.com/livelearn/box/services/session"
	"github.com/livelearn/box/services/slides"
)

// Deps holds what the operations of teachers need.
type Deps struct {
	Roster   *roster.Roster
	Rooms    *room.Rooms
	Sessions *session.Hub
	Library  *library.Library
	Jobs     *jobs.Jobs
	Health   *health.Health
	Clock    *event.Clock
	Callers  *httpapi.Callers
	Audit    httpapi.Audit
	Peers    *peers.API // ends the sessions of encoders and players
	Log      *slog.Logger

	Addrs func() (plain, secure string) // the addresses of the listeners
	// Guessing reports whether somebody guesses codes of lessons.
	Guessing func() bool
	// ReadClassList reads a class list in a process of its own.
	ReadClassList func(ctx context.Context, name string, data []byte, choice listimport.Choice) (listimport.Table, error)
	// MakePicture makes a picture of a question in a process of its own.
	MakePicture func(ctx context.Context, data []byte) (slides.Picture, error)
	// ReadQuiz reads a file with questions in a process of its own. keep stores a picture, and nil
	// keeps none.
	ReadQuiz   func(ctx context.Context, data []byte, keep func(slides.Picture) error) (draft.File, error)
	Capsule    Capsule // builds the files that show a recorded lesson
	Recordings string  // folder with a folder for each recorded lesson
	Results    string  // folder with a folder of results for each lesson
	HasMedia   bool    // false: this box carries no pictures and no sound
	Media      Media   // nil: this box has no media nodes
	Cloud      Cloud   // nil: this box talks to no cloud
}

// Media reports the state of the media nodes.
type Media interface{ States() []media.NodeState }

// Cloud reports how far the cloud is behind.
type Cloud interface {
	// Waiting reports whether the box is linked to a cloud, and how many facts are not
	// there yet.
	Waiting() (linked bool, waiting uint64)
}

// classAPI holds the operations on classes and pupils.
type classAPI struct {
	roster        *roster.Roster
	sessions      *session.Hub
	addrs         func() (plain, secure string)
	readClassList func(ctx context.Context, name string, data []byte, choice listimport.Choice) (listimport.Table, error)
	importSlot    chan struct{} // holds one value while a class list is read, because each takes much memory
}

// lessonAPI holds the operations on lessons that run.
type lessonAPI struct {
	roster   *roster.Roster
	rooms    *room.Rooms
	sessions *session.Hub
	library  *library.Library
	jobs     *jobs.Jobs
	peers    *peers.API
	log      *slog.Logger
	addrs    func() (plain, secure string)
	hasMedia bool
	guessing func() bool
	audit    httpapi.Audit
}

// libraryAPI holds the operations on quizzes, their pictures and samples.
type libraryAPI struct {
	library     *library.Library
	makePicture func(ctx context.Context, data []byte) (slides.Picture, error)
	pictureSlot chan struct{} // holds one value while a picture is made, because each takes much memory
	readQuiz    func(ctx context.Context, data []byte, keep func(slides.Picture) error) (draft.File, error)
	quizSlot    chan struct{} // holds one value while a file is read
}

// reviewAPI holds the operations on lessons that have ended, and on background jobs.
type reviewAPI struct {
	roster     *roster.Roster
	jobs       *jobs.Jobs
	callers    *httpapi.Callers
	audit      httpapi.Audit
	log        *slog.Logger
	capsule    Capsule
	recordings string
	results    string
}

// boxAPI holds the operations on the state of the box.
type boxAPI struct {
	health *health.Health
	clock  *event.Clock
	log    *slog.Logger
	media  Media
	cloud  Cloud
}

// Register adds the operations to ops, and the files of recordings to mux.
func Register(mux *http.ServeMux, ops httpapi.Operations, d Deps) {
	ops.Guard = guardClasses(d.Roster)
	classes := &classAPI{d.Roster, d.Sessions, d.Addrs, d.ReadClassList, make(chan struct{}, 1)}
	classes.registerClasses(ops)
	classes.registerCards(ops)
	classes.registerTeachers(ops)
	classes.registerClassList(ops)
	lessons := &lessonAPI{d.Roster, d.Rooms, d.Sessions, d.Library, d.Jobs, d.Peers, d.Log, d.Addrs, d.HasMedia, d.Guessing, d.Audit}
	lessons.registerLessons(ops)
	lessons.registerMaterials(ops)
	lessons.registerTokens(ops)
	shelf := &libraryAPI{d.Library, d.MakePicture, make(chan struct{}, 1), d.ReadQuiz, make(chan struct{}, 1)}
	shelf.registerQuizzes(ops)
	shelf.registerExchange(ops)
	shelf.registerImages(ops)
	shelf.registerSamples(ops)
	decks := &deckAPI{&deck.Service{Store: d.Library.Decks, Jobs: d.Jobs, Log: d.Log}}
	decks.registerDecks(ops)
	reviews := &reviewAPI{d.Roster, d.Jobs, d.Callers, d.Audit, d.Log, d.Capsule, d.Recordings, d.Results}
	reviews.registerResults(ops)
	reviews.registerRecording(ops)
	reviews.registerFilm(ops)
	reviews.registerJobs(ops)
	mux.HandleFunc("GET /recordings/{lesson}/{file}", reviews.serveRecording)
	box := &boxAPI{d.Health, d.Clock, d.Log, d.Media, d.Cloud}
	box.registerBox(ops)
}
