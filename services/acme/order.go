package acme

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/acme"
)

// order gets a certificate for the request. It proves the name where the authority wants a proof.
func (r *Renewer) order(ctx context.Context, c *acme.Client, request []byte) ([][]byte, error) {
	if _, err := c.Discover(ctx); err != nil {
		return nil, unreachableError{fmt.Errorf("the authority %s: %w", c.DirectoryURL, err)}
	}
	account := &acme.Account{}
	if r.Email != "" {
		account.Contact = []string{"mailto:" + r.Email}
	}
	if _, err := c.Register(ctx, account, acme.AcceptTOS); err != nil && !errors.Is(err, acme.ErrAccountAlreadyExists) {
		return nil, fmt.Errorf("the account at the authority: %w", err)
	}
	order, err := c.AuthorizeOrder(ctx, acme.DomainIDs(r.Name))
	if err != nil {
		return nil, fmt.Errorf("the order: %w", err)
	}
	for _, u := range order.AuthzURLs {
		if err := r.authorize(ctx, c, u); err != nil {
			return nil, err
		}
	}
	if order, err = c.WaitOrder(ctx, order.URI); err != nil {
		return nil, fmt.Errorf("the order: %w", err)
	}
	chain, _, err := c.CreateCertFromOrder(ctx, order, request, true)
	if err != nil {
		return nil, fmt.Errorf("the certificate: %w", err)
	}
	return chain, nil
}

// authorize proves the name by a record in DNS, and takes the record away again.
func (r *Renewer) authorize(ctx context.Context, c *acme.Client, u string) (err error) {
	z, err := c.GetAuthorization(ctx, u)
	if err != nil {
		return fmt.Errorf("the authorization: %w", err)
	}
	if z.Status == acme.StatusValid {
		return nil // of an order a short while ago
	}
	challenge := findDNSChallenge(z)
	if challenge == nil {
		return errors.New("the authority offers no proof by DNS (dns-01)")
	}
	record, err := c.DNS01ChallengeRecord(challenge.Token)
	if err != nil {
		return err
	}
	records := updater{cfg: r.WithDefaults()}
	if err := records.addRecord(ctx, record); err != nil {
		return fmt.Errorf("the DNS server %s: %w", r.dnsAddress(), err)
	}
	defer func() {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if e := records.removeRecord(late, record); e != nil {
			r.Log.Warn("a record of a proof stays in DNS", "name", challengeName(r.Name), "err", e)
		}
	}()
	if err := waitFor(ctx, records.cfg.DNSWait); err != nil {
		return err
	}
	if _, err := c.Accept(ctx, challenge); err != nil {
		return fmt.Errorf("the proof: %w", err)
	}
	if _, err := c.WaitAuthorization(ctx, z.URI); err != nil {
		return fmt.Errorf("the proof by %s: %w", challengeName(r.Name), err)
	}
	return nil
}

func findDNSChallenge(z *acme.Authorization) *acme.Challenge {
	for _, c := range z.Challenges {
		if c.Type == "dns-01" {
			return c
		}
	}
	return nil
}

func waitFor(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
