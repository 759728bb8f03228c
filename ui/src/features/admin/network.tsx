// How the box is on the network: a guest, or with a network of its own.
import { useEffect, useState } from "preact/hooks";
import { Button } from "../../components/button";
import { adminAPI, type Network as State } from "../../api/admin";
import { t, textIfAny } from "../../locales/i18n";
import { ConfirmDialog } from "../../components/confirm-dialog";
import { ErrorNote, Loading, showError, showMessage } from "../../components/feedback";
import { useLoad } from "../../components/hooks";

const modes = ["guest", "own", "ap"] as const;

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
  const [ask, setAsk] = useState(false);
  const change = () => {
    setAsk(false);
    // Without a passphrase the box keeps the one that it has.
    const wifi = mode === "ap" ? { ssid, key: key || state.config.key, country } : {};
    adminAPI
      .setNetwork({
        ...state.config,
        mode: mode as State["config"]["mode"],
        address: mode === state.config.mode ? state.config.address : "",
        ...wifi,
      })
      .then(again, showError);
  };
  return (
    <>
      <p>{t(`admin.net.${state.config.mode}`)}</p>
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
            {p.up && p.from && <small>{textIfAny(`admin.net.from.${p.from}`)}</small>}
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
        class="row"
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
        {mode === "ap" && (
          <label>
            {t("admin.net.country")}{" "}
            <input
              pattern="[A-Z]{2}"
              maxLength={2}
              size={3}
              dir="ltr"
              value={country}
              onInput={(e) => setCountry(e.currentTarget.value.toUpperCase())}
            />
          </label>
        )}
        <Button type="submit">{t("admin.net.change")}</Button>
      </form>
      {mode === "ap" && <p class="muted">{t("admin.net.room")}</p>}
      {ask && (
        <ConfirmDialog
          text={t("admin.net.ask")}
          yes={t("admin.net.change")}
          onYes={change}
          onNo={() => setAsk(false)}
        />
      )}
    </>
  );
}
