package install

import (
	_ "embed"
	"fmt"
	"path/filepath"
	"strings"
)

// Paths are the places of an installed system.
type Paths struct {
	Program  string // the launcher, and the program that the first start copies
	Link     string // in the search path of shells
	Unit     string // of systemd
	User     string // for systemd-sysusers
	Manual   string // livelearn(1)
	Config   string
	Data     string
	Programs string // the two programs that updates replace in turn
}

// Package are the places of the Debian package. Local are those of the command install.
var (
	Package = Paths{
		Program: "/usr/lib/livelearn/livelearn", Link: "/usr/bin/livelearn",
		Unit: "/usr/lib/systemd/system/" + Service, User: "/usr/lib/sysusers.d/livelearn.conf", Manual: "/usr/share/man/man1/livelearn.1.gz",
		Config: ConfigFile, Data: DataDir, Programs: ProgramsDir,
	}
	Local = Paths{
		Program: "/usr/local/lib/livelearn/livelearn", Link: "/usr/local/bin/livelearn",
		Unit: "/etc/systemd/system/" + Service, User: "/etc/sysusers.d/livelearn.conf", Manual: "/usr/local/share/man/man1/livelearn.1",
		Config: ConfigFile, Data: DataDir, Programs: ProgramsDir,
	}
)

// Names that both have.
const (
	Service     = "livelearn.service"
	User        = "livelearn"
	ConfigDir   = "/etc/livelearn"
	ConfigFile  = ConfigDir + "/livelearn.toml"
	KeysFile    = ConfigDir + "/root.json" // the keys whose updates the system takes
	DataDir     = "/var/lib/livelearn"
	ProgramsDir = "/var/lib/livelearn-program"
)

// UserConfig is the user of the service, for systemd-sysusers.
const UserConfig = "u " + User + " - \"LiveLearn Box\" " + DataDir + "\n"

// ManualPage is livelearn(1). It comes from the definitions of the commands, as `livelearn --man` prints
// it, without a date. The test of firmware/cmd/livelearn compares it, and writes it with -update.
//
//go:embed livelearn.1
var ManualPage string

// Config is a configuration file for a new system.
func Config(http, https string) string {
	var b strings.Builder
	b.WriteString("# Settings of the LiveLearn Box on this machine. \"livelearn config print\" shows all of them.\n" +
		"# A change takes effect with: systemctl restart livelearn\n")
	if http != "" || https != "" {
		b.WriteString("\n[gateway]\n")
	}
	if http != "" {
		fmt.Fprintf(&b, "http = %q\n", http)
	}
	if https != "" {
		fmt.Fprintf(&b, "https = %q\n", https)
	}
	return b.String()
}

// UnitFile returns the unit of systemd. The box runs without rights except to listen on low ports.
// MemoryDenyWriteExecute is missing because slides are drawn by code that is compiled while it runs.
func (p Paths) UnitFile() string {
	return fmt.Sprintf(`[Unit]
Description=LiveLearn Box, a live classroom
Documentation=https://github.com/livelearn/box
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart=%s service --data %s --config %s --programs %s
User=%s
Restart=always
RestartSec=2
TimeoutStartSec=300
TimeoutStopSec=60
WatchdogSec=120
LimitNOFILE=65536
OOMScoreAdjust=-500
StateDirectory=%s %s
StateDirectoryMode=0700
UMask=0077

AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`, p.Program, p.Data, p.Config, p.Programs, User, filepath.Base(p.Data), filepath.Base(p.Programs))
}
