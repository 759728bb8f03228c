// What cannot be undone needs a PIN that was just entered. The box says so, and the page asks.
import { call, type Fault } from "./http";

type Ask = () => Promise<boolean>; // whether the PIN was given

let ask: Ask | undefined;

// onPINNeeded sets who asks for the PIN, or nobody.
export function onPINNeeded(f?: Ask) {
  ask = f;
}

// withPIN does something. If the box wants the PIN first, it asks for it and does it once more.
export async function withPIN<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (f) {
    if ((f as Fault).code !== "pin_needed" || !(await ask?.())) throw f;
    return act();
  }
}

export const confirmPIN = (pin: string) => call<void>("POST", "/api/pin/confirm", { pin });

// download opens a file of the box that needs a fresh PIN.
export async function download(path: string) {
  await withPIN(() => call<void>("GET", "/api/pin/confirm"));
  const link = document.createElement("a");
  link.href = path;
  link.download = "";
  link.click();
}
