// Signing in as a teacher: a name and a PIN.
import { useEffect, useState } from "preact/hooks";
import { api, type BoxState } from "../api/box";
import { t } from "../locales/i18n";
import { PageLink } from "../components/page-link";
import { FormError, TextField } from "../components/form-field";
import { PageTitle } from "../components/page-title";
import { useTask } from "../components/hooks";
import { go } from "../state/router";
import { reload } from "../state/session";
import { pageAfterLogin } from "../state/use-staff";
import { SignedOutPage } from "../components/signed-out-page";

export function Login({ state }: { state: BoxState; arg: string }) {
  const [name, setName] = useState("");
  const [pin, setPin] = useState("");
  const [show, setShow] = useState(false);
  const [busy, fault, run] = useTask();
  const signedIn = state.me.role === "teacher";
  useEffect(() => {
    if (signedIn) go(pageAfterLogin(), true);
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
    <SignedOutPage box={state.box.name}>
      <div class="card sheet stack">
        <PageTitle>{t("login.title")}</PageTitle>
        {!state.box.claimed ? (
          <div class="note">
            <p>{t("login.unclaimed")}</p>
            <p>
              <PageLink href="/claim">{t("login.claim")}</PageLink>
            </p>
          </div>
        ) : (
          <form class="stack" onSubmit={submit}>
            <TextField
              label={t("login.name")}
              name="name"
              value={name}
              onInput={setName}
              fault={fault}
              autoComplete="username"
              required
            />
            <TextField
              label={t("login.pin")}
              name="pin"
              value={pin}
              onInput={setPin}
              fault={fault}
              required
              type={show ? "text" : "password"}
              autoComplete="current-password"
            />
            <label class="check">
              <input type="checkbox" checked={show} onChange={(e) => setShow(e.currentTarget.checked)} />
              {t("login.show")}
            </label>
            <FormError fault={fault} fields={["name", "pin"]} />
            <button type="submit" class="primary big" disabled={busy}>
              {t(busy ? "login.busy" : "login.go")}
            </button>
          </form>
        )}
        <p class="muted">
          {t("login.pupil")} <PageLink href="/">{t("login.join")}</PageLink>
        </p>
      </div>
    </SignedOutPage>
  );
}
