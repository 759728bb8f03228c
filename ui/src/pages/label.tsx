// The label of the box, to be printed and stuck on it: how to reach it, and what to do.
import { Printer } from "lucide";
import { useState } from "preact/hooks";
import { adminAPI, type Label as Content } from "../api/admin";
import type { BoxState } from "../api/box";
import { t } from "../locales/i18n";
import { BackLink } from "../components/back-link";
import { Button } from "../components/button";
import { ErrorNote, Loading } from "../components/feedback";
import { FormError, TextField } from "../components/form-field";
import { useLoad, useTask } from "../components/hooks";
import { PageHeader } from "../components/page-header";
import { PageTitle } from "../components/page-title";
import { useStaff } from "../state/use-staff";
import css from "./label.module.css";

const sizes = ["sheet", "sticker"] as const;
const steps = ["plug", "wifi", "open", "start", "join"] as const;
const picture = (svg: string) => `data:image/svg+xml,${encodeURIComponent(svg)}`;

export function LabelPage({ state }: { state: BoxState; arg: string }) {
  const staff = useStaff(state);
  const [made, fault, again] = useLoad(async () => ({ label: await adminAPI.label({}), ports: await hardware() }), []);
  const [other, setOther] = useState<Content | null>(null); // with the Wi-Fi that the admin typed
  const [size, setSize] = useState<(typeof sizes)[number]>("sheet");
  if (!staff) return <main id="main" />;
  const label = other ?? made?.label;
  return (
    <>
      <div class="no-print">
        <PageHeader state={state} />
      </div>
      <main id="main" class="page stack">
        <div class="no-print stack">
          <BackLink href="/admin/network">{t("admin.part.network")}</BackLink>
          <div class="row between">
            <PageTitle>{t("label.title")}</PageTitle>
            {label && (
              <Button kind="primary" icon={Printer} onClick={() => print()}>
                {t("label.print")}
              </Button>
            )}
          </div>
          <p class="muted">{t("label.hint")}</p>
          <fieldset class="row">
            <legend class="visually-hidden">{t("label.size")}</legend>
            {sizes.map((s) => (
              <label class="check" key={s}>
                <input type="radio" name="size" checked={size === s} onChange={() => setSize(s)} />
                {t(`label.size.${s}`)}
              </label>
            ))}
          </fieldset>
          <OtherWifi made={setOther} />
        </div>
        {fault && <ErrorNote fault={fault} retry={again} />}
        {!made && !fault && <Loading />}
        {label && (
          <div class={`${css.paper} ${css[size]}`} data-part="label">
            <Sticker box={state.box.name} label={label} ports={made?.ports ?? []} />
            {size === "sheet" && <Steps wifi={!!label.wifi} address={label.address} />}
          </div>
        )}
      </main>
    </>
  );
}

// hardware returns the hardware addresses of the box. An administrator of the network may ask for them.
async function hardware(): Promise<{ name: string; mac: string }[]> {
  const ports = (await adminAPI.network()).state?.ports ?? [];
  return ports.flatMap((p) => (p.mac ? [{ name: p.name, mac: p.mac }] : []));
}

const Sticker = ({ box, label, ports }: { box: string; label: Content; ports: { name: string; mac: string }[] }) => (
  <section class={css.label}>
    <h2>
      <bdi>{box}</bdi>
    </h2>
    <div class={css.codes}>
      {label.wifi && (
        <figure>
          <img src={picture(label.wifi.qr)} alt={t("label.wifiCode")} width={120} height={120} />
          <figcaption>
            <strong>{t("label.wifi")}</strong>
            <bdi>{label.wifi.name}</bdi>
            <bdi dir="ltr">{label.wifi.passphrase}</bdi>
          </figcaption>
        </figure>
      )}
      <figure>
        <img src={picture(label.qr)} alt={t("label.addressCode")} width={120} height={120} />
        <figcaption>
          <strong>{t("label.address")}</strong>
          <bdi dir="ltr">{label.address}</bdi>
          {label.name && <bdi dir="ltr">{label.name}</bdi>}
        </figcaption>
      </figure>
    </div>
    {label.words && (
      <p class={css.words}>
        {t("label.words")} <bdi dir="ltr">{label.words}</bdi>
      </p>
    )}
    {ports.length > 0 && (
      <p class={css.hardware}>
        {t("label.hardware")}{" "}
        {ports.map((p) => (
          <bdi key={p.name} dir="ltr">
            {p.name} {p.mac}{" "}
          </bdi>
        ))}
      </p>
    )}
  </section>
);

const Steps = ({ wifi, address }: { wifi: boolean; address: string }) => (
  <section class={css.steps}>
    <h3>{t("label.steps")}</h3>
    <ol>
      {steps
        .filter((s) => s !== "wifi" || wifi)
        .map((s) => (
          <li key={s}>{t(`label.step.${s}`)}</li>
        ))}
    </ol>
    <p>
      {t("label.guide")} <bdi dir="ltr">{address}/guide</bdi>
    </p>
  </section>
);

// OtherWifi puts the Wi-Fi of an access point next to the box on the label. The box keeps nothing of it.
function OtherWifi({ made }: { made: (l: Content | null) => void }) {
  const [ssid, setSSID] = useState("");
  const [passphrase, setPassphrase] = useState("");
  const [busy, fault, run] = useTask();
  return (
    <details>
      <summary>{t("label.other")}</summary>
      <form
        class="stack"
        onSubmit={(e) => {
          e.preventDefault();
          void run(async () => made(await adminAPI.label({ ssid, passphrase })));
        }}
      >
        <p class="muted">{t("label.otherHint")}</p>
        <div class="pair">
          <TextField
            label={t("admin.net.ssid")}
            name="ssid"
            value={ssid}
            onInput={setSSID}
            fault={fault}
            autoComplete="off"
            required
          />
          <TextField
            label={t("admin.net.key")}
            name="passphrase"
            value={passphrase}
            onInput={setPassphrase}
            fault={fault}
            autoComplete="off"
            required
          />
        </div>
        <FormError fault={fault} fields={["ssid", "passphrase"]} />
        <div>
          <Button type="submit" busy={busy}>
            {t("label.put")}
          </Button>
        </div>
      </form>
    </details>
  );
}
