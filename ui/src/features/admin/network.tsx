// How the box is on the network: a guest, or with a network of its own.
import { useEffect, useState } from "preact/hooks";
import { Button } from "../../components/button";
import {
  adminAPI,
  type SchoolWifi as School,
  type Network as State,
  type WiredSignIn as SignIn,
} from "../../api/admin";
import { t, textIfAny } from "../../locales/i18n";
import { ConfirmDialog } from "../../components/confirm-dialog";
import { ErrorNote, Loading, showError, showMessage } from "../../components/feedback";
import { FormError } from "../../components/form-field";
import { useLoad, useTask } from "../../components/hooks";
import { SchoolWifi } from "./school-wifi";
import { fields as wiredFields, WiredSignIn } from "./wired-sign-in";

const modes = ["guest", "own", "ap", "wifi"] as const;

export function Network({ turn }: { turn: number }) {
  const [net, fault, again] = useLoad(adminAPI.network, [turn]);
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && again(), 5000);
    return () => clearInterval(timer);
  }, [turn]);
  return (
    <section class="card stack tight" aria-labelledby="net-title" aria-busy={!net && !fault}>
      <h2 id="net-title">{t("admin.net")}</h2>
      {fault && <ErrorNote fault={fault} retry={again} />}
      {!net && !fault && <Loading />}
      {net && !net.supported && <p class="muted">{t("admin.net.none")}</p>}
      {net?.state && <Now state={net.state} again={again} />}
    </section>
  );
}

function Now({ state, again }: { state: State; again: () => void }) {
  const [mode, setMode] = useState<string>(state.config.mode);
  const [ssid, setSSID] = useState(state.config.ssid ?? "");
  const [key, setKey] = useState("");
  const [country, setCountry] = useState(state.config.country ?? "");
  const [school, setSchool] = useState<School>(state.config.school ?? {});
  const [wired, setWired] = useState<SignIn | null>(state.config.wired ?? null);
  const [ask, setAsk] = useState(false);
  const [busy, fault, run] = useTask();
  const change = () => {
    setAsk(false);
    // Without a passphrase the box keeps the one that it has.
    const wifi = mode === "ap" ? { ssid, key: key || state.config.key, country } : {};
    const joined = mode === "wifi" ? { school, country } : {};
    void run(async () => {
      await adminAPI.setNetwork({
        ...state.config,
        mode: mode as State["config"]["mode"],
        address: mode === state.config.mode ? state.config.address : "",
        ...wifi,
        ...joined,
        ...(mode === "own" ? {} : { wired: wired ?? undefined }),
      });
      again();
    });
  };
  return (
    <>
      <p>{t(`admin.net.${state.config.mode}`)}</p>
      {state.school && (
        <p role="status">{t(`admin.school.now.${state.school}`, { name: state.config.school?.ssid ?? "" })}</p>
      )}
      {state.leases > 0 && <p>{t("admin.net.leases", { n: state.leases })}</p>}
      {state.stations && (
        <p>
          {state.stations.max
            ? t("admin.net.stationsOf", { n: state.stations.now, max: state.stations.max })
            : t("admin.net.stations", { n: state.stations.now })}
        </p>
      )}
      <ul>
        {state.ports.map((p) => (
          <li key={p.name}>
            <bdi dir="ltr">
              {p.up
                ? t("admin.net.port", { name: p.name, address: p.address?.join(", ") || t("admin.net.noAddress") })
                : t("admin.net.unplugged", { name: p.name })}
            </bdi>{" "}
            {p.up && p.from && <small>{textIfAny(`admin.net.from.${p.from}`)}</small>}{" "}
            {p.up && p.sign_in && <small>{textIfAny(`admin.wired.is.${p.sign_in}`)}</small>}
          </li>
        ))}
      </ul>
      {state.code && (
        <p class="note bad" role="status">
          {textIfAny(`err.${state.code}`) || <span dir="auto">{state.text}</span>}
        </p>
      )}
      {!!state.undo && (
        <p class="note" role="status">
          {t("admin.net.undo", { n: Math.round(state.undo) })}{" "}
          <Button
            kind="primary"
            onClick={() =>
              adminAPI.keepNetwork().then(() => {
                showMessage(t("admin.net.kept"));
                again();
              }, showError)
            }
          >
            {t("admin.net.keep")}
          </Button>
        </p>
      )}
      <form
        class={mode === "wifi" || wired ? "stack tight" : "row"}
        onSubmit={(e) => {
          e.preventDefault();
          setAsk(true);
        }}
      >
        <label>
          {t("admin.net.mode")}{" "}
          <select value={mode} onChange={(e) => setMode(e.currentTarget.value)}>
            {modes.map((m) => (
              <option key={m} value={m}>
                {t(`admin.net.${m}`)}
              </option>
            ))}
          </select>
        </label>
        {mode === "ap" && (
          <label>
            {t("admin.net.ssid")}{" "}
            <input required maxLength={32} value={ssid} onInput={(e) => setSSID(e.currentTarget.value)} />
          </label>
        )}
        {mode === "ap" && (
          <label>
            {t("admin.net.key")}{" "}
            <input
              minLength={8}
              maxLength={63}
              autocomplete="off"
              value={key}
              onInput={(e) => setKey(e.currentTarget.value)}
            />
          </label>
        )}
        {(mode === "ap" || mode === "wifi") && (
          <label>
            {t("admin.net.country")}{" "}
            <input
              pattern="[A-Z]{2}"
              required={mode === "wifi"}
              maxLength={2}
              size={3}
              dir="ltr"
              value={country}
              onInput={(e) => setCountry(e.currentTarget.value.toUpperCase())}
            />
          </label>
        )}
        {mode === "wifi" && <SchoolWifi school={school} change={setSchool} fault={fault} />}
        {mode !== "own" && <WiredSignIn signIn={wired} change={setWired} fault={fault} />}
        <div>
          <Button type="submit" busy={busy}>
            {t("admin.net.change")}
          </Button>
        </div>
      </form>
      {mode !== "wifi" && <FormError fault={fault} fields={mode === "own" ? [] : wiredFields} />}
      {mode === "ap" && <p class="muted">{t("admin.net.room")}</p>}
      {ask && (
        <ConfirmDialog
          text={t(mode === "wifi" ? "admin.school.ask" : "admin.net.ask")}
          yes={t("admin.net.change")}
          onYes={change}
          onNo={() => setAsk(false)}
        />
      )}
    </>
  );
}
