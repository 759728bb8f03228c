package install

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/livelearn/box/services/errs"
)

// rig is a system in a folder.
type rig struct {
	Host
	ran []string // what the system was told to run
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{}
	root := t.TempDir()
	r.Host = Host{
		Root: root, Holder: func(int) string { return "" }, Show: func(string) {},
		Run: func(_ context.Context, name string, args ...string) error {
			r.ran = append(r.ran, strings.ReplaceAll(name+" "+strings.Join(args, " "), root, ""))
			return nil
		},
	}
	r.put(t, "run/systemd/system/x", "")
	r.put(t, "new", "program one")
	return r
}

func (r *rig) put(t *testing.T, name, text string) {
	t.Helper()
	path := r.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(r.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (r *rig) options() Options { return Options{Program: r.path("new")} }

func TestInstallUpgradeUninstall(t *testing.T) {
	r := newRig(t)
	o := r.options()
	o.HTTP, o.HTTPS = ":8080", "off"
	if err := r.Install(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if got := r.read(t, Local.Program); got != "program one" {
		t.Errorf("the program is %q", got)
	}
	if got := r.read(t, ConfigFile); !strings.Contains(got, "[gateway]\nhttp = \":8080\"\nhttps = \"off\"\n") {
		t.Errorf("the configuration is %q", got)
	}
	if got := r.read(t, Local.Manual); !strings.HasPrefix(got, ".TH LIVELEARN 1 ") {
		t.Errorf("the manual page is %.60q", got)
	}
	for name, want := range map[string]os.FileMode{Local.Manual: 0o644, Local.Program: 0o755, ConfigFile: 0o640, Local.Unit: 0o644} {
		if info, err := os.Stat(r.path(name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has the rights %v, want %v: %v", name, info.Mode(), want, err)
		}
	}
	want := []string{
		"systemd-sysusers /etc/sysusers.d/livelearn.conf", "chown root:livelearn /etc/livelearn/livelearn.toml",
		"systemctl daemon-reload", "systemctl enable livelearn.service", "systemctl restart --no-block livelearn.service",
	}
	if !slices.Equal(r.ran, want) {
		t.Errorf("it ran %q, want %q", r.ran, want)
	}
	r.put(t, "new", "program two")
	r.put(t, ConfigFile, "[box]\nname = \"Room 1\"\n")
	if err := r.Install(t.Context(), r.options()); err != nil {
		t.Fatal(err)
	}
	if got := r.read(t, Local.Program); got != "program two" {
		t.Errorf("after an upgrade the program is %q", got)
	}
	if got := r.read(t, ConfigFile); !strings.Contains(got, "Room 1") {
		t.Errorf("an upgrade changed the configuration: %q", got)
	}
	r.put(t, DataDir+"/journal.db", "lessons")
	r.put(t, ProgramsDir+"/a/livelearn", "x")
	left, err := r.Uninstall(t.Context(), false)
	if err != nil || !slices.Equal(left, []string{ConfigDir, DataDir}) {
		t.Errorf("uninstall left %q, %v", left, err)
	}
	for _, name := range []string{Local.Program, Local.Link, Local.Unit, Local.User, Local.Manual, ProgramsDir} {
		if r.exists(name) {
			t.Errorf("uninstall left %s", name)
		}
	}
	if got := r.read(t, DataDir+"/journal.db"); got != "lessons" {
		t.Errorf("uninstall changed the data: %q", got)
	}
	r.put(t, "etc/passwd", "root:x:0:0::/root:/bin/sh\nlivelearn:x:997:997::/:/usr/sbin/nologin\n")
	if left, err := r.Uninstall(t.Context(), true); err != nil || len(left) > 0 || r.exists(DataDir) || r.exists(ConfigDir) {
		t.Errorf("a purge left %q, %v", left, err)
	}
	if last := r.ran[len(r.ran)-1]; last != "userdel livelearn" {
		t.Errorf("the last program was %q", last)
	}
}

func TestInstallSaysWhatIsInTheWay(t *testing.T) {
	for _, c := range []struct {
		name, code string
		change     func(t *testing.T, r *rig, o *Options)
	}{
		{"no rights", "not_root", func(_ *testing.T, r *rig, _ *Options) { r.UID = 1000 }},
		{"no systemd", "no_systemd", func(t *testing.T, r *rig, _ *Options) { _ = os.RemoveAll(r.path("run")) }},
		{"the package", "package", func(t *testing.T, r *rig, _ *Options) { r.put(t, Package.Unit, "") }},
		{"a port", "port_taken", func(_ *testing.T, r *rig, _ *Options) {
			r.Holder = func(port int) string { return map[int]string{443: "nginx (process 812)"}[port] }
		}},
		{"an address", "bad_address", func(_ *testing.T, _ *rig, o *Options) { o.HTTP = "8080" }},
		{"a configuration", "config", func(t *testing.T, r *rig, o *Options) { r.put(t, ConfigFile, "# mine"); o.HTTP = ":8080" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			o := r.options()
			c.change(t, r, &o)
			err := r.Install(t.Context(), o)
			if errs.BodyOf(err).Code != c.code {
				t.Errorf("got %v, want %s", err, c.code)
			}
			if len(r.ran) > 0 || r.exists(Local.Program) {
				t.Errorf("a refused installation changed the system: %q", r.ran)
			}
		})
	}
}

func TestADryRunChangesNothing(t *testing.T) {
	r := newRig(t)
	shown := 0
	r.UID, r.DryRun, r.Show = 1000, true, func(string) { shown++ }
	if err := r.Install(t.Context(), r.options()); err != nil {
		t.Fatal(err)
	}
	if len(r.ran) > 0 || r.exists("etc") || r.exists("usr") || shown < 8 {
		t.Errorf("it showed %d steps and ran %q", shown, r.ran)
	}
}

func TestAFailedStepIsNamed(t *testing.T) {
	r := newRig(t)
	r.put(t, "usr/local", "a file where a folder should be")
	err := r.Install(t.Context(), r.options())
	if err == nil || !strings.Contains(err.Error(), "copy the program to "+Local.Program) {
		t.Errorf("got %v", err)
	}
}

func TestHolderOfAPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if got, want := PortHolder("/", port), fmt.Sprintf("(process %d)", os.Getpid()); !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := PortHolder(t.TempDir(), port); got != "" {
		t.Errorf("nobody listens, got %q", got)
	}
}

// The check is the floor for the unit: systemd reads it, and finds little to reach from it.
func TestUnitIsReadBySystemd(t *testing.T) {
	unit := Local.UnitFile()
	for _, want := range []string{"Type=notify", "User=livelearn", "AmbientCapabilities=CAP_NET_BIND_SERVICE", "Restart=always", "StateDirectory=livelearn livelearn-program"} {
		if !strings.Contains(unit, "\n"+want+"\n") {
			t.Errorf("the unit has no line %q", want)
		}
	}
	r := newRig(t)
	r.put(t, Local.Unit, unit)
	r.put(t, Local.Program, "")
	if err := os.Chmod(r.path(Local.Program), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := runProgram(t.Context(), "systemd-analyze", "--version"); err != nil {
		t.Skip("no systemd-analyze here")
	}
	if err := runProgram(t.Context(), "systemd-analyze", "security", "--offline=true", "--threshold=30", "--root="+r.Root, Service); err != nil {
		t.Error(err)
	}
}
