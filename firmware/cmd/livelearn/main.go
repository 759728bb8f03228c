// Command livelearn is the whole box in one program.
//
//	livelearn box           run the box
//	livelearn config print  show the configuration and the source of each value
//	livelearn doctor        find faults of this machine and its data, with their remedies
//	livelearn backup FILE   save all data of the box, also while it runs
//	livelearn restore FILE  restore the box from a backup
//	livelearn unclaim       give the box a new claim code
//	livelearn update ...    make, sign, check and apply updates
//	livelearn boxes ...     connect several boxes of one school
//	livelearn cloud ...     run and manage the cloud of schools
//	livelearn install       run the box as a service of this machine
//	livelearn uninstall     remove the service
//	livelearn version
//
// The exit code is 0 on success, 1 on a failure and 2 on an invalid command line.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	_ "time/tzdata" // an appliance has no files of time zones

	"github.com/alecthomas/kong"
	mangokong "github.com/alecthomas/mango-kong"
	kongcompletion "github.com/jotaen/kong-completion"

	"github.com/livelearn/box/firmware"
	"github.com/livelearn/box/firmware/appliance/initctl"
	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/boards"
	"github.com/livelearn/box/services/roster"
)

// version is set by the linker.
var version = "dev"

// maxStack bounds the stack of one goroutine. An endless recursion then crashes with a trace
// before it fills the memory of the board.
const maxStack = 64 << 20

// cli is the command line.
type cli struct {
	Box     boxCmd     `cmd:"" default:"withargs" help:"Run the box. A command line of flags only does so too."`
	Config  configCmd  `cmd:"" help:"Show the configuration."`
	Doctor  doctorCmd  `cmd:"" help:"Find faults of this machine and its data, and suggest remedies."`
	Backup  backupCmd  `cmd:"" help:"Save all data of the box to a file. The box may be running."`
	Restore restoreCmd `cmd:"" help:"Restore the box from a backup. Stop the box first. The old data is moved aside, not deleted."`
	Unclaim unclaimCmd `cmd:"" help:"Give the box a new claim code, which makes a person an admin. Stop the box first."`
	Update  updateCmd  `cmd:"" help:"Make, sign, check and apply updates."`
	Boxes   boxesCmd   `cmd:"" help:"Connect several boxes of one school. The code of a lesson works at each of them."`
	Cloud   cloudCmd   `cmd:"" help:"Run and manage the cloud of schools."`

	Install   installCmd   `cmd:"" help:"Make this program a service of this machine, or bring the service to this version."`
	Uninstall uninstallCmd `cmd:"" help:"Remove the service. The data of the box stays, unless --purge."`

	Version versionCmd `cmd:"" help:"Print the version."`
	Help    helpCmd    `cmd:"" help:"Show the help of a command."`

	Completion kongcompletion.Completion `cmd:"" help:"Print what makes a shell complete commands: bash, zsh or fish."`
	Man        mangokong.ManFlag         `help:"Print the manual page, for man -l."`

	Service serviceCmd `cmd:"" hidden:"" help:"Start the installed box. The service manager runs this."`
	Task    taskCmd    `cmd:"" hidden:"" help:"Run one heavy task. The box starts this itself."`
	Init    initCmd    `cmd:"" hidden:"" help:"Run the first process of an appliance. Its kernel starts this."`
	Network networkCmd `cmd:"" hidden:"" help:"Run the network of an appliance. Its first process starts this."`
	Safe    safeCmd    `cmd:"" hidden:"" help:"Serve the safe mode. The first process of an appliance starts this when the box keeps ending."`
	Media   mediaCmd   `cmd:"" hidden:"" help:"Forward video and audio. The box starts this itself."`
	Mesh    meshCmd    `cmd:"" hidden:"" help:"Carry messages between boxes. The box starts this itself."`
}

const description = `A live classroom in a box.

Exit codes: 0 success, 1 failure, 2 invalid command line.`

// helpCmd shows the help of a command.
type helpCmd struct {
	Command []string `arg:"" optional:"" help:"Command, such as cloud serve."`
}

// environment is the input and output of a command, apart from its flags.
type environment struct {
	stdout, stderr *os.File
	root           string // root of the file tree in which boards are probed
}

func main() {
	removeDebugPages()
	os.Exit(runCommand(os.Args[1:], environment{os.Stdout, os.Stderr, "/"}))
}

// removeDebugPages takes away the pages of net/http/pprof. The NATS server links them, and they
// register themselves in Go's default mux, which a server without a handler would serve.
func removeDebugPages() { http.DefaultServeMux = http.NewServeMux() }

