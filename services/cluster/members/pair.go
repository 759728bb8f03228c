package members

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/livelearn/box/services/errs"
)

const (
	CodeLife = 5 * time.Minute // how long a code counts
	codeLen  = 8               // signs of 32: 40 bits

	// A code is void after maxWrong wrong tries. Those of one network end sooner, so that one
	// person alone cannot keep boxes from being paired.
	maxTries = 5
	maxWrong = 100

	// JoinPath is where a box with a code answers, over HTTPS.
	JoinPath = "/api/boxes/join"

	// MaxJoin bounds what a box sends to be paired, and maxReply what it gets: a list of MaxKnown.
	MaxJoin  = 4 << 10
	maxReply = MaxKnown << 10

	exporterLabel = "EXPORTER-livelearn-pairing"
	joinTimeout   = 20 * time.Second
	dialTimeout   = 4 * time.Second // for each port, so that the next one is tried where a firewall drops the first
)

// Pairing makes another box a member. The box of one admin shows a code, and the admin of the other
// types it there. Both prove that they know it over one TLS connection, whose exporter goes into the
// proofs: one who sits between them has two connections and so no proof that fits. The code is
// stretched, because one who sits there could else try all codes on the first proof within the
// minutes that it counts.
type Pairing struct {
	list *List
	self func() (name string, addresses []string) // of this box

	mu    sync.Mutex
	code  string // guarded by mu; empty: none
	until time.Time
	wrong int            // tries
	from  map[string]int // wrong tries by network
}

// NewPairing shows no code yet. self says what this box is called and where it takes connections.
func NewPairing(l *List, self func() (string, []string)) *Pairing {
	return &Pairing{list: l, self: self}
}

const codeAlphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789" // as of a claim code

// ShowCode makes a new code, which counts once and for CodeLife. An older one is void.
func (p *Pairing) ShowCode() string {
	b := make([]byte, codeLen)
	rand.Read(b)
	for i := range b {
		b[i] = codeAlphabet[int(b[i])%len(codeAlphabet)] // 256 is a multiple of 32: no bias
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.code, p.until, p.wrong, p.from = string(b), time.Now().Add(CodeLife), 0, map[string]int{}
	return p.code
}

// cleanCode converts a code as people type it.
func cleanCode(code string) string {
	return strings.NewReplacer("-", "", " ", "").Replace(strings.ToUpper(code[:min(len(code), 64)]))
}

// joinRequest is what the joining box says of itself. Proof covers the rest.
type joinRequest struct {
	Key       string   `json:"key"`
	Name      string   `json:"name"`
	Addresses []string `json:"addresses"`
	Proof     []byte   `json:"proof,omitempty"`
}

// joinReply is the list of the school.
type joinReply struct {
	Members []Member `json:"members"`
	Proof   []byte   `json:"proof"`
}

// prove is a proof of the code for one direction of one connection.
func prove(stretched []byte, direction string, text []byte) []byte {
	h := hmac.New(sha256.New, stretched)
	h.Write([]byte(direction))
	h.Write(text)
	return h.Sum(nil)
}

// The directions of a proof: a proof that is sent back proves nothing.
const (
	joinProof  = "join\x00"
	replyProof = "reply\x00"
)

// stretch makes the key of the proofs. A try takes some 50 ms and 64 MiB.
func stretch(code string, exporter []byte) []byte {
	const passes, memory, threads = 1, 64 << 10, 1 // KiB
	return argon2.IDKey([]byte(code), exporter, passes, memory, threads, sha256.Size)
}

func (r joinRequest) text() []byte {
	r.Proof = nil
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // our own type
	}
	return text
}

// CodeLeft returns how long the code still counts; 0: there is none.
func (p *Pairing) CodeLeft() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.code == "" {
		return 0
	}
	return max(0, time.Until(p.until))
}

