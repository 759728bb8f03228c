package peer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/prf"
	"github.com/pion/dtls/v3/pkg/protocol/extension"
	"github.com/pion/dtls/v3/pkg/protocol/handshake"
	"github.com/pion/webrtc/v4"

	"github.com/livelearn/box/services/media/forward"
)

// keyExporter takes the SRTP keys of one connection out of its DTLS handshake. pion exports
// neither keys nor sessions, so the inputs of RFC 5764 4.2's exporter are collected from its
// public settings: the randoms and the profile from the ServerHello, the master secret from the
// key log. We are the DTLS server, so the server's write key is ours.
//
// The master secret is wiped when the keys are made, and is never part of an error or a log.
type keyExporter struct {
	mu           sync.Mutex
	clientRandom []byte
	serverRandom []byte
	masterSecret []byte
	profile      forward.Profile
	exported     *forward.Keys
}

func newKeyExporter() *keyExporter { return &keyExporter{} }

var errNoKeys = errors.New("DTLS showed no keys")

// keyLengths of master key and salt by profile (RFC 5764 4.1.2, RFC 7714 12).
var keyLengths = map[forward.Profile][2]int{
	forward.AES128CMSHA180: {16, 14},
	forward.AEADAES128GCM:  {16, 12},
	forward.AEADAES256GCM:  {32, 12},
}

// defaultProfiles is the order without a configured preference.
var defaultProfiles = []forward.Profile{forward.AEADAES128GCM, forward.AES128CMSHA180}

// installHooks adds the key export to the settings of its one connection.
func (k *keyExporter) installHooks(se *webrtc.SettingEngine, order []forward.Profile) error {
	if len(order) == 0 {
		order = defaultProfiles
	}
	var list []dtls.SRTPProtectionProfile
	for _, p := range order {
		if _, ok := keyLengths[p]; !ok {
			return fmt.Errorf("no SRTP profile %#04x", uint16(p))
		}
		list = append(list, dtls.SRTPProtectionProfile(p))
	}
	se.SetSRTPProtectionProfiles(list...)
	se.SetDTLSCipherSuites(dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256) // so that the PRF is that of SHA-256
	se.SetDTLSServerHelloMessageHook(k.onServerHello)
	se.SetDTLSKeyLogWriter(k)
	return se.SetAnsweringDTLSRole(webrtc.DTLSRoleServer)
}

func (k *keyExporter) onServerHello(m handshake.MessageServerHello) handshake.Message {
	k.mu.Lock()
	defer k.mu.Unlock()
	random := m.Random.MarshalFixed()
	k.serverRandom = bytes.Clone(random[:])
	for _, e := range m.Extensions {
		if u, ok := e.(*extension.UseSRTP); ok && len(u.ProtectionProfiles) == 1 {
			k.profile = forward.Profile(u.ProtectionProfiles[0])
		}
	}
	return &m
}

// Write takes a line of the key log: "CLIENT_RANDOM <client random> <master secret>", in hex.
func (k *keyExporter) Write(line []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := bytes.Fields(line)
	if len(f) != 3 || string(f[0]) != "CLIENT_RANDOM" {
		return len(line), nil
	}
	k.clientRandom, k.masterSecret = make([]byte, hex.DecodedLen(len(f[1]))), make([]byte, hex.DecodedLen(len(f[2])))
	_, err1 := hex.Decode(k.clientRandom, f[1])
	_, err2 := hex.Decode(k.masterSecret, f[2])
	if err1 != nil || err2 != nil {
		k.clientRandom, k.masterSecret = nil, nil
	}
	return len(line), nil
}

// exportKeys returns the server's write key and salt, once DTLS is connected.
func (k *keyExporter) exportKeys() (forward.Keys, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.exported != nil {
		return *k.exported, nil
	}
	size, ok := keyLengths[k.profile]
	if !ok || k.masterSecret == nil || k.clientRandom == nil || k.serverRandom == nil {
		return forward.Keys{}, errNoKeys
	}
	seed := append(append([]byte("EXTRACTOR-dtls_srtp"), k.clientRandom...), k.serverRandom...)
	out, err := prf.PHash(k.masterSecret, seed, 2*(size[0]+size[1]), sha256.New)
	clear(k.masterSecret)
	k.masterSecret = nil
	if err != nil {
		return forward.Keys{}, errNoKeys
	}
	// RFC 5764 4.2: client key, server key, client salt, server salt.
	key, salt := out[size[0]:2*size[0]], out[2*size[0]+size[1]:]
	k.exported = &forward.Keys{Profile: k.profile, Key: key, Salt: salt}
	return *k.exported, nil
}
