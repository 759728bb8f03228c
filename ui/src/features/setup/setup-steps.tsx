// The screens of the set-up before the box is claimed: the language, and whose it is.
import { useState } from "preact/hooks";
import { api } from "../../api/box";
import { Fault } from "../../api/http";
import { lang, languages, t } from "../../locales/i18n";
import { Button } from "../../components/button";
import { chooseLanguage } from "../../components/feedback";
import { FormError, TextField } from "../../components/form-field";
import { PageTitle } from "../../components/page-title";
import { useTask } from "../../components/hooks";
import { reload } from "../../state/session";
import css from "./setup-steps.module.css";

const minPIN = 6;

export interface Typed {
  code: string;
  box: string;
  name: string;
  pin: string;
  again: string;
}

// LanguageStep asks for the language in each language's own words.
export function LanguageStep({ next }: { next: () => void }) {
  return (
    <form
      class="stack"
      onSubmit={(e) => {
        e.preventDefault();
        next();
      }}
    >
      <PageTitle>{t("claim.langTitle")}</PageTitle>
      <fieldset class={css.languages}>
        <legend class="visually-hidden">{t("home.language")}</legend>
        {languages.map(([id, name]) => (
          <label key={id} class={css.language} lang={id}>
            <input
              type="radio"
              name="lang"
              value={id}
              checked={lang.value === id}
              onChange={() => void chooseLanguage(id)}
            />
            <span>{name}</span>
          </label>
        ))}
      </fieldset>
      <p class="muted">{t("claim.langHint")}</p>
      <Button type="submit" kind="primary" big>
        {t("claim.next")}
      </Button>
    </form>
  );
}

// checkTyped lists what is wrong with each field. The box checks the rest.
function checkTyped(typed: Typed): Fault[] {
  const wrong = (["code", "box", "name"] as const)
    .filter((field) => !typed[field].trim())
    .map((field) => new Fault(0, "invalid", "empty", field));
  if ([...typed.pin].length < minPIN) wrong.push(new Fault(0, "invalid", "too_short", "pin", minPIN));
  if (typed.pin !== typed.again) wrong.push(new Fault(0, "invalid", "pin_differs", "again"));
  return wrong;
}

// OwnerStep claims the box: the person who can read its code becomes the admin.
export function OwnerStep(props: {
  typed: Typed;
  put: (field: keyof Typed) => (v: string) => void;
  back: () => void;
  next: () => void;
}) {
  const { typed, put } = props;
  const [busy, refused, run] = useTask();
  const [missing, setMissing] = useState<Fault[]>([]);
  const [show, setShow] = useState(false);
  const faultOf = (field: string) => missing.find((f) => f.field === field) ?? refused;
  const submit = (e: Event) => {
    e.preventDefault();
    void run(async () => {
      const wrong = checkTyped(typed);
      setMissing(wrong);
      if (wrong.length > 0) return;
      try {
        await api.claim({
          code: typed.code.trim(),
          box: typed.box.trim(),
          name: typed.name.trim(),
          pin: typed.pin,
          lang: lang.value,
        });
      } catch (e) {
        const f = e as Fault;
        throw f.code === "wrong_code" ? new Fault(f.status, f.reason, f.code, "code") : f;
      }
      props.next();
      await reload();
    }).then(() =>
      requestAnimationFrame(() => document.querySelector<HTMLElement>("form [aria-invalid=true]")?.focus()),
    );
  };
  const kind = show ? "text" : "password";
  return (
    <form class="stack" noValidate onSubmit={submit}>
      <PageTitle>{t("claim.codeTitle")}</PageTitle>
      <p>{t("claim.codeWhere")}</p>
      <div class={css.code}>
        <TextField
          label={t("claim.code")}
          name="code"
          value={typed.code}
          onInput={put("code")}
          fault={faultOf("code")}
          hint={t("claim.codeHint")}
          autoComplete="off"
          maxLength={20}
        />
      </div>
      <div class="pair">
        <TextField
          label={t("claim.box")}
          name="box"
          value={typed.box}
          onInput={put("box")}
          fault={faultOf("box")}
          hint={t("claim.boxHint")}
          autoComplete="off"
          maxLength={80}
        />
        <TextField
          label={t("claim.name")}
          name="name"
          value={typed.name}
          onInput={put("name")}
          fault={faultOf("name")}
          hint={t("claim.nameHint")}
          autoComplete="username"
          maxLength={80}
        />
      </div>
      <div class="pair">
        <TextField
          label={t("claim.pin")}
          name="pin"
          value={typed.pin}
          onInput={put("pin")}
          fault={faultOf("pin")}
          hint={t("claim.pinHint", { limit: minPIN })}
          type={kind}
          autoComplete="new-password"
        />
        <TextField
          label={t("claim.again")}
          name="again"
          value={typed.again}
          onInput={put("again")}
          fault={faultOf("again")}
          type={kind}
          autoComplete="new-password"
        />
      </div>
      <label class="check">
        <input type="checkbox" checked={show} onChange={(e) => setShow(e.currentTarget.checked)} />
        {t("login.show")}
      </label>
      <FormError fault={refused} fields={["code", "box", "name", "pin", "again"]} />
      <div class={css.actions}>
        <Button onClick={props.back}>{t("claim.back")}</Button>
        <Button type="submit" kind="primary" big busy={busy}>
          {t(busy ? "claim.claiming" : "claim.claim")}
        </Button>
      </div>
    </form>
  );
}
