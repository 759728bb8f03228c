// Command livelearn is the whole box in one program.
//
//	livelearn box           run the box (what it does when nothing is said)
//	livelearn config print  show the configuration, and where each value came from
//	livelearn doctor        say what is wrong with this machine and how to mend it
//	livelearn backup FILE   save all that the box knows, also while it runs
//	livelearn restore FILE  make this box the one of a backup
//	livelearn update ...    make, sign, check and apply updates
//	livelearn cloud ...     be the cloud of schools, and say what their boxes are told
//	livelearn version
//
// The exit code is 0 when all went well, 1 when something failed, 2 when the command line
// makes no sense.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"

	"github.com/alecthomas/kong"

	"github.com/livelearn/box/firmware"
	"github.com/livelearn/box/firmware/appliance/door"
	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/boards"
)

// version is set by the linker.
var version = "dev"

// maxStack bounds the stack of one goroutine: an endless recursion ends as a crash with a
// trace and not by filling the memory of the board.
const maxStack = 64 << 20

// cli is the command line.
type cli struct {
	Box     boxCmd     `cmd:"" default:"withargs" help:"Run the box. This is what happens when no command is given."`
	Config  configCmd  `cmd:"" help:"Show the configuration."`
	Doctor  doctorCmd  `cmd:"" help:"Say what is wrong with this machine or its data, and how to mend it."`
	Backup  backupCmd  `cmd:"" help:"Save all that the box knows into a file. The box may be running."`
	Restore restoreCmd `cmd:"" help:"Make this box the one of a backup. The box must be stopped; what it held is put aside, not deleted."`
	Update  updateCmd  `cmd:"" help:"Make, sign, check and apply updates."`
	Cloud   cloudCmd   `cmd:"" help:"Be the cloud of schools, and say what their boxes are told."`
	Version versionCmd `cmd:"" help:"Print the version."`
	Work    workCmd    `cmd:"" hidden:"" help:"Do heavy work for a running box, which starts this itself."`
	Init    initCmd    `cmd:"" hidden:"" help:"Be the first process of an appliance: its kernel starts this."`
	Network networkCmd `cmd:"" hidden:"" help:"Keep the network of an appliance: its first process starts this."`
	Safe    safeCmd    `cmd:"" hidden:"" help:"Show what happened to a box that keeps ending: the first process of an appliance starts this."`
	Media   mediaCmd   `cmd:"" hidden:"" help:"Carry pictures and sound for a running box, which starts this itself."`
}

// world is what a command may use beside its flags.
type world struct {
	stdout, stderr *os.File
	root           string // of the machine's file tree, where boards are looked for
}

func main() { os.Exit(run(os.Args[1:], world{os.Stdout, os.Stderr, "/"})) }

// run runs one command line and gives the exit code.
func run(args []string, w world) int {
	debug.SetMaxStack(maxStack)
	exit := -1
	parser, err := kong.New(&cli{}, kong.Name("livelearn"), kong.Description("A live classroom in a box."),
		kong.Writers(w.stdout, w.stderr), kong.Exit(func(code int) { exit = code }), kong.Bind(w),
		kong.Vars{"data": defaultData(w.root)}, kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		panic(err) // the struct above is wrong
	}
	ctx, err := parser.Parse(args)
	switch {
	case exit >= 0:
		return exit // help was asked for
	case err != nil:
		say(w.stderr, "livelearn: %v\nTry: livelearn --help\n", err)
		return 2
	}
	switch err := ctx.Run(w); {
	case errors.Is(err, errFound):
		return 1
	case errors.As(err, new(usageError)):
		say(w.stderr, "livelearn: %v\n", err)
		return 2
	case err != nil:
		say(w.stderr, "livelearn: %v\n", err)
		return 1
	}
	return 0
}

// say writes for people. Where they closed the pipe there is nobody to tell.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// board is the one that this machine is. A PC that runs nothing but us is one too.
func board(root string) hal.Board {
	b := boards.Probe(os.DirFS(root))
	b.Real = b.Real || os.Getenv(door.Env) != ""
	return b
}

// defaultData is the data folder when none is named: the system's on an appliance, one's
// own elsewhere.
func defaultData(root string) string {
	home, err := os.UserHomeDir()
	if err != nil || board(root).Real {
		return "/var/lib/livelearn"
	}
	return filepath.Join(home, ".livelearn")
}

// folderFlags are the flags of all commands that look at a box's data.
type folderFlags struct {
	Data   string            `help:"Folder that holds all that the box keeps." env:"LIVELEARN_DATA" default:"${data}" type:"path" placeholder:"DIR"`
	Config string            `help:"Configuration file; default: livelearn.toml in the data folder, or /boot/livelearn.toml on a board." type:"path" placeholder:"FILE"`
	Set    map[string]string `help:"Set one value of the configuration, as in --set room.mailbox=2048." placeholder:"KEY=VALUE"`
}

// load reads the configuration. More are flags by the path of their setting; empty ones
// were not given.
func (f folderFlags) load(w world, more map[string]string) (firmware.Effective, error) {
	s := firmware.Sources{File: f.Config, Must: f.Config != "", Flags: map[string]string{}}
	if s.File == "" {
		s.File = filepath.Join(f.Data, "livelearn.toml")
		if board(w.root).Real {
			s.File = "/boot/livelearn.toml"
		}
	}
	for _, flags := range []map[string]string{f.Set, more} {
		for path, text := range flags {
			if text != "" {
				s.Flags[path] = text
			}
		}
	}
	e, err := firmware.Load(s)
	e.Data, e.Version = f.Data, version
	if board(w.root).Real {
		e.OnBoard()
	}
	return e, err
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(w world) error {
	say(w.stdout, "livelearn %s %s/%s %s\n", version, runtime.GOOS, runtime.GOARCH, runtime.Version())
	return nil
}

type configCmd struct {
	Print printCmd `cmd:"" help:"Show every value, and where it came from."`
}

type printCmd struct{ folderFlags }

// Run prints the configuration.
func (c printCmd) Run(w world) error {
	e, err := c.load(w, nil)
	if err != nil {
		return err
	}
	return e.Print(w.stdout)
}
