// A stand-in for the phoenix client in unit tests: it sends nothing, and the test answers. A test
// takes it by vi.mock("phoenix", () => import("./test-phoenix")). No page imports this file.
type Hook = (body?: unknown) => void;

export class Push {
  private hooks = new Map<string, Hook>();

  constructor(
    readonly event = "",
    readonly payload: { [field: string]: unknown } = {},
  ) {}

  receive(status: string, hook: Hook) {
    this.hooks.set(status, hook);
    return this;
  }

  answer(status: "ok" | "error" | "timeout", body?: unknown) {
    this.hooks.get(status)?.(body);
  }
}

export class Channel {
  state = "joining";
  readonly pushes: Push[] = [];
  private joining = new Push();
  private casts = new Map<string, Hook>();
  private closing: Hook = () => {};
  private failing: Hook = () => {};

  constructor(
    readonly topic: string,
    readonly params: () => object,
  ) {}

  join = () => this.joining;
  on = (event: string, hook: Hook) => this.casts.set(event, hook);
  onError = (hook: Hook) => (this.failing = hook);
  onClose = (hook: Hook) => (this.closing = hook);

  push(event: string, payload: { [field: string]: unknown }) {
    const push = new Push(event, payload);
    this.pushes.push(push);
    return push;
  }

  onMessage(event: string, payload: unknown) {
    this.casts.get(event)?.(payload);
    return payload;
  }

  // What the box does:
  accept(body: object) {
    this.state = "joined";
    this.joining.answer("ok", body);
  }

  refuse(code: string) {
    this.joining.answer("error", { reason: "user", code });
  }

  send({ kind, ...rest }: { kind: string }) {
    this.onMessage(kind, rest);
  }

  drop() {
    this.state = "errored";
    this.failing();
  }

  remove() {
    this.state = "closed";
    this.closing();
  }
}

export class Socket {
  static channels: Channel[] = []; // of all sockets, the newest last
  heartbeatIntervalMs = 0;
  connect() {}
  disconnect() {}
  resetHeartbeat() {}
  onClose() {}
  isConnected = () => true;

  channel(topic: string, params: () => object) {
    const channel = new Channel(topic, params);
    Socket.channels.push(channel);
    return channel;
  }
}

export class Presence {
  onSync() {}
  list = () => [];
}
