package provision

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a text that must not appear in a log, an answer or a printed configuration. All
// ways to print it hide it. Only Reveal returns it.
type Secret string

// notShown replaces the text.
const notShown = "(not shown)"

// Reveal returns the text.
func (s Secret) Reveal() string { return string(s) }

// Format implements fmt.Formatter for every verb, also for a secret within a struct.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// String implements fmt.Stringer.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return notShown
}

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements encoding.TextMarshaler, for JSON and TOML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