// Accept answers a box that wants to join over the connection with this state, from a network. On
// success the code is used up and the box is on the list.
func (p *Pairing) Accept(state *tls.ConnectionState, network string, body []byte) (reply []byte, joined Member, err error) {
	const op = "members.Accept"
	p.mu.Lock()
	defer p.mu.Unlock()
	switch { // before all that takes time
	case p.code == "" || time.Now().After(p.until):
		p.code = ""
		return nil, Member{}, errs.NewCode(op, errs.Denied, "no_code", "the box shows no code now: ask its admin for a new one")
	case p.from[network] >= maxTries:
		return nil, Member{}, errs.NewCode(op, errs.Denied, "code_void", "the code was wrong %d times and counts no more: show a new one", maxTries)
	}
	exporter, err := exportKey(state)
	if err != nil {
		return nil, Member{}, err
	}
	var r joinRequest
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, Member{}, errs.NewField(op, "body", "bad_json", 0, "%v", err)
	}
	stretched := stretch(p.code, exporter)
	if !hmac.Equal(r.Proof, prove(stretched, joinProof, r.text())) {
		return nil, Member{}, p.countWrong(network)
	}
	if err := (Member{ID: idOf(r.Key), Key: r.Key, Name: r.Name, Addresses: r.Addresses, Term: 1, Added: 1}).validate(); err != nil {
		return nil, Member{}, err
	}
	if r.Key == p.list.own.Key {
		return nil, Member{}, errSameKey(op)
	}
	name, addresses := p.self()
	if err := p.list.add(profile{p.list.own.Key, name, addresses}, profile{r.Key, r.Name, r.Addresses}); err != nil {
		return nil, Member{}, err
	}
	p.code = ""
	out := joinReply{Members: p.list.All()}
	out.Proof = prove(stretched, replyProof, append(r.text(), Encode(out.Members)...))
	reply, err = json.Marshal(out)
	return reply, find(out.Members, r.Key), err
}

func errSameKey(op string) error {
	return errs.NewCode(op, errs.Stale, "same_key", "both boxes have the same key, because the card of one is a copy of the other's: stop one of them, delete tls/box.key in its data folder and start it again")
}

func find(list []Member, key string) Member {
	for _, m := range list {
		if m.Key == key {
			return m
		}
	}
	return Member{}
}

// countWrong counts a wrong code. The caller holds mu.
func (p *Pairing) countWrong(network string) error {
	p.wrong++
	p.from[network]++
	if p.wrong >= maxWrong {
		p.code = ""
	}
	return errs.NewCode("members.Accept", errs.Denied, "wrong_code", "the code is wrong; tries left: %d", maxTries-p.from[network])
}

// exportKey returns bytes that only the two ends of a connection know.
func exportKey(state *tls.ConnectionState) ([]byte, error) {
	if state == nil || state.Version != tls.VersionTLS13 {
		return nil, errs.NewCode("members", errs.Invalid, "no_tls", "boxes are paired over TLS 1.3 only")
	}
	key, err := state.ExportKeyingMaterial(exporterLabel, nil, sha256.Size)
	if err != nil {
		return nil, errs.New("members", errs.Invalid, err)
	}
	return key, nil
}

