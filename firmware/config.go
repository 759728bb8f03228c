package firmware

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/livelearn/box/firmware/appliance/provision"
	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/discover"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
	"github.com/livelearn/box/services/session"
	"github.com/livelearn/box/services/update"
)

// Config is the configuration of the whole box: each package's own Config. Its zero
// value works but for Data.
type Config struct {
	Data    string // the folder that holds all that the box keeps; never empty
	Version string // of the program

	Log      Log
	Gateway  gateway.Config
	Journal  journal.Config
	Roster   roster.Config
	Room     room.Config
	Session  session.Config
	Discover discover.Config
	Media    Media
	Update   update.Config
	Cloud    cloud.Config

	// What one card says to a hundred boxes.
	Box     provision.Box
	Network provision.Network // of an appliance
	Wifi    provision.Wifi    // of an appliance
}

// Log is how much the box says, and in which form.
type Log struct {
	Format string // "text" or "json"; empty: text on a terminal, JSON otherwise
	Level  string // "debug", "info", "warn" or "error"; default "info"
}

// Validate refuses unknown words.
func (l Log) Validate() error {
	if !slices.Contains([]string{"", "text", "json"}, l.Format) {
		return errs.Field("", "log.format", "unknown", 0, `must be "text" or "json"`)
	}
	var level slog.Level
	if l.Level != "" && level.UnmarshalText([]byte(l.Level)) != nil {
		return errs.Field("", "log.level", "unknown", 0, `must be "debug", "info", "warn" or "error"`)
	}
	return nil
}

// WithDefaults fills in what is empty.
func (l Log) WithDefaults() Log {
	if l.Level == "" {
		l.Level = slog.LevelInfo.String()
	}
	l.Level = strings.ToLower(l.Level)
	return l
}

// derived are fields of the packages' Configs that follow from the data folder or from
// the board and that no file sets.
var derived = map[string]bool{"journal.path": true, "roster.path": true, "cloud.path": true}

// Validate asks each package.
func (c Config) Validate() error { return errors.Join(c.faults()...) }

func (c Config) faults() []error {
	return []error{
		c.Log.Validate(), c.Gateway.Validate(), c.journal().Validate(), c.roster().Validate(),
		c.Room.Validate(), c.Session.Validate(), c.Discover.Validate(), c.Media.Validate(), c.Update.Validate(), c.Cloud.Validate(),
		c.Box.Validate(), c.Network.Validate(), c.Wifi.Validate(),
	}
}

// Sources are where a configuration comes from, each overriding the one before it: the
// defaults in the code, the file, what the admin page saved, the flags.
type Sources struct {
	File  string            // path of livelearn.toml; empty: none
	Must  bool              // the file must exist
	Saved map[string]string // path of a setting -> its text; nothing saves any yet
	Flags map[string]string // path of a setting -> its text
}

// Effective is a configuration and where each of its values came from.
type Effective struct {
	Config
	From map[string]string // path of a setting -> "livelearn.toml:12"; no entry: the default
}

// Load reads a configuration and checks it. An error names the file and the line, or the
// flag, and says how to mend it; all faults come in one error.
func Load(s Sources) (Effective, error) {
	e := Effective{From: map[string]string{}}
	list := settings(&e.Config)
	faults := []error{e.file(s, list)}
	faults = append(faults, e.texts("saved settings", s.Saved, list), e.texts("flag", s.Flags, list))
	if err := errors.Join(faults...); err != nil {
		return e, err
	}
	for _, err := range e.faults() {
		faults = append(faults, e.locate(err))
	}
	return e, errors.Join(faults...)
}

func (e *Effective) file(s Sources, list []setting) error {
	if s.File == "" {
		return nil
	}
	doc, err := os.ReadFile(s.File)
	if errors.Is(err, fs.ErrNotExist) && !s.Must {
		return nil
	}
	if err != nil {
		return errs.New("", errs.Invalid, err)
	}
	return parse(filepath.Base(s.File), string(doc), list, e.From)
}

func (e *Effective) texts(where string, values map[string]string, list []setting) error {
	var faults []error
	for _, path := range slices.Sorted(maps.Keys(values)) {
		i := slices.IndexFunc(list, func(s setting) bool { return s.path == path })
		err := error(nil)
		if i < 0 {
			err = unknown(path, list)
		} else if err = list[i].setText(values[path]); err == nil {
			e.From[path] = where
		}
		if err != nil {
			faults = append(faults, fault(where, path, err))
		}
	}
	return errors.Join(faults...)
}

// OnBoard sets the ports of an appliance, where nobody said otherwise.
func (e *Effective) OnBoard() {
	e.Gateway.HTTP = cmp.Or(e.Gateway.HTTP, ":80")
	e.Gateway.HTTPS = cmp.Or(e.Gateway.HTTPS, ":443")
}

// locate puts before a package's refusal where the value came from.
func (e *Effective) locate(err error) error {
	f, ok := errors.AsType[*errs.Error](err)
	if !ok || e.From[f.Field] == "" {
		return err
	}
	return fault(e.From[f.Field], f.Field, f.Err)
}

// Print writes the configuration as a file that could be its source, each value with
// where it came from. A value that is the default is commented out. Secrets are left out.
func (e Effective) Print(w io.Writer) error {
	full := e.Config
	fill(&full)
	var b strings.Builder
	section := ""
	for _, s := range settings(&full) {
		head, key, _ := strings.Cut(s.path, ".")
		if head != section {
			section = head
			fmt.Fprintf(&b, "\n[%s]\n", section)
		}
		from, ok := e.From[s.path]
		switch {
		case ok && s.secret():
			fmt.Fprintf(&b, "# %-36s # %s\n", key+" is set and not shown", from)
		case ok:
			fmt.Fprintf(&b, "%-38s # %s\n", key+" = "+s.text(), from)
		default:
			fmt.Fprintf(&b, "# %-36s # default\n", key+" = "+s.text())
		}
	}
	_, err := io.WriteString(w, strings.TrimPrefix(b.String(), "\n"))
	return err
}

// fill replaces what is empty by the package's defaults, where the package tells them.
func fill(c *Config) {
	whole := reflect.ValueOf(c).Elem()
	for i := range whole.NumField() {
		section := whole.Field(i)
		method := section.MethodByName("WithDefaults")
		if method.IsValid() && method.Type().NumIn() == 0 && method.Type().NumOut() == 1 && method.Type().Out(0) == section.Type() {
			section.Set(method.Call(nil)[0])
		}
	}
}
