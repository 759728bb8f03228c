package appliance

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/livelearn/box/firmware/appliance/initctl"
	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/hal/slots"
)

const (
	// repairOrder is a file on the boot partition: the next start repairs the data partition at any
	// price. The data partition itself cannot be written then.
	repairOrder = "repair-data"
	repairsFile = "repairs.json"
	maxRepairs  = 10 // kept across restarts
)

// orderRepair makes the next start repair the data partition.
func orderRepair(boot slots.Folder) error {
	end, err := boot.MakeWritable()
	if err != nil {
		return err
	}
	return errors.Join(atomicfile.Write(filepath.Join(boot.Dir, repairOrder), 0o600, atomicfile.Bytes(nil)), end())
}

// takeRepairOrder reports whether a repair was ordered. It removes the order first, so that a repair
// that never ends is not repeated.
func takeRepairOrder(boot slots.Folder) (bool, error) {
	file := filepath.Join(boot.Dir, repairOrder)
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	end, err := boot.MakeWritable()
	if err != nil {
		return true, err
	}
	return true, errors.Join(os.Remove(file), end())
}

// setDamaged records that the data partition is not in use. The safe mode shows the reason.
func (m *Machine) setDamaged(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.boot.Damaged = err.Error()
}

func (m *Machine) isDamaged() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.boot.Damaged != ""
}

// recordRepair keeps what this start repaired for the admin page.
func (m *Machine) recordRepair(now time.Time) {
	if m.repaired == "" {
		return
	}
	m.log.Warn("the data partition was repaired", "what", m.repaired)
	m.mu.Lock()
	list := append(m.boot.Repairs, initctl.Repair{At: now.UTC(), What: m.repaired})
	m.boot.Repairs = list[max(0, len(list)-maxRepairs):]
	data, err := json.Marshal(m.boot.Repairs)
	m.mu.Unlock()
	m.repaired = ""
	if err == nil {
		err = atomicfile.Write(filepath.Join(m.stateDir, repairsFile), 0o600, atomicfile.Bytes(data))
	}
	if err != nil {
		m.log.Warn("the repair was not saved", "err", err)
	}
}

// loadRepairs reads the repairs of earlier starts.
func (m *Machine) loadRepairs() {
	list := loadState[initctl.Repair](m, repairsFile)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.boot.Repairs = list
}

// loadFailures reads the failures of earlier starts.
func (m *Machine) loadFailures() {
	list := loadState[initctl.Failure](m, failuresFile)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.boot.Failures = append(list, m.boot.Failures...)
}

// loadState reads a list that the first process keeps. It is empty if it cannot be read.
func loadState[T any](m *Machine, file string) (list []T) {
	data, err := os.ReadFile(filepath.Join(m.stateDir, file))
	if err != nil || json.Unmarshal(data, &list) != nil {
		return nil
	}
	return list
}
