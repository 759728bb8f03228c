package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/livelearn/box/firmware/logging"
	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/cloud/server"
	"github.com/livelearn/box/services/supervise"
)

type cloudServeCmd struct {
	databaseFlags
	Replica   string `help:"URL of a database that follows. Exports and xAPI statements are read there while it answers." env:"LIVELEARN_CLOUD_REPLICA" placeholder:"URL"`
	Listen    string `help:"Listen address." default:":8443" placeholder:"ADDR"`
	Data      string `help:"Folder for the self-made certificate of the node. Nodes behind one name need the same folder." default:"${data}/cloud" type:"path" placeholder:"DIR"`
	Cert      string `help:"PEM file with the certificate of a public authority." type:"existingfile" placeholder:"FILE"`
	Key       string `help:"PEM file with the key of the certificate." type:"existingfile" placeholder:"FILE"`
	Plain     bool   `help:"Serve HTTP, behind a proxy that handles TLS and sets X-Forwarded-For."`
	Home      string `help:"Address of the cloud in xAPI statements. Default: the address of the request." placeholder:"URL"`
	ReadyFile string `help:"When the node is ready, write its address and pin to FILE as JSON." type:"path" placeholder:"FILE"`
	LogFormat string `help:"Format of the log: text or json. Default: text on a terminal, json otherwise." enum:"text,json," default:""`
}

// Run runs a node until a signal stops it. A second signal kills it.
func (c cloudServeCmd) Run(w environment) error {
	cfg := server.Config{Listen: c.Listen, Data: c.Data, Cert: c.Cert, Key: c.Key, Plain: c.Plain, Home: c.Home}
	if err := cfg.Validate(); err != nil {
		return usageError{toUserError(err)}
	}
	log, _ := logging.New(logging.Config{Format: c.LogFormat}, w.stderr, isTerminal(w.stderr))
	slog.SetDefault(log) // libraries that log at all log here
	raiseLimits(log)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // restores the default action for a second signal
	store, err := c.openStore(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	if c.Replica != "" {
		if err := store.AddReplica(ctx, c.Replica); err != nil {
			return usageError{toUserError(err)}
		}
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "livelearn_build_info", Help: "Always 1.", ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
		}, func() float64 { return 1 }))
	srv := server.New(cfg, store, log, reg)
	g := supervise.Group(ctx)
	g.Go(srv.Serve)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	g.Go(func(ctx context.Context) error {
		for {
			select {
			case <-hangup:
				srv.ReloadCertificate()
				log.Info("the certificate was read again")
			case <-ctx.Done():
				return nil
			}
		}
	})
	g.Go(func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return nil
		case <-srv.Ready():
			return c.reportReady(w, log, srv)
		}
	})
	if err := g.Wait(); err != nil {
		return toUserError(err)
	}
	log.Info("the node has stopped")
	return nil
}

// reportReady prints the address of the node and the next commands.
func (c cloudServeCmd) reportReady(w environment, log *slog.Logger, srv *server.Server) error {
	addr, pin := srv.Addr()
	log.Info("the node listens", "addr", addr, "version", version)
	scheme := "https://"
	if c.Plain {
		scheme = "http://"
	}
	printText(w.stdout, "  Cloud   %s%s\n", scheme, addr)
	if pin != "" {
		printText(w.stdout, "  Key     %s (the links of livelearn cloud enrol --data %s tell it to the boxes)\n", pin, c.Data)
	}
	printText(w.stdout, "  Next    livelearn cloud school add SCHOOL, then livelearn cloud enrol SCHOOL for each box\n")
	if c.ReadyFile == "" {
		return nil
	}
	data, err := json.Marshal(map[string]string{"https": scheme + addr, "pin": pin})
	if err != nil {
		return err
	}
	return atomicfile.WriteVolatile(c.ReadyFile, 0o600, atomicfile.Bytes(append(data, '\n')))
}
