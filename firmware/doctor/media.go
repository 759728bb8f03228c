package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/livelearn/box/firmware/control"
	"github.com/livelearn/box/services/media"
)

// checkMediaNodes returns how the nodes of a running box carry media.
func checkMediaNodes(ctx context.Context, data string) []Finding {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	body, err := control.Get(ctx, data, "/media")
	if err != nil {
		return []Finding{warnFinding("if this goes on, restart the box", "how media is carried is not known: %v", err)}
	}
	defer func() { _ = body.Close() }()
	var nodes []media.NodeState
	if err := json.NewDecoder(body).Decode(&nodes); err != nil {
		return []Finding{warnFinding("if this goes on, restart the box", "how media is carried is not known: %v", err)}
	}
	if len(nodes) == 0 {
		return []Finding{okFinding("media is off: no pictures and no sound")}
	}
	var list []Finding
	for _, n := range nodes {
		list = append(list, nodeFinding(n))
	}
	return list
}

func nodeFinding(n media.NodeState) Finding {
	l := n.Load
	switch {
	case n.Role == media.Away:
		return warnFinding("see the log of the box", "%s: away for %v; it came back %d times", n.Name, time.Since(n.Since).Round(time.Second), n.Restarts)
	case l.Path == "":
		return okFinding("%s: %s, and has not said how it works yet", n.Name, n.Role)
	case l.Path != "fast":
		return warnFinding("set media.plain = false: the plain path is for comparison and costs several times as much",
			"%s: %s, by the %s path, %s", n.Name, n.Role, l.Path, formatWatchers(l))
	}
	way := "one send for a burst (UDP_SEGMENT)"
	if !l.GSO {
		way = "one send for each packet"
	}
	return okFinding("%s: %s, by the fast path: %s, %s; %s", n.Name, n.Role, l.Profile, way, formatWatchers(l))
}

func formatWatchers(l media.Load) string {
	if l.Capacity == 0 {
		return fmt.Sprintf("%d watch", l.Watchers)
	}
	return fmt.Sprintf("%d of %d watch", l.Watchers, l.Capacity)
}
