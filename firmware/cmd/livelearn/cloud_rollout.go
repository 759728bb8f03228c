package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/update/bundle"
)

// cloudReleaseCmd keeps the list of releases. The bundles themselves are on a web server.
type cloudReleaseCmd struct {
	Add    releaseAddCmd    `cmd:"" help:"Add a release, with the address from which boxes fetch its bundle."`
	List   releaseListCmd   `cmd:"" help:"List the releases."`
	Remove releaseRemoveCmd `cmd:"" help:"Remove a release that no rollout has."`
}

type releaseAddCmd struct {
	databaseFlags
	File string `arg:"" help:"Bundle of the release, signed." type:"existingfile"`
	Root string `help:"The root.json that the boxes trust. A bundle that they would refuse is refused here." required:"" type:"existingfile"`
	URL  string `name:"url" help:"Address from which boxes fetch the same file." required:"" placeholder:"URL"`
}

// Run adds a release.
func (c releaseAddCmd) Run(w environment) error {
	head, err := readBundleHead(c.File, c.Root)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, toUserError(err))
	}
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		id, err := store.AddRelease(ctx, pg.Release{Board: head.Board, Version: head.Version, Build: int64(head.Build), URL: c.URL, Notes: head.Notes})
		if err != nil {
			return err
		}
		printText(w.stdout, "release %d: %s for %s, build %d\nNext: livelearn cloud rollout start %d --stages 1,10%%,all\n", id, head.Version, head.Board, head.Build, id)
		return nil
	})
}

// readBundleHead reads and verifies the head of a bundle.
func readBundleHead(file, rootFile string) (*bundle.Head, error) {
	root, err := os.ReadFile(rootFile)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return bundle.ReadHead(f, root)
}

type releaseListCmd struct {
	databaseFlags
	jsonFlag
}

// Run lists the releases.
func (c releaseListCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		list, err := store.Releases(ctx)
		if err != nil {
			return err
		}
		return printList(w, c.jsonFlag, list, func(r pg.Release) {
			printText(w.stdout, "%d  %s for %s, build %d, at %s\n", r.ID, r.Version, r.Board, r.Build, r.URL)
		})
	})
}

type releaseRemoveCmd struct {
	databaseFlags
	Release int64 `arg:"" help:"Number of the release."`
}

// Run removes a release.
func (c releaseRemoveCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error { return store.RemoveRelease(ctx, c.Release) })
}

// cloudRolloutCmd leads boxes to a release. A node runs the stages.
type cloudRolloutCmd struct {
	Start  rolloutStartCmd  `cmd:"" help:"Begin with the first stage. The next one begins when all boxes of a stage have the release and are healthy."`
	List   rolloutListCmd   `cmd:"" help:"List the rollouts."`
	Show   rolloutShowCmd   `cmd:"" help:"Show the boxes of a rollout."`
	Stop   rolloutStopCmd   `cmd:"" help:"Take the release back from boxes that have not installed it."`
	Resume rolloutResumeCmd `cmd:"" help:"Go on with a stopped rollout, without the boxes that failed."`
	Next   rolloutNextCmd   `cmd:"" help:"Begin the next stage now, without waiting for boxes that are silent."`
	End    rolloutEndCmd    `cmd:"" help:"Stop a rollout for good."`
}

type rolloutStartCmd struct {
	databaseFlags
	Release int64  `arg:"" help:"Number of the release."`
	Stages  string `help:"Stages: a number of boxes, a share of them (10%), school:NAME or all. Each has the boxes of those before it too." default:"1,10%,all"`
	School  string `help:"Only the boxes of this school."`
	When    string `help:"When a box installs it: at night, or now, which is as soon as no lesson is open." enum:"night,now" default:"night"`
}

// Run begins a rollout.
func (c rolloutStartCmd) Run(w environment) error {
	stages, err := pg.ParseStages(c.Stages)
	if err != nil {
		return toUserError(err)
	}
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		id, err := store.StartRollout(ctx, pg.RolloutPlan{Release: c.Release, School: c.School, Stages: stages, Night: c.When == "night"})
		if err != nil {
			return err
		}
		o, _, err := store.FindRollout(ctx, "", id)
		if err == nil {
			printText(w.stdout, "rollout %d: %d boxes in %d stages; %d may install %s now\nA running node leads it on. See how it goes: livelearn cloud rollout show %d\n", id, o.Boxes, len(o.Stages), o.Offered, o.Version, id)
		}
		return err
	})
}

type rolloutListCmd struct {
	databaseFlags
	jsonFlag
	School string `help:"List only the rollouts of this school."`
}

// Run lists rollouts.
func (c rolloutListCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		list, err := store.Rollouts(ctx, c.School)
		if err != nil {
			return err
		}
		return printList(w, c.jsonFlag, list, func(o pg.Rollout) { printRollout(w, o) })
	})
}

func printRollout(w environment, o pg.Rollout) {
	why := ""
	if o.Why != "" {
		why = ": " + o.Why
	}
	printText(w.stdout, "%d  %s for %s, stage %d of %d (%s), installed on %d of %d boxes, failed on %d, %s%s\n", o.ID, o.Version, o.Board, o.Stage, len(o.Stages),
		strings.Join(o.Stages, ", "), o.Installed, o.Boxes, o.Failed, o.State, why)
}

// rolloutArg is the argument with the number of a rollout.
type rolloutArg struct {
	Rollout int64 `arg:"" help:"Number of the rollout."`
}

type rolloutShowCmd struct {
	databaseFlags
	jsonFlag
	rolloutArg
}

// Run shows the boxes of a rollout.
func (c rolloutShowCmd) Run(w environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		o, boxes, err := store.FindRollout(ctx, "", c.Rollout)
		if err != nil {
			return err
		}
		if !c.JSON {
			printRollout(w, o)
		}
		return printList(w, c.jsonFlag, boxes, func(b pg.RolloutBox) {
			state := b.State
			switch {
			case state == "" && b.Offered != nil:
				state = "not heard of since the offer"
			case state == "":
				state = "not offered"
			}
			if b.Reason != "" {
				state += ": " + b.Reason
			}
			printText(w.stdout, "%s  %q of %s, stage %d: %s\n", b.Box, b.Name, b.School, b.Stage, state)
		})
	})
}

type rolloutStopCmd struct {
	databaseFlags
	rolloutArg
}

// Run stops a rollout.
func (c rolloutStopCmd) Run(environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error { return store.StopRollout(ctx, c.Rollout) })
}

type rolloutResumeCmd struct {
	databaseFlags
	rolloutArg
	Retry bool `help:"Try the boxes that failed again."`
}

// Run goes on with a rollout.
func (c rolloutResumeCmd) Run(environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error {
		return store.ResumeRollout(ctx, c.Rollout, c.Retry)
	})
}

type rolloutNextCmd struct {
	databaseFlags
	rolloutArg
}

// Run begins the next stage.
func (c rolloutNextCmd) Run(environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error { return store.SkipStage(ctx, c.Rollout) })
}

type rolloutEndCmd struct {
	databaseFlags
	rolloutArg
}

// Run ends a rollout.
func (c rolloutEndCmd) Run(environment) error {
	return c.withStore(func(ctx context.Context, store *pg.Store) error { return store.EndRollout(ctx, c.Rollout) })
}
