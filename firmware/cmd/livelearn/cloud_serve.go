package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/livelearn/box/firmware"
	"github.com/livelearn/box/services/cloud/server"
	"github.com/livelearn/box/services/supervise"
)

type cloudServeCmd struct {
	databaseFlags
	Listen    string `help:"Address to listen at." default:":8443" placeholder:"ADDR"`
	Data      string `help:"Folder for a certificate that the node makes itself. Nodes behind one name need the same." default:"${data}/cloud" type:"path" placeholder:"DIR"`
	Cert      string `help:"Certificate of a public authority, a PEM file." type:"existingfile" placeholder:"FILE"`
	Key       string `help:"Its key." type:"existingfile" placeholder:"FILE"`
	Plain     bool   `help:"Serve HTTP, for a proxy before the node that does the rest and sets X-Forwarded-For."`
	Home      string `help:"Address of the cloud in xAPI statements; default: the one that was asked." placeholder:"URL"`
	ReadyFile string `help:"Write the node's address and pin to FILE, as JSON, when it is ready." type:"path" placeholder:"FILE"`
	LogFormat string `help:"text or json; default: text on a terminal, JSON otherwise." enum:"text,json," default:""`
}

// Run runs a node until it is told to stop. A second signal ends it at once.
func (c cloudServeCmd) Run(w world) error {
	cfg := server.Config{Listen: c.Listen, Data: c.Data, Cert: c.Cert, Key: c.Key, Plain: c.Plain, Home: c.Home}
	if err := cfg.Validate(); err != nil {
		return usageError{forPeople(err)}
	}
	log, _ := firmware.NewLog(firmware.Log{Format: c.LogFormat}, w.stderr, terminal(w.stderr))
	slog.SetDefault(log) // libraries that log at all log here
	limits(log)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from now on signals do what they always do
	store, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	srv := server.New(cfg, store, log, reg)
	g := supervise.Group(ctx)
	g.Go(srv.Serve)
	g.Go(func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return nil
		case <-srv.Ready():
			return c.ready(w, log, srv)
		}
	})
	if err := g.Wait(); err != nil {
		return forPeople(err)
	}
	log.Info("the node has stopped")
	return nil
}

// ready tells where the node is and how to go on.
func (c cloudServeCmd) ready(w world, log *slog.Logger, srv *server.Server) error {
	addr, pin := srv.Addr()
	log.Info("the node listens", "addr", addr, "version", version)
	scheme := "https://"
	if c.Plain {
		scheme = "http://"
	}
	say(w.stdout, "  Cloud   %s%s\n", scheme, addr)
	if pin != "" {
		say(w.stdout, "  Key     %s (the links of livelearn cloud enrol --data %s tell it to the boxes)\n", pin, c.Data)
	}
	say(w.stdout, "  Next    livelearn cloud school add SCHOOL, then livelearn cloud enrol SCHOOL for each box\n")
	if c.ReadyFile == "" {
		return nil
	}
	data, err := json.Marshal(map[string]string{"https": scheme + addr, "pin": pin})
	if err != nil {
		return err
	}
	temp := filepath.Join(filepath.Dir(c.ReadyFile), "."+filepath.Base(c.ReadyFile)+"."+strconv.Itoa(os.Getpid()))
	if err := os.WriteFile(temp, append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(temp, c.ReadyFile)
}
