package journal

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// traceStep is one operation of a traced process on files, or one line of its output.
type traceStep struct {
	call string // write, truncate, sync, open, rename, unlink, say
	file int    // which open file, for write, truncate and sync
	path string
	to   string // of a rename
	off  int64
	data []byte
	size int64
	text string // the text
}

// recordTrace runs a part under strace and returns the steps, in order. strace must be
// installed and allowed to trace.
func recordTrace(t *testing.T, part, dir string) []traceStep {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("the power-cut replay needs strace: apt-get install strace")
	}
	out := filepath.Join(t.TempDir(), "trace")
	cmd := childCommand(t, part, dir)
	cmd.Args = append([]string{
		strace, "-f", "-qq", "-xx", "-s", "100000000", "-e", "signal=none", "-o", out,
		"-e", "trace=openat,close,write,pwrite64,ftruncate,fallocate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat",
	}, cmd.Path)
	cmd.Path = strace
	if said, err := cmd.Output(); err != nil {
		t.Fatalf("strace: %v (may this user trace processes?) %s", err, said)
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	steps, err := parseTrace(f, dir)
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

// straceReader reads strace's lines. Calls of several threads interleave: the first half
// of a call waits for its second.
type straceReader struct {
	dir   string
	half  map[string]string // thread -> unfinished call
	fds   map[int]int       // descriptor -> file number
	paths map[int]string    // file number -> path
	steps []traceStep
}

func parseTrace(r io.Reader, dir string) ([]traceStep, error) {
	tr := &straceReader{dir: dir, half: map[string]string{}, fds: map[int]int{}, paths: map[int]string{}}
	lines := bufio.NewReaderSize(r, 1<<20)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			return tr.steps, nil
		}
		if err != nil {
			return nil, err
		}
		thread, call, _ := strings.Cut(strings.TrimSpace(line), " ")
		call = strings.TrimSpace(call)
		if begin, ok := strings.CutSuffix(call, " <unfinished ...>"); ok {
			tr.half[thread] = begin
			continue
		}
		if strings.HasPrefix(call, "<... ") {
			_, rest, _ := strings.Cut(call, " resumed>")
			call = tr.half[thread] + rest
		}
		if err := tr.call(call); err != nil {
			return nil, fmt.Errorf("%.200s: %w", line, err)
		}
	}
}

func (tr *straceReader) call(line string) error {
	name, rest, ok := strings.Cut(line, "(")
	end := strings.LastIndex(rest, ") ")
	if !ok || end < 0 {
		return nil // exit and the like
	}
	_, ret, _ := strings.Cut(rest[end:], "= ")
	ret, _, _ = strings.Cut(ret, " ")
	result, err := strconv.Atoi(ret)
	if err != nil || result < 0 {
		return nil // failed, or never returned
	}
	return tr.done(name, strings.Split(rest[:end], ", "), result)
}

// done notes a call that succeeded.
func (tr *straceReader) done(name string, args []string, result int) error {
	switch name {
	case "openat":
		return tr.open(args, result)
	case "close":
		fd, err := strconv.Atoi(args[0])
		delete(tr.fds, fd)
		return err
	case "rename", "renameat", "renameat2":
		var paths []string
		for _, a := range args {
			if strings.HasPrefix(a, `"`) {
				p, err := decodeHex(a)
				if err != nil {
					return err
				}
				paths = append(paths, string(p))
			}
		}
		tr.steps = append(tr.steps, traceStep{call: "rename", path: paths[0], to: paths[1]})
		return nil
	case "unlink", "unlinkat":
		for _, a := range args {
			if strings.HasPrefix(a, `"`) {
				p, err := decodeHex(a)
				tr.steps = append(tr.steps, traceStep{call: "unlink", path: string(p)})
				return err
			}
		}
		return nil
	}
	return tr.onFile(name, args)
}

func (tr *straceReader) open(args []string, fd int) error {
	path, err := decodeHex(args[1])
	if err != nil {
		return err
	}
	delete(tr.fds, fd)
	if !strings.HasPrefix(string(path), tr.dir) {
		return nil
	}
	n := len(tr.paths) + 1
	tr.fds[fd], tr.paths[n] = n, string(path)
	if strings.Contains(args[2], "O_TRUNC") {
		return fmt.Errorf("opening a file for truncation is not replayed")
	}
	tr.steps = append(tr.steps, traceStep{call: "open", file: n, path: string(path)})
	return nil
}

func (tr *straceReader) onFile(name string, args []string) error {
	fd, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	file := tr.fds[fd]
	switch {
	case name == "write" && fd == 1:
		text, err := decodeHex(args[1])
		tr.steps = append(tr.steps, traceStep{call: "say", text: string(text)})
		return err
	case file == 0:
		return nil
	case name == "pwrite64":
		data, err := decodeHex(args[1])
		if err != nil {
			return err
		}
		off, err := strconv.ParseInt(args[3], 10, 64)
		tr.steps = append(tr.steps, traceStep{call: "write", file: file, off: off, data: data})
		return err
	case name == "ftruncate":
		size, err := strconv.ParseInt(args[1], 10, 64)
		tr.steps = append(tr.steps, traceStep{call: "truncate", file: file, size: size})
		return err
	case name == "fsync" || name == "fdatasync":
		tr.steps = append(tr.steps, traceStep{call: "sync", file: file})
		return nil
	}
	return fmt.Errorf("%s is not replayed", name)
}

func decodeHex(arg string) ([]byte, error) {
	arg, ok := strings.CutSuffix(strings.TrimPrefix(arg, `"`), `"`)
	if !ok {
		return nil, fmt.Errorf("a string that was cut: %.40s", arg)
	}
	return hex.DecodeString(strings.ReplaceAll(arg, `\x`, ""))
}
