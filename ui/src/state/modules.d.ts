// What the stock phoenix client and esbuild do not describe themselves.
declare module "*.css";
declare module "phoenix" {
  export class Push {
    receive<T>(status: string, hook: (response: T) => void): Push; // T: what the box answers
  }
  export class Channel {
    state: string;
    join(timeout?: number): Push;
    leave(): Push;
    push(event: string, payload: object, timeout?: number): Push;
    on<T>(event: string, hook: (payload: T) => void): number; // T: what the box sends
    onMessage(event: string, payload: unknown, ref: unknown): unknown;
    onError(hook: (reason?: unknown) => void): void;
    onClose(hook: () => void): void;
  }
  export class Socket {
    heartbeatIntervalMs: number;
    constructor(url: string, options?: object);
    resetHeartbeat(): void;
    connect(): void;
    disconnect(hook?: () => void, code?: number, reason?: string): void;
    isConnected(): boolean;
    channel(topic: string, params: () => object): Channel;
    onOpen(hook: () => void): void;
    onClose(hook: (event: CloseEvent) => void): void;
    onError(hook: (error: unknown) => void): void;
  }
  export class Presence {
    constructor(channel: Channel);
    onSync(hook: () => void): void;
    list<T, M>(chooser: (key: string, presence: { metas: M[] }) => T): T[]; // M: what the box says of a device
  }
}

declare module "temml" {
  const temml: {
    render(
      tex: string,
      place: HTMLElement,
      options?: { displayMode?: boolean; throwOnError?: boolean; wrap?: "none" | "tex" | "=" },
    ): void;
  };
  export default temml;
}
