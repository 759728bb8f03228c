// What an admin does: people, settings, updates, the network, the cloud, health.
import { withPIN } from "./fresh-pin";
import { call, Fault, faultOf, uploadFiles } from "./http";
import type {
  AuditEntry,
  AuditPageBody as AuditPage,
  AuditVerified,
  BoxCode,
  CodeLeft,
  CloudStatus as Cloud,
  Crash,
  DeadFact,
  HealthCheck as Check,
  HealthSamples as History,
  JobsJob as Job,
  JobsDeadLetter as Letter,
  Label,
  LinkBox as SchoolBox,
  MediaNodeState as MediaServer,
  NetworkCheck,
  NetworkFinding,
  RestoreReport,
  RestoreStatus,
  RosterSettings as Settings,
  RosterSettingsChange as SettingsChange,
  RosterStaff as Staff,
  SuperviseStatus as Node,
  UpdateStatus as Update,
} from "./schema";

export type {
  AuditEntry,
  BoxCode,
  CodeLeft,
  Check,
  Cloud,
  Crash,
  DeadFact,
  History,
  Label,
  Letter,
  MediaServer,
  Node,
  NetworkCheck,
  NetworkFinding,
  RestoreReport,
  RestoreStatus,
  SchoolBox,
  Settings,
  Staff,
  Update,
};

const enc = encodeURIComponent;

// How this start of the machine went. See firmware/appliance/initctl.
export interface Boot {
  slot: string;
  name: string;
  phases: { name: string; took: number; note?: string; err?: string }[]; // took: ns
  ready: number; // seconds
  failures?: { at: string; what: string; why: string; tail?: string }[];
  clock: string;
  before?: string[];
}

// How the box is on the network. See services/network.
export interface Network {
  config: {
    mode: "guest" | "own" | "ap" | "wifi";
    ssid?: string;
    key?: string;
    country?: string;
    school?: SchoolWifi;
    wired?: WiredSignIn;
    [more: string]: unknown;
  };
  ports: { name: string; up: boolean; address?: string[]; from?: string; mac?: string; sign_in?: string }[];
  code?: string;
  text?: string;
  undo?: number; // seconds
  leases: number;
  stations?: { now: number; max?: number }; // on the access point of the box
  school?: "joining" | "joined" | "ap"; // mode wifi; ap: the box's own Wi-Fi in its place
}

// SchoolWifi is a Wi-Fi that the box joins. See services/supplicant.
export interface SchoolWifi {
  ssid?: string;
  security?: "psk" | "peap" | "ttls";
  identity?: string;
  password?: string;
  ca?: string; // PEM
  server?: string;
}

// WiredSignIn is how the box signs in on a cable (802.1X). See services/supplicant.
export interface WiredSignIn {
  security?: "peap" | "ttls";
  identity?: string;
  password?: string;
  ca?: string; // PEM
  server?: string;
}

// FoundWifi is a Wi-Fi in reach. Without a security the box cannot join it.
export interface FoundWifi {
  ssid: string;
  signal: number; // dBm
  security?: "psk" | "enterprise";
}

// AuditFilter chooses entries of the audit log. Times are in milliseconds since 1970.
export interface AuditFilter {
  text?: string;
  action?: string;
  from?: number;
  to?: number;
  before?: number;
}

// auditQuery leaves out what is not asked for.
const auditQuery = (f: AuditFilter) =>
  new URLSearchParams(
    Object.entries(f)
      .filter(([, v]) => v)
      .map(([k, v]) => [k, String(v)]),
  ).toString();

type Machine<T> = { supported: boolean; state?: T };

// sendUpdate sends a bundle from where the box wants it to go on.
const sendUpdate = (file: File, from: number) =>
  send("PUT", "/api/admin/update/bundle", file.slice(from), { "Upload-Offset": String(from) });

// send sends a file as it is.
async function send(method: string, path: string, body: Blob, headers: { [name: string]: string } = {}): Promise<void> {
  let resp: globalThis.Response;
  try {
    resp = await fetch(path, { method, credentials: "same-origin", headers, body });
  } catch {
    throw new Fault(0, "down", "offline");
  }
  if (!resp.ok) throw faultOf(await resp.json().catch(() => undefined), resp.status);
}

// encryptedBackup returns the backup and its name.
async function encryptedBackup(passphrase: string): Promise<[Blob, string]> {
  let resp: globalThis.Response;
  try {
    resp = await fetch("/api/admin/backup", {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ passphrase }),
    });
    if (resp.ok) {
      const name = /filename="([^"]+)"/.exec(resp.headers.get("Content-Disposition") ?? "")?.[1];
      return [await resp.blob(), name ?? "livelearn.llb"];
    }
  } catch {
    throw new Fault(0, "down", "offline");
  }
  throw faultOf(await resp.json().catch(() => undefined), resp.status);
}