// Join makes this box a member of the school of the box at the address, which shows the code. It
// returns that box's entry.
func (p *Pairing) Join(ctx context.Context, address, code string) error {
	const op = "members.Join"
	code = cleanCode(code)
	switch {
	case len(p.list.Others()) > 0:
		return errNotAlone()
	case len(code) != codeLen:
		return errs.NewField(op, "code", "bad_length", codeLen, "a code has %d letters and digits", codeLen)
	}
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	conn, err := dialBox(ctx, address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	state := conn.ConnectionState()
	exporter, err := exportKey(&state)
	if err != nil {
		return err
	}
	name, addresses := p.self()
	r := joinRequest{Key: p.list.own.Key}
	r.Name, r.Addresses = cutProfile(name, addresses)
	stretched := stretch(code, exporter)
	r.Proof = prove(stretched, joinProof, r.text())
	body, err := json.Marshal(r)
	if err != nil {
		return errs.New(op, errs.Internal, err)
	}
	answer, err := post(ctx, conn, body)
	if err != nil {
		return err
	}
	list, err := checkReply(answer, stretched, r.text())
	if err != nil {
		return err
	}
	if m := find(list, r.Key); m.Key == "" || !m.IsMember() {
		return errs.NewCode(op, errs.Invalid, "bad_reply", "the list of the other box does not name this box")
	}
	return p.list.replace(list)
}

func errNotAlone() error {
	return errs.NewCode("members.Join", errs.Stale, "not_alone", "this box belongs to a school already: show the code here and enter it at the new box, or remove this box from its school first")
}

// checkReply returns the list if its sender knows the code too.
func checkReply(answer, stretched, asked []byte) ([]Member, error) {
	const op = "members.Join"
	var reply joinReply
	if err := json.Unmarshal(answer, &reply); err != nil {
		return nil, errs.NewCode(op, errs.Invalid, "bad_reply", "the other side does not answer as a box does")
	}
	if !hmac.Equal(reply.Proof, prove(stretched, replyProof, append(bytes.Clone(asked), Encode(reply.Members)...))) {
		return nil, errs.NewCode(op, errs.Denied, "wrong_proof", "the other side does not know the code: it is not the box that shows it")
	}
	return Decode(Encode(reply.Members))
}

// addressesToTry returns the addresses at which a box may take HTTPS, for what a person typed or copied
// from a browser. A port that is given is the only one.
func addressesToTry(given string) []string {
	address := strings.TrimSpace(given)
	if scheme, rest, found := strings.Cut(address, "://"); found {
		address = rest
		if host, _, err := net.SplitHostPort(strings.TrimSuffix(rest, "/")); err == nil && strings.EqualFold(scheme, "http") {
			address = host // the port is that of plain HTTP
		}
	}
	address, _, _ = strings.Cut(address, "/")
	if _, _, err := net.SplitHostPort(address); err == nil {
		return []string{address}
	}
	host := strings.Trim(address, "[]")
	return []string{net.JoinHostPort(host, "443"), net.JoinHostPort(host, "8443")}
}

// dialBox connects to the HTTPS port of a box. Whose key it shows does not matter: the code decides.
func dialBox(ctx context.Context, address string) (*tls.Conn, error) {
	const op = "members.Join"
	tries := addressesToTry(address)
	for _, a := range tries {
		if !isAddress(a) {
			return nil, errs.NewField(op, "address", "bad_address", maxAddress, "must be the address of a box, such as 192.168.1.20 or 192.168.1.20:8443, of at most %d bytes", maxAddress)
		}
	}
	//lint:ignore gosec the proofs decide, and they hold for this connection only
	d := tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}}
	var last error
	for _, a := range tries {
		try, cancel := context.WithTimeout(ctx, dialTimeout) // the handshake too
		conn, err := d.DialContext(try, "tcp", a)
		cancel()
		if err == nil {
			return conn.(*tls.Conn), nil
		}
		last = err
	}
	return nil, errs.NewField(op, "address", "unreachable", 0, "no box answers at %s: %v", address, last)
}

// post sends the request over this very connection.
func post(ctx context.Context, conn *tls.Conn, body []byte) ([]byte, error) {
	const op = "members.Join"
	t := &http.Transport{DisableKeepAlives: true, DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+conn.RemoteAddr().String()+JoinPath, bytes.NewReader(body))
	if err != nil {
		return nil, errs.New(op, errs.Internal, err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := t.RoundTrip(req)
	if err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, refusal(answer)
	}
	return answer, nil
}

const maxRefusal = 300 // bytes of the text of another box that a person sees

// refusals are the codes of another box that the pages have texts for.
var refusals = []string{"no_code", "code_void", "wrong_code", "same_key", "too_many_boxes", "no_mesh"}

// refusal is the error that the other box answered. Anybody may be at the other end.
func refusal(answer []byte) error {
	const op = "members.Join"
	var b errs.Body
	if err := json.Unmarshal(answer, &b); err != nil || b.Code == "" {
		return errs.NewCode(op, errs.Invalid, "bad_reply", "the other side does not answer as a box does")
	}
	code := ""
	if slices.Contains(refusals, b.Code) {
		code = b.Code
	}
	text := strings.ToValidUTF8(b.Message[:min(len(b.Message), maxRefusal)], "")
	return errs.NewCode(op, errs.Denied, code, "the other box says: %s", text)
}
