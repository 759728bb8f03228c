// Signing in as a teacher: a name and a PIN.
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import { api, type BoxState, type Door } from "../api/box";
import { span, t } from "../locales/i18n";
import { Button } from "../components/button";
import { ButtonLink } from "../components/button-link";
import { GuideLink } from "../components/guide-link";
import { PageLink } from "../components/page-link";
import { FormError, TextField } from "../components/form-field";
import { PageTitle } from "../components/page-title";
import { useNow, useTask } from "../components/hooks";
import { go } from "../state/router";
import { reload } from "../state/session";
import { pageAfterLogin } from "../state/use-staff";
import { SignedOutPage } from "../components/signed-out-page";

export function Login({ state }: { state: BoxState; arg: string }) {
  const signedIn = state.me.role === "teacher";
  useEffect(() => {
    if (signedIn) go(pageAfterLogin(), true);
  }, [signedIn]);
  return (
    <SignedOutPage box={state.box.name}>
      <div class="card sheet stack">
        <PageTitle>{t("login.title")}</PageTitle>
        {state.ground === "allowed" && <p class="note bad">{t("secure.open")}</p>}
        <BoxChoice />
        {state.box.claimed ? (
          <SignIn />
        ) : (
          <>
            <p>{t("login.unclaimed")}</p>
            <ButtonLink kind="primary" big href="/claim">
              {t("login.claim")}
            </ButtonLink>
          </>
        )}
        <p class="muted">
          {t("login.pupil")} <PageLink href="/">{t("login.join")}</PageLink>
        </p>
        {state.https.length > 0 && <PageLink href="/certificate">{t("cert.link")}</PageLink>}
        <p>
          <GuideLink />
        </p>
      </div>
    </SignedOutPage>
  );
}

// BoxChoice lets a teacher of another box of the school sign in here. A box without others shows nothing.
function BoxChoice() {
  const [door, setDoor] = useState<Door | null>(null);
  const [busy, fault, run] = useTask();
  useEffect(() => void api.door().then(setDoor, () => {}), []);
  if (!door || (!door.boxes.length && !door.box)) return null;
  const choose = (box: string) =>
    void run(async () => {
      setDoor(await api.useDoor(box));
      await reload();
    });
  return (
    <div class="field">
      <label for="box">{t("login.box")}</label>
      <select id="box" value={door.box} disabled={busy} onChange={(e) => choose(e.currentTarget.value)}>
        <option value="">{t("login.box.here")}</option>
        {door.boxes.map((b) => (
          <option key={b.id} value={b.id}>
            {b.name}
          </option>
        ))}
      </select>
      <FormError fault={fault} fields={[]} />
    </div>
  );
}

function SignIn() {
  const [name, setName] = useState("");
  const [pin, setPin] = useState("");
  const [show, setShow] = useState(false);
  const [closed, setClosed] = useState(0); // until this time, after too many wrong PINs
  const [busy, fault, run] = useTask();
  const left = Math.max(0, closed - useNow());
  useLayoutEffect(() => document.getElementById("name")?.focus(), []); // before anybody types
  useEffect(() => {
    if (!fault) return;
    if (fault.retryMs > 0) setClosed(Date.now() + fault.retryMs);
    document.querySelector<HTMLInputElement>("#pin")?.select();
  }, [fault]);
  const submit = (e: Event) => {
    e.preventDefault();
    if (left > 0) return;
    void run(async () => {
      await api.login(name.trim(), pin);
      await reload(); // the page goes on by itself
    });
  };
  return (
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
      <div>
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
      </div>
      <FormError fault={closed > 0 && left === 0 ? null : fault} fields={["name", "pin"]} />
      <Button type="submit" kind="primary" big busy={busy} disabled={left > 0}>
        {left > 0 ? t("login.wait", { time: span(left + 999) }) : t(busy ? "login.busy" : "login.go")}
      </Button>
    </form>
  );
}