export const adminAPI = {
  audit: (f: AuditFilter) => call<AuditPage>("GET", `/api/admin/audit?${auditQuery(f)}`),
  checkAudit: () => call<AuditVerified>("GET", "/api/admin/audit/check"),
  auditFile: (f: AuditFilter) => `/api/admin/audit.csv?${auditQuery(f)}`,
  encryptedBackup: (passphrase: string) => withPIN(() => encryptedBackup(passphrase)),
  restoreStatus: () => call<RestoreStatus>("GET", "/api/admin/restore"),
  sendBackup: (file: File, progress: (part: number) => void, stop: AbortSignal) =>
    uploadFiles<RestoreStatus>(
      "/api/admin/restore/file",
      file.slice(0, file.size, "application/octet-stream"),
      progress,
      stop,
    ),
  checkBackup: (passphrase: string) => call<RestoreStatus>("POST", "/api/admin/restore/check", { passphrase }),
  commitRestore: (name: string, otherBox: boolean) =>
    withPIN(() => call<RestoreStatus>("POST", "/api/admin/restore", { name, otherBox })),
  discardBackup: () => call<RestoreStatus>("DELETE", "/api/admin/restore"),
  update: () => call<Update>("GET", "/api/admin/update"),
  sendUpdate: (file: File, from: number) => withPIN(() => sendUpdate(file, from)),
  fetchUpdate: (from: { url?: string; stick?: string }) =>
    withPIN(() => call<void>("POST", "/api/admin/update/fetch", from)),
  installUpdate: (when: string) => withPIN(() => call<void>("POST", "/api/admin/update/install", { when })),
  forgetUpdate: () => call<void>("DELETE", "/api/admin/update"),
  rollBack: () => withPIN(() => call<void>("POST", "/api/admin/update/rollback")),
  cloud: () => call<Cloud>("GET", "/api/admin/cloud"),
  linkCloud: (link: string) => withPIN(() => call<void>("POST", "/api/admin/cloud/link", { link })),
  leaveCloud: () => withPIN(() => call<void>("DELETE", "/api/admin/cloud/link")),
  syncCloud: () => call<void>("POST", "/api/admin/cloud/sync"),
  dead: () => call<DeadFact[]>("GET", "/api/admin/cloud/dead"),
  retryDead: (d: DeadFact, repair: boolean) =>
    call<void>("POST", "/api/admin/cloud/dead/retry", { incarnation: d.incarnation, pos: d.pos, repair }),
  stickFile: "/api/admin/cloud/export",
  sendReply: (file: File) => send("POST", "/api/admin/cloud/reply", file),
  boot: () => call<Machine<Boot>>("GET", "/api/admin/boot"),
  network: () => call<Machine<Network>>("GET", "/api/admin/network"),
  setNetwork: (config: Network["config"]) => call<void>("PUT", "/api/admin/network", config),
  scanWifi: () => call<Machine<FoundWifi[]>>("GET", "/api/admin/network/wifi"),
  label: (wifi: { ssid?: string; passphrase?: string }) => call<Label>("POST", "/api/admin/label", wifi),
  keepNetwork: () => call<void>("POST", "/api/admin/network/keep"),
  networkCheck: () => call<NetworkCheck>("GET", "/api/admin/network/check"),
  boxes: () => call<SchoolBox[]>("GET", "/api/admin/boxes"),
  showBoxCode: () => withPIN(() => call<BoxCode>("POST", "/api/admin/boxes/code")),
  boxCodeLeft: () => call<CodeLeft>("GET", "/api/admin/boxes/code"),
  joinBoxes: (address: string, code: string) =>
    withPIN(() => call<void>("POST", "/api/admin/boxes/join", { address, code })),
  removeBox: (id: string) => withPIN(() => call<void>("DELETE", `/api/admin/boxes/${enc(id)}`)),
  checkNetwork: () => call<NetworkCheck>("POST", "/api/admin/network/check"),
  restart: (what: string, force: boolean) => call<void>("POST", "/api/admin/restart", { what, force }),
  nodes: () => call<MediaServer[]>("GET", "/api/admin/media"),
  drain: (node: string) => call<void>("POST", `/api/admin/media/${enc(node)}/drain`, {}),
  staff: () => call<Staff[]>("GET", "/api/staff"),
  addStaff: (s: { name: string; pin: string; admin: boolean }) => withPIN(() => call<Staff>("POST", "/api/staff", s)),
  changeStaff: (id: string, s: { name?: string; admin?: boolean }) =>
    withPIN(() => call<Staff>("PATCH", `/api/staff/${enc(id)}`, s)),
  setPIN: (id: string, pin: string) => withPIN(() => call<void>("POST", `/api/staff/${enc(id)}/pin`, { pin })),
  deleteStaff: (id: string) => withPIN(() => call<void>("DELETE", `/api/staff/${enc(id)}`)),
  myPIN: (old: string, pin: string) => call<void>("POST", "/api/pin", { old, new: pin }),
  settings: () => call<Settings>("GET", "/api/admin/settings"),
  putSettings: (s: SettingsChange) => call<Settings>("PATCH", "/api/admin/settings", s),
  history: () => call<History>("GET", "/api/admin/history"),
  erase: (pupil: string, name: string) => withPIN(() => call<Job>("POST", `/api/pupils/${enc(pupil)}/erase`, { name })),
  exportFile: (pupil: string) => `/api/pupils/${enc(pupil)}/export`,
  health: () => call<Check[]>("GET", "/api/admin/health"),
  acknowledge: (check: string) => call<void>("POST", `/api/admin/health/${enc(check)}/acknowledge`, {}),
  tree: () => call<Node>("GET", "/api/admin/tree"),
  crashes: () => call<Crash[]>("GET", "/api/admin/crashes"),
  letters: () => call<Letter[]>("GET", "/api/admin/letters"),
  retryLetter: (id: string) => call<void>("POST", `/api/admin/letters/${enc(id)}/retry`, {}),
  dropLetter: (id: string) => call<void>("POST", `/api/admin/letters/${enc(id)}/drop`, {}),
  log: () => call<string[]>("GET", "/api/admin/log"),
};
