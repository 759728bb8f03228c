// What the stock phoenix client and esbuild do not describe themselves.
declare module "*.css";
declare module "phoenix" {
  export class Push {
    receive(status: string, hook: (response: any) => void): Push;
  }
  export class Channel {
    state: string;
    join(timeout?: number): Push;
    leave(): Push;
    push(event: string, payload: object, timeout?: number): Push;
    on(event: string, hook: (payload: any) => void): number;
    onMessage(event: string, payload: any, ref: any): any;
    onError(hook: (reason?: any) => void): void;
    onClose(hook: () => void): void;
  }
  export class Socket {
    constructor(url: string, options?: object);
    connect(): void;
    disconnect(hook?: () => void, code?: number, reason?: string): void;
    isConnected(): boolean;
    channel(topic: string, params: () => object): Channel;
    onOpen(hook: () => void): void;
    onClose(hook: (event: CloseEvent) => void): void;
    onError(hook: (error: any) => void): void;
  }
  export class Presence {
    constructor(channel: Channel);
    onSync(hook: () => void): void;
    list<T>(chooser: (key: string, presence: { metas: any[] }) => T): T[];
  }
}
