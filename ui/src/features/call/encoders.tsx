// Encoders (OBS, a document camera) that publish into the lesson and players that watch it:
// each comes in by an address and a token of its own (WHIP, WHEP).
import { useState } from "preact/hooks";
import { Button } from "../../components/button";
import { call, type Fault } from "../../api/http";
import { t } from "../../locales/i18n";
import { EmptyNote, ErrorNote, Loading } from "../../components/feedback";
import { FormError, TextField } from "../../components/form-field";
import { useLoad, useTask } from "../../components/hooks";
import type { Room } from "../../state/room";
import { DialogSheet } from "../../components/dialog-sheet";
import css from "./encoders.module.css";

interface Pass {
  id: string;
  use: "whip" | "whep";
  source?: string;
  label: string;
}
interface Fresh extends Pass {
  token: string;
  url: string;
}

export function Encoders({ room, onClose }: { room: Room; onClose: () => void }) {
  const at = `/api/lessons/${encodeURIComponent(room.lesson.value.id)}/tokens`;
  const [list, fault, again] = useLoad(() => call<Pass[]>("GET", at));
  const [label, setLabel] = useState("OBS");
  const [use, setUse] = useState("whip camera");
  const [fresh, setFresh] = useState<Fresh | null>(null);
  const [busy, wrong, run] = useTask();
  const make = (e: Event) => {
    e.preventDefault();
    void run(async () => {
      const [kind, source] = use.split(" ");
      setFresh(await call<Fresh>("POST", at, { use: kind, label, ...(source ? { source } : {}) }));
      again();
    });
  };
  const drop = (p: Pass) =>
    void run(async () => {
      await call<void>("DELETE", `${at}/${encodeURIComponent(p.id)}`);
      if (fresh?.id === p.id) setFresh(null);
      again();
    });
  return (
    <DialogSheet title={t("encoders.title")} onClose={onClose}>
      <div class="stack">
        <p class="muted">{t("encoders.why")}</p>
        <form class="stack" onSubmit={make}>
          <TextField
            label={t("encoders.label")}
            name="label"
            value={label}
            onInput={setLabel}
            maxLength={40}
            required
            fault={wrong}
          />
          <label class="field">
            <span>{t("encoders.use")}</span>
            <select value={use} onChange={(e) => setUse(e.currentTarget.value)}>
              {["whip camera", "whip screen", "whep"].map((u) => (
                <option key={u} value={u}>
                  {t(`encoders.${u.replace(" ", ".")}`)}
                </option>
              ))}
            </select>
          </label>
          <FormError fault={wrong} fields={["label"]} />
          <Button kind="primary" type="submit" disabled={busy || !label.trim()}>
            {t("encoders.make")}
          </Button>
        </form>
        {fresh && (
          <div class="note ok stack tight" role="status">
            <p>{t("encoders.once")}</p>
            <label class="field">
              <span>{t("encoders.url")}</span>
              <input readOnly dir="ltr" value={fresh.url} onFocus={(e) => e.currentTarget.select()} />
            </label>
            <label class="field">
              <span>{t("encoders.token")}</span>
              <input readOnly dir="ltr" value={fresh.token} onFocus={(e) => e.currentTarget.select()} />
            </label>
          </div>
        )}
        {fault && <ErrorNote fault={fault as Fault} retry={again} />}
        {!list && !fault && <Loading />}
        {list?.length === 0 && <EmptyNote>{t("encoders.none")}</EmptyNote>}
        {list && list.length > 0 && (
          <ul class={css.list}>
            {list.map((p) => (
              <li key={p.id} class={css.encoder}>
                <span>
                  <bdi>{p.label}</bdi>{" "}
                  <small class="muted">
                    {t(`encoders.${p.use}${p.use === "whip" ? `.${p.source || "camera"}` : ""}`)}
                  </small>
                </span>
                <Button
                  kind="danger"
                  disabled={busy}
                  label={t("encoders.revokeOne", { name: p.label })}
                  onClick={() => drop(p)}
                >
                  {t("encoders.revoke")}
                </Button>
              </li>
            ))}
          </ul>
        )}
      </div>
    </DialogSheet>
  );
}
