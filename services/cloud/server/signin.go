package server

import (
	"context"
	"crypto/subtle"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/qrsvg"
)

const (
	minPassword = 12  // characters
	maxPassword = 256 // bytes

	codePeriod = 30 // seconds of a code (RFC 6238)
	codeSkew   = 1  // codes before and after that of now, because clocks differ

	sessionAge = 12 * 3600 // seconds, as the database keeps a session
)

// hashParams are OWASP's second choice for argon2id, which a small machine can do as well.
func hashParams() *argon2id.Params {
	return &argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// nobodysHash is the hash for an unknown name, so that both answers take the same time. No password
// has it: its key is all zeros.
const nobodysHash = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func (s *Server) showSignIn(w http.ResponseWriter, r *http.Request) {
	s.showPage(w, http.StatusOK, "signin.html", map[string]any{"Title": "Sign in", "Did": didTexts[r.URL.Query().Get("did")]})
}

// handleSignIn checks a name, a password and a code. The answer does not tell which of them is wrong.
func (s *Server) handleSignIn(w http.ResponseWriter, r *http.Request) error {
	name := pg.CleanOperator(r.PostFormValue("name"))
	session, err := s.signIn(r.Context(), name, r.PostFormValue("password"), r.PostFormValue("code"), s.clientAddress(r))
	if err == nil {
		setSessionCookie(w, session, sessionAge)
		redirect(w, r, "", nil)
		return nil
	}
	body := s.reportError(w, r, err)
	s.log.Info("a sign-in was refused", "code", body.Code, "from", s.clientAddress(r))
	s.showPage(w, errorStatus(err), "signin.html", map[string]any{"Title": "Sign in", "Name": name, "Message": body.Message})
	return nil
}

func (s *Server) signIn(ctx context.Context, name, password, code, from string) (string, error) {
	for _, key := range []string{"sign-in of " + name, "sign-in from " + from} {
		if err := s.limits.checkRate(key, signInsPerMinute); err != nil {
			return "", err
		}
	}
	secrets, err := s.store.OperatorSecrets(ctx, name)
	if err != nil {
		return "", err
	}
	known := secrets.Password != ""
	if !known {
		secrets.Password = nobodysHash
	}
	ok, err := s.comparePassword(ctx, password, secrets.Password)
	if err != nil {
		return "", err
	}
	if !known || !ok {
		return "", errBadPart()
	}
	if secrets.Blocked > 0 {
		return "", errs.NewCode(op, errs.Busy, pg.CodeBlocked, "too many wrong codes: try again in %s", secrets.Blocked.Round(time.Second))
	}
	step, ok := findStep(secrets.TOTP, code, s.now())
	if !ok {
		if err := s.store.NoteWrongCode(ctx, name); err != nil {
			return "", err
		}
		return "", errBadPart()
	}
	return s.store.OpenSession(pg.WithActor(ctx, pg.Actor{Name: name, Address: from}), name, step)
}

func errBadPart() error {
	return errs.NewCode(op, errs.Denied, pg.CodeBadPart, "the name, the password or the code is wrong")
}

// comparePassword compares a password with a hash. Each takes 19 MiB, so a few run at once.
func (s *Server) comparePassword(ctx context.Context, password, hash string) (bool, error) {
	if len(password) > maxPassword {
		return false, nil
	}
	select {
	case s.hashSlots <- struct{}{}:
		defer func() { <-s.hashSlots }()
	case <-ctx.Done():
		return false, errs.New(op, errs.Busy, context.Cause(ctx))
	}
	ok, err := argon2id.ComparePasswordAndHash(password, hash)
	if err != nil {
		return false, errs.New(op, errs.Corrupt, err)
	}
	return ok, nil
}

// findStep returns the step of time to which a code belongs.
func findStep(secret, code string, now time.Time) (step int64, ok bool) {
	code = strings.ReplaceAll(strings.TrimSpace(code), " ", "")
	for skew := -codeSkew; skew <= codeSkew; skew++ {
		at := now.Add(time.Duration(skew*codePeriod) * time.Second)
		want, err := totp.GenerateCodeCustom(secret, at, totp.ValidateOpts{Period: codePeriod, Digits: otp.DigitsSix})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			return at.Unix() / codePeriod, true
		}
	}
	return 0, false
}

