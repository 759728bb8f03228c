// Requests to the box over HTTP. Every call returns its value or throws a Fault.

// Fault is an error as the box sends it: reason says who acts, code what to show.
export class Fault extends Error {
  constructor(
    readonly status: number,
    readonly reason: string,
    readonly code = "",
    readonly field = "",
    readonly limit = 0,
    readonly retryMs = 0,
    message = "",
  ) {
    super(message || code || reason);
  }
}

// Refusal is the body of an error, of the socket or of HTTP.
export interface Refusal {
  reason?: string;
  code?: string;
  field?: string;
  limit?: number;
  retry_ms?: number;
  message?: string;
}

export function faultOf(body: Refusal | null | undefined, status = 0): Fault {
  return new Fault(status, body?.reason ?? "down", body?.code, body?.field, body?.limit, body?.retry_ms, body?.message);
}

export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  let resp: Response;
  try {
    resp = await fetch(path, {
      method,
      credentials: "same-origin",
      ...(body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
  } catch {
    throw new Fault(0, "down", "offline");
  }
  const text = await resp.text();
  let data: unknown;
  try {
    data = text ? JSON.parse(text) : undefined;
  } catch {
    data = undefined;
  }
  if (!resp.ok) throw faultOf(data as Refusal | undefined, resp.status);
  return data as T;
}

// uploadFiles sends a file as it is, or several as a form, and reports how far it is, 0 to 1.
export function uploadFiles<T>(
  path: string,
  file: Blob | FormData,
  progress: (part: number) => void = () => {},
  stop?: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const x = new XMLHttpRequest();
    x.open("POST", path);
    if (file instanceof Blob) x.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    x.upload.onprogress = (e) => e.lengthComputable && progress(e.loaded / e.total);
    x.onerror = () => reject(new Fault(0, "down", "offline"));
    x.onabort = () => reject(new Fault(0, "stopped", "aborted"));
    x.onload = () => {
      let body: unknown;
      try {
        body = JSON.parse(x.responseText);
      } catch {
        body = undefined;
      }
      if (x.status >= 200 && x.status < 300) resolve(body as T);
      else reject(faultOf(body as Refusal | undefined, x.status));
    };
    stop?.addEventListener("abort", () => x.abort());
    x.send(file);
  });
}
