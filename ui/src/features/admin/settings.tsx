// The settings of the box.
import { useState } from "preact/hooks";
import { Button } from "../../components/button";
import { adminAPI, type Settings as SettingsData } from "../../api/admin";
import { languages, t } from "../../locales/i18n";
import { ConfirmDialog } from "../../components/confirm-dialog";
import { ErrorNote, Loading, showMessage } from "../../components/feedback";
import { FormError, TextField } from "../../components/form-field";
import { useLoad, useTask } from "../../components/hooks";
import { reload } from "../../state/session";

type Which = "box" | "keep";

// Settings are the name and the language of the box, or how long it keeps data.
export function Settings({ which }: { which: Which }) {
  const [kept, fault, again] = useLoad(adminAPI.settings);
  return (
    <section class="card stack" aria-labelledby="settings-title">
      <h2 id="settings-title">{t(which === "box" ? "settings.title" : "settings.keepTitle")}</h2>
      {fault && <ErrorNote fault={fault} retry={again} />}
      {kept ? <SettingsForm kept={kept} which={which} /> : !fault && <Loading />}
    </section>
  );
}

// zonesWith returns the time zones that the browser knows, and those in use.
const zonesWith = (...used: string[]) =>
  [...new Set([...used.filter(Boolean), "UTC", ...(Intl.supportedValuesOf?.("timeZone") ?? [])])].sort();

function SettingsForm({ kept, which }: { kept: SettingsData; which: Which }) {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const [now, set] = useState({
    ...kept,
    zone: kept.zone || here,
    chat: String(kept.chat_days),
    results: String(kept.results_days),
  });
  const [busy, fault, run] = useTask();
  const [saved, setSaved] = useState(kept);
  const [ask, setAsk] = useState(false);
  // Older data than that is deleted, which cannot be undone.
  const isShorter = Number(now.chat) < saved.chat_days || Number(now.results) < saved.results_days;
  const save = () => {
    setAsk(false);
    void run(async () => {
      setSaved(
        await adminAPI.putSettings({
          name: now.name.trim(),
          lang: now.lang,
          zone: now.zone,
          chat_days: Number(now.chat),
          results_days: Number(now.results),
        }),
      );
      await reload();
      showMessage(t("settings.saved"));
    });
  };
  return (
    <form
      class="stack"
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        if (isShorter) setAsk(true);
        else save();
      }}
    >
      <div class="pair">
        {which === "box" ? (
          <>
            <TextField
              label={t("settings.name")}
              name="name"
              value={now.name}
              onInput={(name) => set({ ...now, name })}
              fault={fault}
              autoComplete="off"
              maxLength={60}
            />
            <div class="field">
              <label for="settings-lang">{t("settings.lang")}</label>
              <select
                id="settings-lang"
                value={now.lang}
                onChange={(e) => set({ ...now, lang: e.currentTarget.value })}
              >
                {languages.map(([id, name]) => (
                  <option key={id} value={id} lang={id}>
                    {name}
                  </option>
                ))}
              </select>
            </div>
            <div class="field">
              <label for="settings-zone">{t("settings.zone")}</label>
              <select
                id="settings-zone"
                value={now.zone}
                aria-describedby="settings-zone-hint"
                onChange={(e) => set({ ...now, zone: e.currentTarget.value })}
              >
                {zonesWith(kept.zone, here).map((zone) => (
                  <option key={zone} value={zone}>
                    {zone.replaceAll("_", " ")}
                  </option>
                ))}
              </select>
              <small id="settings-zone-hint">{t("settings.zoneHint")}</small>
            </div>
          </>
        ) : (
          <>
            <TextField
              label={t("settings.chat")}
              name="chat_days"
              value={now.chat}
              onInput={(chat) => set({ ...now, chat })}
              fault={fault}
              inputMode="numeric"
              hint={t("settings.chatHint")}
            />
            <TextField
              label={t("settings.results")}
              name="results_days"
              value={now.results}
              onInput={(results) => set({ ...now, results })}
              fault={fault}
              inputMode="numeric"
              hint={t("settings.resultsHint")}
            />
          </>
        )}
      </div>
      <FormError fault={fault} fields={["name", "chat_days", "results_days"]} />
      <div>
        <Button kind="primary" type="submit" disabled={busy}>
          {t("staff.save")}
        </Button>
      </div>
      {ask && (
        <ConfirmDialog
          text={t("settings.keepAsk")}
          yes={t("settings.keepYes")}
          onYes={save}
          onNo={() => setAsk(false)}
        />
      )}
    </form>
  );
}