func (s *Server) handleSignOut(w http.ResponseWriter, r *http.Request) error {
	if c, err := r.Cookie(sessionCookie); err == nil {
		if err := s.store.CloseSession(r.Context(), c.Value); err != nil {
			return err
		}
	}
	setSessionCookie(w, "", -1)
	redirect(w, r, "signin", nil)
	return nil
}

func (s *Server) showSetup(w http.ResponseWriter, _ *http.Request) {
	s.showPage(w, http.StatusOK, "setup.html", map[string]any{"Title": "Set up your account", "MinPassword": minPassword})
}

// handleSetup takes the two steps of a first sign-in: a password with the code from the command
// line, and then the first code of the second factor.
func (s *Server) handleSetup(w http.ResponseWriter, r *http.Request) error {
	err := s.limits.checkRate("setup "+s.clientAddress(r), signInsPerMinute)
	f := r.PostForm
	name, setup := pg.CleanOperator(f.Get("name")), f.Get("setup")
	second := f.Get("step") == "2"
	if err == nil && !second {
		err = s.beginSetup(r.Context(), name, setup, f.Get("password"), f.Get("again"))
	}
	v := map[string]any{"Title": "Set up your account", "MinPassword": minPassword, "Name": name}
	if err == nil {
		err = s.addFactor(r.Context(), v, name, setup)
	}
	if err == nil && second {
		if err = s.finishSetup(r.Context(), v["Secret"].(string), name, setup, f.Get("code"), s.clientAddress(r)); err == nil {
			redirect(w, r, "signin", url.Values{"did": {"setup"}})
			return nil
		}
	}
	status := http.StatusOK
	if err != nil {
		status, v["Message"] = errorStatus(err), s.reportError(w, r, err).Message
	}
	s.showPage(w, status, "setup.html", v)
	return nil
}

func (s *Server) beginSetup(ctx context.Context, name, setup, password, again string) error {
	switch {
	case utf8.RuneCountInString(password) < minPassword || len(password) > maxPassword:
		return errs.NewField(op, "password", "bad_length", minPassword, "the password must have %d characters or more, and at most %d bytes", minPassword, maxPassword)
	case password != again:
		return errs.NewField(op, "again", "differs", 0, "the passwords differ")
	case strings.Contains(strings.ToLower(password), name):
		return errs.NewField(op, "password", "easy", 0, "the password must not contain the name")
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: name})
	if err != nil {
		return errs.NewField(op, "name", "bad_name", 0, "must be a name: %w", err)
	}
	hash, err := argon2id.CreateHash(password, hashParams())
	if err != nil {
		return errs.New(op, errs.Internal, err)
	}
	return s.store.BeginSetup(ctx, name, setup, hash, key.Secret())
}

const issuer = "LiveLearn Cloud" // in the app that makes codes

// addFactor adds to a page what an app needs to make codes.
func (s *Server) addFactor(ctx context.Context, v map[string]any, name, setup string) error {
	secret, err := s.store.PendingTOTP(ctx, name, setup)
	if err != nil {
		return err
	}
	link := url.URL{
		Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + name,
		RawQuery: "secret=" + secret + "&issuer=" + url.PathEscape(issuer),
	}
	drawing, err := qrsvg.Draw(link.String())
	if err != nil {
		return errs.New(op, errs.Internal, err)
	}
	v["Setup"], v["Secret"] = setup, secret
	//lint:ignore gosec net/url has escaped the name
	v["Link"] = template.URL(link.String())
	//lint:ignore gosec the drawing is made of numbers only
	v["QR"] = template.HTML(drawing)
	return nil
}

func (s *Server) finishSetup(ctx context.Context, secret, name, setup, code, from string) error {
	if _, ok := findStep(secret, code, s.now()); !ok {
		return errs.NewField(op, "code", "wrong", 0, "the code is wrong: the clocks of the app and of the node may differ")
	}
	return s.store.FinishSetup(pg.WithActor(ctx, pg.Actor{Name: name, Address: from}), name, setup)
}
