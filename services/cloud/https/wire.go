package https

import "net/http"

// Types of the protocol that package cloud does not have. The client and the server share them.

// TypeBatch is the media type of a batch.
const TypeBatch = "application/vnd.livelearn.batch"

const typeJSON = "application/json"

// Codes of errors in addition to those of package cloud.
const (
	CodeSession     = "session"      // with 401: the session is over
	CodeBadCode     = "bad_code"     // errs.Denied: the enrolment code is wrong, used or too old
	CodeOtherSchool = "other_school" // errs.Denied: the box belongs to another school
	CodeCertificate = "certificate"  // errs.Down: the peer's certificate was refused
	CodeAnswer      = "answer"       // errs.Down: the answer is not one of the cloud
	CodeCloudFault  = "cloud_fault"  // errs.Down: the cloud has an internal fault
)

// StatusOver is the HTTP status of a request whose session is over.
const StatusOver = http.StatusUnauthorized

// Enrolment is the body of POST /v1/enrol.
type Enrolment struct {
	Code    string `json:"code"`
	Box     string `json:"box"`
	Name    string `json:"name"`
	Version string `json:"version"`
	Key     []byte `json:"key"` // public, Ed25519
}

// Enrolled is the answer to an Enrolment.
type Enrolled struct {
	School string `json:"school"`
}

// Nonce is the answer to GET /v1/nonce. The box signs it to open a session.
type Nonce struct {
	Nonce string `json:"nonce"`
}

// Login is the body of POST /v1/session.
type Login struct {
	Box       string `json:"box"`
	Nonce     string `json:"nonce"`
	Signature []byte `json:"signature"` // of Challenge
}

// Session is the answer to a Login.
type Session struct {
	Token   string `json:"token"`
	Seconds int    `json:"seconds"` // lifetime
}

// Challenge returns the bytes that a box signs to open a session.
func Challenge(box, nonce string) []byte {
	return []byte("livelearn-cloud-session\n" + box + "\n" + nonce)
}