// runCommand runs one command line and returns the exit code.
func runCommand(args []string, w environment) int {
	debug.SetMaxStack(maxStack)
	exit := -1
	parser, err := kong.New(&cli{}, kong.Name("livelearn"), kong.Description(description),
		kong.Writers(w.stdout, w.stderr), kong.Exit(func(code int) { exit = code }), kong.Bind(w),
		kong.Vars{"data": defaultData(w.root)}, kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.ValueFormatter(describeValue))
	if err != nil {
		panic(err) // the tags of cli are invalid
	}
	kongcompletion.Register(parser)
	switch {
	case len(args) == 0:
		args = []string{"--help"}
	case args[0] == "help":
		args = append(slices.Clone(args[1:]), "--help")
	case args[0] == "--version": // no flag of kong: update make has a --version of its own
		args = []string{"version"}
	}
	ctx, err := parser.Parse(args)
	switch {
	case exit >= 0:
		return exit // help was printed
	case err != nil:
		printText(w.stderr, "livelearn: %v\nTry: livelearn --help\n", err)
		return 2
	}
	switch err := ctx.Run(w); {
	case errors.Is(err, errFindings):
		return 1
	case errors.As(err, new(usageError)):
		printText(w.stderr, "livelearn: %v\n", err)
		return 2
	case err != nil:
		printText(w.stderr, "livelearn: %v\n", err)
		return 1
	}
	return 0
}

// printText prints for people. It ignores errors, because a closed pipe has no reader.
func printText(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// probeBoard returns the board of this machine. A PC that runs only our program is an appliance too.
func probeBoard(root string) hal.Board {
	b := boards.Probe(os.DirFS(root))
	b.Appliance = b.Appliance || os.Getenv(initctl.Env) != ""
	return b
}

// defaultData returns the default data folder: the system's folder on an appliance and for an
// installed program, a folder of the user elsewhere.
func defaultData(root string) string {
	if p, ok := installedPaths(); ok {
		return p.Data
	}
	home, err := os.UserHomeDir()
	if err != nil || probeBoard(root).Appliance {
		return "/var/lib/livelearn"
	}
	return filepath.Join(home, ".livelearn")
}

// folderFlags are the flags of all commands that read the data of a box.
type folderFlags struct {
	Data   string            `help:"Folder with all data of the box." env:"LIVELEARN_DATA" default:"${data}" type:"path" placeholder:"DIR"`
	Config string            `help:"Configuration file. Default: livelearn.toml in the data folder, on a board /boot/livelearn.toml." type:"path" placeholder:"FILE"`
	Set    map[string]string `help:"Set one value of the configuration, such as --set room.mailbox=2048." placeholder:"KEY=VALUE"`
}

// loadConfig reads the configuration. more has flags by the path of their setting. An empty value
// counts as not given.
func (f folderFlags) loadConfig(w environment, more map[string]string) (firmware.Effective, error) {
	s := firmware.Sources{File: f.Config, FileRequired: f.Config != "", Flags: map[string]string{}}
	if s.File == "" {
		s.File = filepath.Join(f.Data, "livelearn.toml")
		if p, ok := installedPaths(); ok {
			s.File = p.Config
		} else if probeBoard(w.root).Appliance {
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
	e, err := firmware.LoadConfig(s)
	e.Data, e.Version = f.Data, version
	if _, ok := installedPaths(); ok || probeBoard(w.root).Appliance {
		e.UseAppliancePorts()
	}
	return e, err
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(w environment) error {
	printText(w.stdout, "%s\n", versionText())
	return nil
}

func versionText() string {
	return fmt.Sprintf("livelearn %s %s/%s %s", version, runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// describeValue returns the help of a flag or an argument with its default and its variable.
func describeValue(v *kong.Value) string {
	text := kong.DefaultHelpValueFormatter(v)
	if v.HasDefault && v.Default != "" && !strings.Contains(text, "Default:") {
		text = strings.TrimSuffix(text, ".") + " (default: " + v.Default + ")."
	}
	return text
}

type configCmd struct {
	Print printCmd `cmd:"" help:"Show every value and its source."`
	PIN   pinCmd   `cmd:"" name:"pin" help:"Read a PIN from the standard input and print what box.admin_pin of livelearn.toml has to be."`
}

type pinCmd struct{}

// Run prints the hash of the PIN.
func (pinCmd) Run(w environment) error {
	const maxLine = 256 // bytes
	line, err := bufio.NewReader(io.LimitReader(os.Stdin, maxLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	hash, err := roster.HashPIN(context.Background(), strings.TrimRight(line, "\r\n"))
	if err != nil {
		return err
	}
	printText(w.stdout, "%s\n", hash)
	return nil
}

type printCmd struct{ folderFlags }

// Run prints the configuration.
func (c printCmd) Run(w environment) error {
	e, err := c.loadConfig(w, nil)
	if err != nil {
		return err
	}
	return e.Print(w.stdout)
}
