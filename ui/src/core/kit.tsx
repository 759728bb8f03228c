// The few parts that every page uses. Native elements do the rest.
import type { AnchorHTMLAttributes, ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { signal } from "@preact/signals";
import type { Fault } from "./api";
import { explain, has, t } from "./i18n";
import { link } from "./router";

// Later shows its child only when something takes long: 300 ms.
export function Later({ children }: { children: ComponentChildren }) {
  const [show, set] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => set(true), 300);
    return () => clearTimeout(timer);
  }, []);
  return show ? <>{children}</> : null;
}

export const Loading = () => (
  <Later>
    <div class="skeleton" role="status"><span class="visually-hidden">{t("loading")}</span><i /><i /><i /></div>
  </Later>
);

export function Failed({ fault, retry }: { fault: Fault; retry?: () => void }) {
  return (
    <div class="note bad" role="alert">
      <p>{explain(fault)}</p>
      {retry && <button type="button" onClick={retry}>{t("retry")}</button>}
    </div>
  );
}

export const Empty = ({ children }: { children: ComponentChildren }) => <p class="empty">{children}</p>;

// Field is a labelled input. Its fault, if it is this field's, stands beside it.
export function Field(props: {
  label: string; name: string; value: string; onInput: (v: string) => void; fault?: Fault | null; hint?: string;
  type?: string; inputMode?: string; autoComplete?: string; maxLength?: number; required?: boolean; disabled?: boolean;
  placeholder?: string; autoFocus?: boolean; dir?: "ltr"; spellcheck?: boolean;
}) {
  const { label, name, value, onInput, fault, hint, ...rest } = props;
  const mine = fault && fault.field === name ? fault : null;
  return (
    <div class="field">
      <label for={name}>{label}</label>
      <input
        {...(rest as object)} id={name} name={name} value={value} onInput={(e) => onInput(e.currentTarget.value)}
        aria-invalid={mine ? "true" : undefined} aria-describedby={`${name}-hint ${name}-fault`}
      />
      <small id={`${name}-hint`}>{hint}</small>
      <small id={`${name}-fault`} class="fault" aria-live="polite">{mine ? explain(mine) : ""}</small>
    </div>
  );
}

// General is a fault that no field of the form shows.
export function General({ fault, fields }: { fault: Fault | null; fields: string[] }) {
  return <div aria-live="assertive">{fault && !fields.includes(fault.field) ? <p class="note bad">{explain(fault)}</p> : null}</div>;
}

export const A = (props: AnchorHTMLAttributes<HTMLAnchorElement>) => <a {...props} onClick={link} />;

export function Title({ children }: { children: ComponentChildren }) {
  const ref = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${ref.current?.textContent ?? ""} · LiveLearn`;
  });
  return <h1 tabIndex={-1} ref={ref}>{children}</h1>;
}

// Confirm asks before what cannot be undone.
export function Confirm({ text, yes, onYes, onNo }: { text: string; yes: string; onYes: () => void; onNo: () => void }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => ref.current?.showModal(), []);
  return (
    <dialog ref={ref} onClose={onNo} aria-labelledby="confirm-text">
      <p id="confirm-text">{text}</p>
      <div class="row end">
        <button type="button" onClick={() => ref.current?.close()}>{t("cancel")}</button>
        <button type="button" class="danger" onClick={onYes}>{yes}</button>
      </div>
    </dialog>
  );
}

// A snack tells what was done, and lets it be undone for a while.
const snack = signal<{ text: string; undo?: () => void; bad?: boolean } | null>(null);
let timer: ReturnType<typeof setTimeout> | undefined;

export function tell(text: string, undo?: () => void, bad = false) {
  clearTimeout(timer);
  snack.value = { text, undo, bad };
  timer = setTimeout(() => (snack.value = null), undo ? 10000 : 5000);
}

export const tellFault = (f: Fault) => tell(explain(f), undefined, true);

export function Snack() {
  const s = snack.value;
  return (
    <div class="snack-place" role="status" aria-live="polite">
      {s && (
        <div class={s.bad ? "snack bad" : "snack"}>
          <span>{s.text}</span>
          {s.undo && <button type="button" onClick={() => { s.undo?.(); snack.value = null; }}>{t("undo")}</button>}
          <button type="button" class="quiet" aria-label={t("close")} onClick={() => (snack.value = null)}>✕</button>
        </div>
      )}
    </div>
  );
}

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

// Icons of 24 by 24, in the colour of the text around them. They say nothing by themselves.
const icons = {
  hand: "M8 13V5.5a1.5 1.5 0 0 1 3 0V11m0-6.5v-1a1.5 1.5 0 0 1 3 0V11m0-5.5a1.5 1.5 0 0 1 3 0V12m0-3.5a1.5 1.5 0 0 1 3 0V15a7 7 0 0 1-7 7h-1.5a7 7 0 0 1-5-2.2L3.6 16a1.6 1.6 0 0 1 2.300-2.2L8 16",
  yes: "M4 12.5l5 5L20 6.5",
  no: "M6 6l12 12M18 6L6 18",
  lost: "M8 8a4 4 0 1 1 6 3.5c-1.4.8-2 1.6-2 3.2M12 19v.01",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  send: "M4 12h14m-6-6l6 6-6 6",
  down: "M12 5v14m-6-6l6 6 6-6",
  waiting: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18m0 4v5l3 2",
  sent: "M5 12.5l5 5L20 6.5",
  saved: "M1.5 12.5l5 5L16.5 7M11.5 16.5l1 1L22.5 7",
  people: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7m-6.5 9a6.5 6.5 0 0 1 13 0m.5-16a3.5 3.5 0 0 1 0 6.700m2 3.300a6.5 6.5 0 0 1 3.5 6",
  cloud: "M3 3l18 18M8 8.5A5 5 0 0 0 7 18h10m3-2.5A4 4 0 0 0 17.5 10 5.5 5.5 0 0 0 11 6.6",
  back: "M15 5l-7 7 7 7",
  theme: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  full: "M4 9V4h5m6 0h5v5m0 6v5h-5m-6 0H4v-5",
} as const;

export const Icon = ({ name }: { name: keyof typeof icons }) => (
  <svg class={`icon icon-${name}`} viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d={icons[name]} /></svg>
);

export const maybe = (key: string) => (has(key) ? t(key) : "");
