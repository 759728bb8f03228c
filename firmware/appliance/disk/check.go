package disk

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

// ErrDamaged means that the file system of the data partition has damage that no program repairs
// without the risk of a loss. A person decides (Checker.Force).
var ErrDamaged = errors.New("the file system of the data partition is damaged")

// Checker checks the file system of the data partition before it is mounted, and repairs it.
type Checker struct {
	Program string // path of e2fsck
	// Force checks the whole file system and repairs what can be repaired. e2fsck gives up what it
	// cannot keep. Without it e2fsck repairs only what loses nothing (-p), and checks everything only
	// after the kernel or e2fsck found an error.
	Force bool
}

// Exit codes of e2fsck(8) are bits. Up to this value the file system is in order, or was repaired.
const maxGoodExit = 3

// run checks the file system of a partition. The result describes it as it was before.
func (c Checker) run(p Part, say func(string)) (Result, error) {
	before, err := checkFileSystem(p)
	say("checking the data partition")
	report, code, started := c.runProgram(p.Device, say)
	if errors.Is(started, fs.ErrNotExist) {
		return before, err // an image without e2fsck
	}
	before.Size = p.Size * Sector
	if started != nil {
		return before, fmt.Errorf("%w: %w", ErrDamaged, started)
	}
	if code > maxGoodExit || code < 0 {
		return before, fmt.Errorf("%w: e2fsck ended with %d: %s", ErrDamaged, code, lastLines(report))
	}
	if code > 0 {
		before.Repaired = describeRepair(report)
	}
	_, err = checkFileSystem(p)
	return before, err
}

// runProgram runs e2fsck and returns its output and its exit code.
func (c Checker) runProgram(device string, say func(string)) (report string, code int, err error) {
	args := []string{"-p"}
	if c.Force {
		args = []string{"-f", "-y"}
	}
	progress, write, err := os.Pipe()
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = progress.Close() }()
	// Descriptor 3 is the first of ExtraFiles.
	cmd := exec.Command(c.Program, append(args, "-C", "3", device)...)
	out := &tail{}
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = out, out, []*os.File{write}
	err = cmd.Start()
	_ = write.Close() // e2fsck has the other copy
	if err != nil {
		return "", 0, err
	}
	reportProgress(progress, say)
	if err := cmd.Wait(); cmd.ProcessState == nil {
		return "", 0, err
	}
	return string(out.text), cmd.ProcessState.ExitCode(), nil // -1: a signal ended it
}

// reportProgress reports lines of the form "pass, now, max, device" until e2fsck ends. Each is a sign
// of life of a check that may take minutes.
func reportProgress(r io.Reader, say func(string)) {
	last := ""
	for s := bufio.NewScanner(r); s.Scan(); {
		var pass, now, limit int64
		if n, _ := fmt.Sscan(s.Text(), &pass, &now, &limit); n < 3 || limit <= 0 {
			continue
		}
		if text := fmt.Sprintf("checking the data partition, step %d of 5: %d %%", pass, now*100/limit); text != last {
			say(text)
			last = text
		}
	}
}

// routineLine matches what e2fsck says after a power cut, and at the check of each hundredth start, which is
// no repair of damage.
var routineLine = regexp.MustCompile(`recovering journal|has been mounted \d+ times without|Backing up journal|lost\+found not found|: clean, |\d+/\d+ files \(|orphaned inode|Setting free (inodes|blocks) count`)

// describeRepair returns what e2fsck repaired, and nothing if it only did what a power cut asks for.
func describeRepair(report string) string {
	var lines []string
	for line := range strings.Lines(report) {
		if line = strings.TrimSpace(line); line != "" && !routineLine.MatchString(line) {
			lines = append(lines, line)
		}
	}
	return lastLines(strings.Join(lines, "\n"))
}

// maxReport bounds a report of e2fsck for people, in bytes.
const maxReport = 1000

// lastLines returns the end of a text, in whole lines, on one line.
func lastLines(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > maxReport {
		_, text, _ = strings.Cut(text[len(text)-maxReport:], "\n")
	}
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// tail keeps the end of the output of a program.
type tail struct{ text []byte }

const maxTail = 16 << 10 // bytes

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-maxTail):]
	return len(p), nil
}
