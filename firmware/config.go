package firmware

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/livelearn/box/firmware/appliance/provision"
	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/firmware/logging"
	"github.com/livelearn/box/firmware/medianode"
	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cluster/link"
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

	Log      logging.Config
	Gateway  gateway.Config
	Journal  journal.Config
	Roster   roster.Config
	Room     room.Config
	Session  session.Config
	Discover discover.Config
	Media    medianode.Config
	Update   update.Config
	Mesh     link.Config
	Cloud    cloud.Config

	// What one card says to a hundred boxes.
	Box     provision.Box
	Network provision.Network // of an appliance
	Wifi    provision.Wifi    // of an appliance

	SchoolWifi  provision.SchoolWifi  // of an appliance
	SchoolWired provision.SchoolWired // of an appliance

	ACME provision.ACME // the certificate for a name of the school's
}

// derivedSettings are fields of the packages' Configs that follow from the data folder or from
// the board and that no file sets.
var derivedSettings = map[string]bool{"journal.path": true, "roster.path": true, "cloud.path": true}

// Validate asks each package.
func (c Config) Validate() error { return errors.Join(c.validateSections()...) }

func (c Config) validateSections() []error {
	return []error{
		c.Log.Validate(), c.Gateway.Validate(), c.journalConfig().Validate(), c.rosterConfig().Validate(),
		c.Room.Validate(), c.Session.Validate(), c.Discover.Validate(), c.Media.Validate(), c.Mesh.Validate(), c.Update.Validate(), c.Cloud.Validate(),
		c.Box.Validate(), c.Network.Validate(), c.Wifi.Validate(), c.SchoolWifi.ValidateFor(c.Network.Mode, c.Wifi), c.SchoolWired.Validate(),
		c.ACME.ValidateFor(c.Gateway.Certificate),
	}
}

// Sources are where a configuration comes from, each overriding the one before it: the
// defaults in the code, the file, what the admin page saved, the flags.
type Sources struct {
	File         string            // path of livelearn.toml; empty: none
	FileRequired bool              // the file must exist
	Saved        map[string]string // path of a setting -> its text; nothing saves any yet
	Flags        map[string]string // path of a setting -> its text
}

// Effective is a configuration and where each of its values came from.
type Effective struct {
	Config
	Origins map[string]string // path of a setting -> "livelearn.toml:12"; no entry: the default
}

// LoadConfig reads a configuration and checks it. An error names the file and the line, or the
// flag, and says how to fix it. All faults come in one error.
func LoadConfig(s Sources) (Effective, error) {
	e := Effective{Origins: map[string]string{}}
	list := listSettings(&e.Config)
	faults := []error{e.applyFile(s, list)}
	faults = append(faults, e.applyTexts("saved settings", s.Saved, list), e.applyTexts("flag", s.Flags, list))
	if err := errors.Join(faults...); err != nil {
		return e, err
	}
	for _, err := range e.validateSections() {
		faults = append(faults, e.locateFault(err))
	}
	return e, errors.Join(faults...)
}

func (e *Effective) applyFile(s Sources, list []setting) error {
	if s.File == "" {
		return nil
	}
	doc, err := os.ReadFile(s.File)
	if errors.Is(err, fs.ErrNotExist) && !s.FileRequired {
		return nil
	}
	if err != nil {
		return errs.New("", errs.Invalid, err)
	}
	return parseTOML(filepath.Base(s.File), string(doc), list, e.Origins)
}

func (e *Effective) applyTexts(where string, values map[string]string, list []setting) error {
	var faults []error
	for _, path := range slices.Sorted(maps.Keys(values)) {
		i := slices.IndexFunc(list, func(s setting) bool { return s.path == path })
		err := error(nil)
		if i < 0 {
			err = unknownSetting(path, list)
		} else if err = list[i].setText(values[path]); err == nil {
			e.Origins[path] = where
		}
		if err != nil {
			faults = append(faults, settingError(where, path, err))
		}
	}
	return errors.Join(faults...)
}

// UseAppliancePorts sets the ports of an appliance where the configuration leaves them empty.
func (e *Effective) UseAppliancePorts() {
	e.Gateway.HTTP = cmp.Or(e.Gateway.HTTP, ":80")
	e.Gateway.HTTPS = cmp.Or(e.Gateway.HTTPS, ":443")
}

// locateFault puts before a package's refusal where the value came from.
func (e *Effective) locateFault(err error) error {
	f, ok := errors.AsType[*errs.Error](err)
	if !ok || e.Origins[f.Field] == "" {
		return err
	}
	return settingError(e.Origins[f.Field], f.Field, f.Err)
}

// Print writes the configuration as a file that could be its source, each value with
// where it came from. A value that is the default is commented out. Secrets are left out.
func (e Effective) Print(w io.Writer) error {
	full := e.Config
	fillDefaults(&full)
	var b strings.Builder
	section := ""
	for _, s := range listSettings(&full) {
		head, key, _ := strings.Cut(s.path, ".")
		if head != section {
			section = head
			fmt.Fprintf(&b, "\n[%s]\n", section)
		}
		from, ok := e.Origins[s.path]
		switch {
		case ok && s.isSecret():
			fmt.Fprintf(&b, "# %-36s # %s\n", key+" is set and not shown", from)
		case ok:
			fmt.Fprintf(&b, "%-38s # %s\n", key+" = "+s.formatValue(), from)
		default:
			fmt.Fprintf(&b, "# %-36s # default\n", key+" = "+s.formatValue())
		}
	}
	_, err := io.WriteString(w, strings.TrimPrefix(b.String(), "\n"))
	return err
}

// fillDefaults fills empty sections with their defaults where the package has WithDefaults.
func fillDefaults(c *Config) {
	whole := reflect.ValueOf(c).Elem()
	for _, section := range whole.Fields() {
		method := section.MethodByName("WithDefaults")
		if method.IsValid() && method.Type().NumIn() == 0 && method.Type().NumOut() == 1 && method.Type().Out(0) == section.Type() {
			section.Set(method.Call(nil)[0])
		}
	}
}

// journalConfig and rosterConfig are the packages' Configs with their places in the data folder.
func (c Config) journalConfig() journal.Config {
	c.Journal.Path = filepath.Join(c.Data, datafolder.JournalFile)
	return c.Journal
}

func (c Config) rosterConfig() roster.Config {
	c.Roster.Path = filepath.Join(c.Data, datafolder.RosterFile)
	return c.Roster
}
