// The screens of the set-up before the box is claimed: the language, and whose it is.
import { useState } from "preact/hooks";
import { api, Fault } from "../core/api";
import { lang, languages, setLang, t } from "../core/i18n";
import { Field, General, Title, useTask } from "../core/kit";
import { reload } from "../core/state";

const minPIN = 6;

export interface Typed {
  code: string;
  box: string;
  name: string;
  pin: string;
  again: string;
}

// LangStep asks for the language in each language's own words.
export function LangStep({ next }: { next: () => void }) {
  return (
    <form class="stack" onSubmit={(e) => { e.preventDefault(); next(); }}>
      <Title>{t("claim.langTitle")}</Title>
      <fieldset class="lang-choice">
        <legend class="visually-hidden">{t("home.language")}</legend>
        {languages.map(([id, name]) => (
          <label key={id} class="lang-tile" lang={id}>
            <input type="radio" name="lang" value={id} checked={lang.value === id} onChange={() => void setLang(id)} />
            <span>{name}</span>
          </label>
        ))}
      </fieldset>
      <p class="muted">{t("claim.langHint")}</p>
      <button type="submit" class="primary big">{t("claim.next")}</button>
    </form>
  );
}

// OwnerStep claims the box: whoever can read its code is in charge.
export function OwnerStep(props: { typed: Typed; put: (field: keyof Typed) => (v: string) => void; back: () => void; next: () => void }) {
  const { typed, put } = props;
  const [busy, fault, run] = useTask();
  const [show, setShow] = useState(false);
  const submit = (e: Event) => {
    e.preventDefault();
    void run(async () => {
      for (const field of ["code", "box", "name"] as const) if (!typed[field].trim()) throw new Fault(0, "invalid", "empty", field);
      if ([...typed.pin].length < minPIN) throw new Fault(0, "invalid", "too_short", "pin", minPIN);
      if (typed.pin !== typed.again) throw new Fault(0, "invalid", "pin_differs", "again");
      try {
        await api.claim({ code: typed.code.trim(), box: typed.box.trim(), name: typed.name.trim(), pin: typed.pin, lang: lang.value });
      } catch (e) {
        const f = e as Fault;
        throw f.code === "wrong_code" ? new Fault(f.status, f.reason, f.code, "code") : f;
      }
      props.next();
      await reload();
    }).then(() => requestAnimationFrame(() => document.querySelector<HTMLElement>("form [aria-invalid=true]")?.focus()));
  };
  const kind = show ? "text" : "password";
  return (
    <form class="stack" noValidate onSubmit={submit}>
      <Title>{t("claim.codeTitle")}</Title>
      <p>{t("claim.codeWhere")}</p>
      <div class="big-code">
        <Field label={t("claim.code")} name="code" value={typed.code} onInput={put("code")} fault={fault} hint={t("claim.codeHint")} autoComplete="off" maxLength={20} />
      </div>
      <div class="pair">
        <Field label={t("claim.box")} name="box" value={typed.box} onInput={put("box")} fault={fault} hint={t("claim.boxHint")} autoComplete="off" maxLength={80} />
        <Field label={t("claim.name")} name="name" value={typed.name} onInput={put("name")} fault={fault} hint={t("claim.nameHint")} autoComplete="username" maxLength={80} />
      </div>
      <div class="pair">
        <Field label={t("claim.pin")} name="pin" value={typed.pin} onInput={put("pin")} fault={fault} hint={t("claim.pinHint", { limit: minPIN })} type={kind} autoComplete="new-password" />
        <Field label={t("claim.again")} name="again" value={typed.again} onInput={put("again")} fault={fault} type={kind} autoComplete="new-password" />
      </div>
      <label class="check"><input type="checkbox" checked={show} onChange={(e) => setShow(e.currentTarget.checked)} />{t("login.show")}</label>
      <General fault={fault} fields={["code", "box", "name", "pin", "again"]} />
      <div class="row step-actions">
        <button type="button" onClick={props.back}>{t("claim.back")}</button>
        <button type="submit" class="primary big" disabled={busy}>{t(busy ? "claim.claiming" : "claim.claim")}</button>
      </div>
    </form>
  );
}
