// Hooks that load, run and tick.
import { useEffect, useState } from "preact/hooks";
import type { Fault } from "../api/http";

// useTask runs something that may fail and keeps the fault for the form.
export function useTask(): [boolean, Fault | null, (f: () => Promise<void>) => Promise<void>] {
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<Fault | null>(null);
  const run = async (f: () => Promise<void>) => {
    if (busy) return;
    setBusy(true);
    setFault(null);
    try {
      await f();
    } catch (e) {
      setFault(e as Fault);
    } finally {
      setBusy(false);
    }
  };
  return [busy, fault, run];
}

// useLoad loads something when the page opens, and again on demand.
export function useLoad<T>(load: () => Promise<T>, deps: unknown[] = []): [T | null, Fault | null, () => void] {
  const [value, setValue] = useState<T | null>(null);
  const [fault, setFault] = useState<Fault | null>(null);
  const again = () => {
    setFault(null);
    load().then(setValue, setFault);
  };
  useEffect(again, deps);
  return [value, fault, again];
}

// useNow ticks each second, for waiting times.
export function useNow(): number {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
