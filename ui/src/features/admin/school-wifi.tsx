// The Wi-Fi of the school that the box joins: those in reach, and how the box signs in.
import { useState } from "preact/hooks";
import { adminAPI, type FoundWifi, type SchoolWifi as School } from "../../api/admin";
import type { Fault } from "../../api/http";
import { Button } from "../../components/button";
import { FormError, TextField } from "../../components/form-field";
import { useTask } from "../../components/hooks";
import { explain, t } from "../../locales/i18n";
import { withoutOldPassword } from "./school-password";
import { Certificate } from "./certificate";
import { fields as wiredFields } from "./wired-sign-in";

const securities = ["psk", "peap", "ttls"] as const;

// fields are the settings whose faults SchoolWifi shows, as the box names them.
export const fields = ["ssid", "identity", "password", "ca", "server"].map((f) => `school.${f}`);

// bars is how many of four bars a signal has. Below -80 dBm a connection hardly holds.
export const bars = (signal: number) => (signal >= -55 ? 4 : signal >= -67 ? 3 : signal >= -80 ? 2 : 1);

export function SchoolWifi({
  school,
  change,
  fault,
}: {
  school: School;
  change: (s: School) => void;
  fault: Fault | null;
}) {
  const edit = (next: School) => change(withoutOldPassword(school, next));
  const set = (part: Partial<School>) => edit({ ...school, ...part });
  const security = school.security || "psk";
  const field = (name: "ssid" | "identity" | "password" | "server") => ({
    name: `school.${name}`,
    value: school[name] ?? "",
    onInput: (v: string) => set({ [name]: v }),
    fault,
    autoComplete: "off",
  });
  return (
    <div class="stack tight">
      <Reach
        pick={(f) => {
          const enterprise = f.security === "enterprise" ? (security === "psk" ? "peap" : security) : "psk";
          edit(f.ssid === school.ssid ? { ...school, security: enterprise } : { ssid: f.ssid, security: enterprise });
        }}
      />
      <TextField label={t("admin.net.ssid")} maxLength={32} required {...field("ssid")} />
      <label class="field">
        <strong>{t("admin.school.security")}</strong>
        <select
          value={security}
          onChange={(e) => {
            const next = e.currentTarget.value as School["security"];
            edit(next === "psk" ? { ssid: school.ssid, security: next } : { ...school, security: next });
          }}
        >
          {securities.map((s) => (
            <option key={s} value={s}>
              {t(`admin.school.${s}`)}
            </option>
          ))}
        </select>
      </label>
      {security !== "psk" && (
        <TextField label={t("admin.school.identity")} maxLength={253} required {...field("identity")} />
      )}
      <TextField
        label={security === "psk" ? t("admin.net.key") : t("admin.school.password")}
        type="password"
        required
        {...field("password")}
      />
      {security !== "psk" && (
        <>
          <Certificate
            ca={school.ca ?? ""}
            change={(ca) => set({ ca, server: ca ? school.server : "" })}
            name="school.ca"
            fault={fault}
          />
          {school.ca ? (
            <TextField
              label={t("admin.school.server")}
              hint={t("admin.school.serverHint")}
              maxLength={253}
              dir="ltr"
              {...field("server")}
            />
          ) : (
            security === "peap" && <p class="note warn">{t("admin.school.unchecked")}</p>
          )}
        </>
      )}
      <FormError fault={fault} fields={[...fields, ...wiredFields]} />
    </div>
  );
}

// Reach lists the Wi-Fis in reach.
function Reach({ pick }: { pick: (f: FoundWifi) => void }) {
  const [found, setFound] = useState<FoundWifi[] | null>(null);
  const [busy, fault, run] = useTask();
  return (
    <div class="stack tight" aria-busy={busy}>
      <div>
        <Button busy={busy} onClick={() => void run(async () => setFound((await adminAPI.scanWifi()).state ?? []))}>
          {t("admin.school.scan")}
        </Button>
      </div>
      <div aria-live="polite">
        {fault && <p class="note bad">{explain(fault)}</p>}
        {found && !found.length && <p class="muted">{t("admin.school.none")}</p>}
      </div>
      {!!found?.length && (
        <ul class="stack tight">
          {found.map((f) => (
            <li key={f.ssid} class="row">
              <Button disabled={!f.security} onClick={() => pick(f)}>
                <bdi>{f.ssid}</bdi>
              </Button>
              <small>
                {t("admin.school.bars", { n: bars(f.signal) })} · {t(`admin.school.is.${f.security || "open"}`)}
              </small>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
