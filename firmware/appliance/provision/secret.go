package provision

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a text that is never shown: not in a log, an answer or a printed configuration,
// in whatever way it gets there. Reveal is the one way to it.
type Secret string

// hidden is what is shown instead.
const hidden = "(not shown)"

// Reveal is the text.
func (s Secret) Reveal() string { return string(s) }

// Format implements fmt.Formatter for every verb, also for one in a struct.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// String implements fmt.Stringer.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements encoding.TextMarshaler, for JSON and TOML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
