package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	envCut  = "ATOMICFILE_CUT"  // the number of a row of cuts
	envName = "ATOMICFILE_NAME" // the file that the child writes
)

// The exit codes of the child.
const (
	exitWritten   = 10 + iota
	exitFailed    // the write gave an error
	exitNoSeccomp // the kernel has no filter for system calls
)

var (
	oldText = strings.Repeat("old ", 10_000)
	newText = strings.Repeat("new, and longer ", 10_000)

	errCut = errors.New("cut")
)

// cut is one way in which a write fails on its way.
type cut struct {
	name     string
	call     uintptr               // the system call that fails; 0: none
	action   uint32                // how it fails, of seccomp(2)
	write    func(io.Writer) error // nil: writeNew
	replace  func(string, fs.FileMode, func(io.Writer) error) error
	want     string // what the file holds after it
	killed   bool   // the process ends
	leftover bool   // it leaves a temporary file
}

const (
	failEIO = unix.SECCOMP_RET_ERRNO | uint32(unix.EIO)
	kill    = unix.SECCOMP_RET_KILL_PROCESS
)

func cuts() []cut {
	return []cut{
		{name: "no cut", replace: Write, want: newText},
		{name: "write fails", replace: Write, write: failHalfway, want: oldText},
		{name: "write kills", replace: Write, write: killHalfway, want: oldText, killed: true, leftover: true},
		{name: "fsync fails", replace: Write, call: unix.SYS_FSYNC, action: failEIO, want: oldText},
		{name: "fsync kills", replace: Write, call: unix.SYS_FSYNC, action: kill, want: oldText, killed: true, leftover: true},
		{name: "rename fails", replace: Write, call: unix.SYS_RENAMEAT, action: failEIO, want: oldText},
		{name: "rename kills", replace: Write, call: unix.SYS_RENAMEAT, action: kill, want: oldText, killed: true, leftover: true},

		{name: "volatile: no fsync", replace: WriteVolatile, call: unix.SYS_FSYNC, action: kill, want: newText},
		{name: "volatile: write fails", replace: WriteVolatile, write: failHalfway, want: oldText},
		{name: "volatile: write kills", replace: WriteVolatile, write: killHalfway, want: oldText, killed: true, leftover: true},
		{name: "volatile: rename fails", replace: WriteVolatile, call: unix.SYS_RENAMEAT, action: failEIO, want: oldText},
		{name: "volatile: rename kills", replace: WriteVolatile, call: unix.SYS_RENAMEAT, action: kill, want: oldText, killed: true, leftover: true},
	}
}

func writeNew(w io.Writer) error { return Bytes([]byte(newText))(w) }

func failHalfway(w io.Writer) error {
	_, err := io.WriteString(w, newText[:len(newText)/2])
	return errors.Join(err, errCut)
}

func killHalfway(w io.Writer) error {
	_, err := io.WriteString(w, newText[:len(newText)/2])
	return errors.Join(err, syscall.Kill(os.Getpid(), syscall.SIGKILL))
}

func TestMain(m *testing.M) {
	if os.Getenv(envCut) == "" {
		os.Exit(m.Run())
	}
	for _, c := range cuts() {
		if c.name == os.Getenv(envCut) {
			os.Exit(runChild(c, os.Getenv(envName)))
		}
	}
}

// runChild writes the file in a process whose system call fails.
func runChild(c cut, name string) int {
	if c.call != 0 {
		if err := filterCall(c.call, c.action); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return exitNoSeccomp
		}
	}
	write := c.write
	if write == nil {
		write = writeNew
	}
	if err := c.replace(name, 0o600, write); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	return exitWritten
}

// filterCall gives all threads of this process a filter of system calls (seccomp(2)).
func filterCall(call uintptr, action uint32) error {
	runtime.LockOSThread() // no_new_privs is of this thread; the filter's flag copies it to the others
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // the call's number is the first field
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(call), Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: action},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return errno
	}
	return nil
}

func TestAFileIsWholeWhereverTheWriteIsCut(t *testing.T) {
	for _, c := range cuts() {
		t.Run(c.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "file.json")
			put(t, name, oldText)
			state := runCut(t, c, name)
			want := exitFailed
			if c.want == newText {
				want = exitWritten
			}
			if got := state.ExitCode(); c.killed != (got == -1) || !c.killed && got != want {
				t.Fatalf("the child ended with %v", state)
			}
			if got := read(t, name); got != c.want {
				t.Errorf("the file holds %d bytes %.20q, want %.20q", len(got), got, c.want)
			}
			if got := len(list(t, name)) - 1; (got == 1) != c.leftover || got > 1 {
				t.Errorf("%d temporary files, want one: %v", got, c.leftover)
			}
			if err := c.replace(name, 0o600, writeNew); err != nil {
				t.Fatal(err)
			}
			if got := list(t, name); read(t, name) != newText || len(got) != 1 {
				t.Errorf("after the next write the folder holds %v", got)
			}
		})
	}
}

// runCut runs one cut in a process of its own.
func runCut(t *testing.T, c cut, name string) *os.ProcessState {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), envCut+"="+c.name, envName+"="+name)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if cmd.ProcessState.ExitCode() == exitNoSeccomp {
		t.Skipf("this kernel cannot make a system call fail: %s", out)
	}
	return cmd.ProcessState
}

func TestAWriteLeavesTheFilesOfOthers(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "page")
	others := []string{".page", ".page-1", ".page1.png", ".pages1", "page1"}
	for _, o := range others {
		put(t, filepath.Join(dir, o), "theirs")
	}
	err := Write(filepath.Join(dir, "page1"), 0o600, func(io.Writer) error { // its temporary name also fits page
		return Write(name, 0o600, writeNew)
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := list(t, name); len(got) != len(others)+1 {
		t.Errorf("the folder holds %v", got)
	}
}

func TestWritersOfOneNameDoNotSpoilEachOther(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	texts := []string{oldText, newText}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 25 {
				if err := WriteVolatile(name, 0o600, Bytes([]byte(texts[i%2]))); err != nil {
					t.Error(err)
				}
				if got, err := os.ReadFile(name); err != nil || string(got) != oldText && string(got) != newText {
					t.Errorf("a reader saw %d bytes, %v", len(got), err)
				}
			}
		})
	}
	wg.Wait()
	if got := list(t, name); len(got) != 1 {
		t.Errorf("the folder holds %v", got)
	}
}

func TestTheFileHasItsMode(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	put(t, name, oldText)
	for _, mode := range []fs.FileMode{0o600, 0o640, 0o400} {
		if err := Write(name, mode, writeNew); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode(); got&^mode != 0 || got&0o700 != mode&0o700 {
			t.Errorf("mode %v, want %v", got, mode)
		}
	}
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// list are the names in the folder of name.
func list(t *testing.T, name string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
