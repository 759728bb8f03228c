// Signing in as a teacher: a name and a PIN.
import { useEffect, useState } from "preact/hooks";
import { api, type State } from "../core/api";
import { lang, languages, setLang, t } from "../core/i18n";
import { A, Field, General, Title, useTask } from "../core/kit";
import { go } from "../core/router";
import { reload } from "../core/state";
import "./home.css";

// Language switches the language of the pages on this device.
export function Language() {
  return (
    <label class="lang-pick">
      <span class="visually-hidden">{t("home.language")}</span>
      <select value={lang.value} onChange={(e) => void setLang(e.currentTarget.value)}>
        {languages.map(([id, name]) => <option key={id} value={id} lang={id}>{name}</option>)}
      </select>
    </label>
  );
}

// Front is the frame of the pages for those who are not signed in.
export function Front({ box, children }: { box: string; children: preact.ComponentChildren }) {
  return (
    <div class="front">
      <header class="topbar">
        <span class="logo">LiveLearn</span>
        {box && <span class="muted topbar-box"><bdi>{box}</bdi></span>}
        <span class="grow" />
        <Language />
      </header>
      <main id="main" class="front-main">{children}</main>
    </div>
  );
}

export function Login({ state }: { state: State; arg: string }) {
  const [name, setName] = useState("");
  const [pin, setPin] = useState("");
  const [show, setShow] = useState(false);
  const [busy, fault, run] = useTask();
  const signedIn = state.me.role === "teacher";
  useEffect(() => {
    if (signedIn) go("/teach", true);
    else document.getElementById("name")?.focus();
  }, [signedIn]);
  const submit = (e: Event) => {
    e.preventDefault();
    void run(async () => {
      await api.login(name.trim(), pin);
      await reload(); // the effect above goes on
    });
  };
  return (
    <Front box={state.box.name}>
      <div class="card sheet stack">
        <Title>{t("login.title")}</Title>
        {!state.box.claimed ? (
          <div class="note">
            <p>{t("login.unclaimed")}</p>
            <p><A href="/claim">{t("login.claim")}</A></p>
          </div>
        ) : (
          <form class="stack" onSubmit={submit}>
            <Field label={t("login.name")} name="name" value={name} onInput={setName} fault={fault} autoComplete="username" required />
            <Field
              label={t("login.pin")} name="pin" value={pin} onInput={setPin} fault={fault} required
              type={show ? "text" : "password"} autoComplete="current-password"
            />
            <label class="check"><input type="checkbox" checked={show} onChange={(e) => setShow(e.currentTarget.checked)} />{t("login.show")}</label>
            <General fault={fault} fields={["name", "pin"]} />
            <button type="submit" class="primary big" disabled={busy}>{t(busy ? "login.busy" : "login.go")}</button>
          </form>
        )}
        <p class="muted">{t("login.pupil")} <A href="/">{t("login.join")}</A></p>
      </div>
    </Front>
  );
}
