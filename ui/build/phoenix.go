package main

import (
	"errors"
	"os"
	"path/filepath"
)

// noLongPoll is in the place of long polling. Every browser of our target has WebSockets, so a pupil
// would load it for nothing.
const noLongPoll = "export default class LongPoll {}\n"

// copyPhoenix copies the source of the lesson socket's client without its long polling.
func copyPhoenix(ui, to string) error {
	from := filepath.Join(ui, "node_modules", "phoenix", "assets", "js", "phoenix")
	err := os.CopyFS(to, os.DirFS(from))
	file := filepath.Join(to, "longpoll.js")
	return errors.Join(err, os.Remove(file), os.WriteFile(file, []byte(noLongPoll), 0o644))
}
