package https

import "net/http"

// What travels beside the types of package cloud. The cloud role reads and writes the same.

// TypeBatch is the media type of a batch.
const TypeBatch = "application/vnd.livelearn.batch"

const typeJSON = "application/json"

// Codes of errors beside those of package cloud.
const (
	CodeSession     = "session"      // with 401: the session is over
	CodeBadCode     = "bad_code"     // errs.Denied: the enrolment code is wrong, used or too old
	CodeOtherSchool = "other_school" // errs.Denied: the box belongs to another school
	CodeCertificate = "certificate"  // errs.Down: who answers is not the cloud
	CodeAnswer      = "answer"       // errs.Down: what answers does not speak as the cloud does
	CodeCloudFault  = "cloud_fault"  // errs.Down: the cloud has a fault of its own
)

// StatusOver is the HTTP status of a request whose session is over.
const StatusOver = http.StatusUnauthorized

// Enrolment is what a box asks for once: POST /v1/enrol.
type Enrolment struct {
	Code    string `json:"code"`
	Box     string `json:"box"`
	Name    string `json:"name"`
	Version string `json:"version"`
	Key     []byte `json:"key"` // public, Ed25519
}

// Enrolled is the answer.
type Enrolled struct {
	School string `json:"school"`
}

// Nonce is the answer of GET /v1/nonce: what a box signs to open a session.
type Nonce struct {
	Nonce string `json:"nonce"`
}

// Login opens a session: POST /v1/session.
type Login struct {
	Box       string `json:"box"`
	Nonce     string `json:"nonce"`
	Signature []byte `json:"signature"` // of Challenge
}

// Session is the answer.
type Session struct {
	Token   string `json:"token"`
	Seconds int    `json:"seconds"` // that it lasts
}

// Challenge is what a box signs to open a session.
func Challenge(box, nonce string) []byte {
	return []byte("livelearn-cloud-session\n" + box + "\n" + nonce)
}
