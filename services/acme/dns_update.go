package acme

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/miekg/dns"
)

const (
	dnsTimeout = 20 * time.Second
	recordTTL  = 60  // seconds
	tsigFudge  = 300 // seconds that the clocks may differ (RFC 8945 10)
)

// updater changes records of the name's zone at the DNS server.
type updater struct{ cfg Config }

// challengeName is where the authority looks (RFC 8555 8.4).
func challengeName(name string) string { return dns.Fqdn("_acme-challenge." + name) }

func (u updater) addRecord(ctx context.Context, text string) error {
	return u.update(ctx, func(m *dns.Msg, rr dns.RR) { m.Insert([]dns.RR{rr}) }, text)
}

func (u updater) removeRecord(ctx context.Context, text string) error {
	return u.update(ctx, func(m *dns.Msg, rr dns.RR) { m.Remove([]dns.RR{rr}) }, text)
}

// update sends one change of the TXT records.
func (u updater) update(ctx context.Context, change func(*dns.Msg, dns.RR), text string) error {
	zone, err := u.findZone(ctx)
	if err != nil {
		return err
	}
	m := new(dns.Msg)
	m.SetUpdate(zone)
	change(m, &dns.TXT{
		Hdr: dns.RR_Header{Name: challengeName(u.cfg.Name), Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: recordTTL}, Txt: []string{text},
	})
	answer, err := u.exchange(ctx, m, true)
	if err != nil {
		return fmt.Errorf("update of %s: %w", zone, err)
	}
	if answer.Rcode != dns.RcodeSuccess {
		return fmt.Errorf("update of %s is refused: %s", zone, dns.RcodeToString[answer.Rcode])
	}
	return nil
}

// findZone asks the server which of its zones has the name. A server answers a question about a name
// that it does not have with the SOA record of the zone (RFC 2308 3).
func (u updater) findZone(ctx context.Context) (string, error) {
	m := new(dns.Msg)
	m.SetQuestion(challengeName(u.cfg.Name), dns.TypeSOA)
	answer, err := u.exchange(ctx, m, false)
	if err != nil {
		return "", err
	}
	for _, rr := range append(answer.Answer, answer.Ns...) {
		if soa, ok := rr.(*dns.SOA); ok && dns.IsSubDomain(soa.Hdr.Name, challengeName(u.cfg.Name)) {
			return soa.Hdr.Name, nil
		}
	}
	return "", errors.New("has no zone with the name " + u.cfg.Name)
}

// exchange sends a message by TCP, which holds any answer. An update is signed when there is a key, and
// so must be its answer.
func (u updater) exchange(ctx context.Context, m *dns.Msg, sign bool) (*dns.Msg, error) {
	c := &dns.Client{Net: "tcp", Timeout: dnsTimeout}
	sign = sign && u.cfg.TSIGName != ""
	if sign {
		key := dns.CanonicalName(u.cfg.TSIGName)
		c.TsigSecret = map[string]string{key: u.cfg.TSIGSecret}
		m.SetTsig(key, tsigKinds[u.cfg.TSIGKind], tsigFudge, time.Now().Unix())
	}
	answer, _, err := c.ExchangeContext(ctx, m, u.cfg.dnsAddress())
	switch {
	case errors.Is(err, dns.ErrSecret), errors.Is(err, dns.ErrSig), errors.Is(err, dns.ErrKeyAlg), errors.Is(err, dns.ErrTime):
		return nil, fmt.Errorf("the signature of the answer (TSIG): %w", err)
	case err != nil:
		return nil, err
	case sign && answer.IsTsig() == nil && answer.Rcode == dns.RcodeSuccess:
		return nil, errors.New("the answer is not signed (TSIG)")
	}
	return answer, nil
}
