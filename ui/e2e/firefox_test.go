package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/livelearn/box/services/timetest"
)

// fox is a Firefox driven over WebDriver BiDi (W3C working draft), which the stock browser speaks.
// It has only the commands that a story needs.
type fox struct {
	conn net.Conn
	mu   sync.Mutex // one command at a time
	n    int
}

// foxTab is one tab in its own context. It shares no cookie with other tabs.
type foxTab struct {
	*fox
	user, id string
}

// startFirefox starts the browser. The end of the test stops it.
func startFirefox(t *testing.T) *fox {
	t.Helper()
	path, err := exec.LookPath("firefox-esr")
	if err != nil {
		t.Fatalf("no Firefox here; on Debian: apt-get install firefox-esr (%v)", err)
	}
	dir := t.TempDir()
	prefs := `user_pref("network.captive-portal-service.enabled", false);
user_pref("media.gmp-manager.updateEnabled", false);
user_pref("media.navigator.streams.fake", true);
user_pref("media.navigator.permission.disabled", true);
user_pref("media.autoplay.default", 0);
user_pref("network.dns.localDomains", "livelearn.home");
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("app.update.auto", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
`
	if err := os.WriteFile(filepath.Join(dir, "user.js"), []byte(prefs), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "--headless", "--no-remote", "--profile", dir, "--remote-debugging-port", "0")
	cmd.Env = append(os.Environ(), "HOME="+dir, "MOZ_CRASHREPORTER_DISABLE=1")
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	url := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if _, at, ok := strings.Cut(lines.Text(), "WebDriver BiDi listening on "); ok {
				url <- strings.TrimSpace(at)
			}
		}
	}()
	select {
	case at := <-url:
		conn, _, _, err := ws.Dial(ctx, at+"/session")
		if err != nil {
			t.Fatal(err)
		}
		f := &fox{conn: conn}
		if err := f.call("session.new", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{"acceptInsecureCerts": true}}}, nil); err != nil {
			t.Fatal(err)
		}
		return f
	case <-time.After(timetest.Patience):
		t.Fatalf("Firefox did not open its port within %v", timetest.Patience)
		return nil
	}
}

// call sends a command and waits for its answer. It ignores events in between.
func (f *fox) call(method string, params, result any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	data, err := json.Marshal(map[string]any{"id": f.n, "method": method, "params": params})
	if err != nil {
		return err
	}
	if err := f.conn.SetDeadline(time.Now().Add(timetest.Patience)); err != nil {
		return err
	}
	if err := wsutil.WriteClientText(f.conn, data); err != nil {
		return err
	}
	for {
		text, err := wsutil.ReadServerText(f.conn)
		if err != nil {
			return err
		}
		var answer struct {
			ID             int
			Result         json.RawMessage
			Error, Message string
		}
		if err := json.Unmarshal(text, &answer); err != nil {
			return err
		}
		switch {
		case answer.ID != f.n:
		case answer.Error != "":
			return errors.New(answer.Error + ": " + answer.Message)
		case result == nil:
			return nil
		default:
			return json.Unmarshal(answer.Result, result)
		}
	}
}

// page opens a tab of a person who shares no state with others.
func (f *fox) page(t *testing.T, size [2]int64) *page {
	t.Helper()
	var user struct{ UserContext string }
	if err := f.call("browser.createUserContext", map[string]any{}, &user); err != nil {
		t.Fatal(err)
	}
	return f.tab(t, user.UserContext, size)
}

// tab opens a tab of a person.
func (f *fox) tab(t *testing.T, user string, size [2]int64) *page {
	t.Helper()
	var tab struct{ Context string }
	err := f.call("browsingContext.create", map[string]any{"type": "tab", "userContext": user}, &tab)
	if err == nil {
		err = f.call("browsingContext.setViewport", map[string]any{"context": tab.Context, "viewport": map[string]int64{"width": size[0], "height": size[1]}}, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &page{t: t, fox: &foxTab{f, user, tab.Context}}
}

func (f *foxTab) open(url string) error {
	return f.call("browsingContext.navigate", map[string]any{"context": f.id, "url": url, "wait": "complete"}, nil)
}

// eval runs a script and decodes its result as JSON. It waits for a promise.
func (f *foxTab) eval(js string, into any) error {
	var got struct {
		Type   string
		Result struct{ Value any }
		// of an exception
		ExceptionDetails struct{ Text string }
	}
	err := f.call("script.evaluate", map[string]any{
		"expression": "Promise.resolve(" + js + ").then((v) => JSON.stringify(v) ?? 'null')", "awaitPromise": true,
		"target": map[string]string{"context": f.id},
	}, &got)
	if err != nil {
		return err
	}
	text, ok := got.Result.Value.(string)
	if !ok {
		return fmt.Errorf("%s %s", got.Type, got.ExceptionDetails.Text)
	}
	return json.Unmarshal([]byte(text), into)
}

// typed types into the focused control.
func (f *foxTab) typed(text string) error {
	var keys []map[string]string
	for _, r := range text {
		if r == '\n' {
			r = '\uE006' // Enter
		}
		keys = append(keys, map[string]string{"type": "keyDown", "value": string(r)}, map[string]string{"type": "keyUp", "value": string(r)})
	}
	return f.call("input.performActions", map[string]any{"context": f.id, "actions": []any{map[string]any{"type": "key", "id": "k", "actions": keys}}}, nil)
}

// tap presses the mouse at a place.
func (f *foxTab) tap(at [2]float64) error {
	press := []map[string]any{{"type": "pointerMove", "x": at[0], "y": at[1]}, {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}}
	return f.call("input.performActions", map[string]any{"context": f.id, "actions": []any{map[string]any{"type": "pointer", "id": "m", "actions": press}}}, nil)
}
