// What a teacher's pages have around them: the head, dialogs with a heading, menus.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { api, type Fault, type State } from "../core/api";
import { t } from "../core/i18n";
import { A, tellFault } from "../core/kit";
import { go } from "../core/router";
import { reload } from "../core/state";
import { Language } from "../pages/login";
import "../pages/home.css";

// Code is a lesson's code in two groups, as it is read aloud.
export const Code = ({ code }: { code: string }) => <bdi dir="ltr" class="join-code">{code.slice(0, 3)} {code.slice(3)}</bdi>;

// Sheet is a dialog over the page, with a heading.
export function Sheet({ title, onClose, wide, children }: { title: string; onClose: () => void; wide?: boolean; children: ComponentChildren }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => ref.current?.showModal(), []);
  return (
    <dialog ref={ref} class={wide ? "dlg wide" : "dlg"} aria-labelledby="over-title" onClose={(e) => e.target === ref.current && onClose()}>
      <div class="row between dlg-head">
        <h2 id="over-title">{title}</h2>
        <button type="button" class="quiet" aria-label={t("close")} onClick={() => ref.current?.close()}>✕</button>
      </div>
      {children}
    </dialog>
  );
}

// Topbar is the head of a teacher's pages.
export function Topbar({ state }: { state: State }) {
  const out = async () => {
    try {
      await api.logout();
      await reload();
      go("/login");
    } catch (e) {
      tellFault(e as Fault);
    }
  };
  return (
    <header class="topbar">
      <A href="/teach" class="logo">LiveLearn</A>
      <span class="muted topbar-box"><bdi>{state.box.name}</bdi></span>
      <span class="grow" />
      <span class="muted topbar-me"><bdi>{state.me.name}</bdi></span>
      {state.me.admin && <A class="button quiet" href="/admin">{t("home.admin")}</A>}
      <Language />
      <button type="button" class="quiet" onClick={() => void out()}>{t("home.logout")}</button>
    </header>
  );
}

// useStaff sends everybody else to the sign-in page.
export function useStaff(state: State): boolean {
  const ok = state.me.role === "teacher";
  useEffect(() => {
    if (!ok) go("/login", true);
  }, [ok]);
  return ok;
}

// More is a menu that native <details> opens; Escape and leaving it close it.
export function More({ label, children }: { label: string; children: ComponentChildren }) {
  const ref = useRef<HTMLDetailsElement>(null);
  const shut = (focus: boolean) => {
    if (!ref.current?.open) return;
    ref.current.open = false;
    if (focus) ref.current.querySelector("summary")?.focus();
  };
  return (
    <details
      class="more" ref={ref} onKeyDown={(e) => e.key === "Escape" && shut(true)}
      onFocusOut={(e) => !ref.current?.contains(e.relatedTarget as Node | null) && shut(false)}
    >
      <summary aria-label={label}>⋯</summary>
      <div class="more-list" onClick={() => shut(true)}>{children}</div>
    </details>
  );
}
