// Who may teach on this box, their PINs, and the box's settings.
import { useState } from "preact/hooks";
import type { Fault, State } from "../core/api";
import { after, type Settings as Kept, type Staff } from "../core/after";
import { languages, t } from "../core/i18n";
import { Confirm, Failed, Field, General, Loading, tell, tellFault, useLoad, useTask } from "../core/kit";
import { reload } from "../core/state";
import { Sheet } from "./frame";

export function People({ state }: { state: State }) {
  const [list, fault, again] = useLoad(after.staff);
  const [open, setOpen] = useState<{ what: "pin" | "delete"; who: Staff } | null>(null);
  const shut = () => setOpen(null);
  const change = (s: Staff, admin: boolean) => after.changeStaff(s.id, { admin }).then(again, (f: Fault) => { tellFault(f); again(); });
  return (
    <section class="card stack" aria-labelledby="staff-title">
      <h2 id="staff-title">{t("staff.title")}</h2>
      {fault && <Failed fault={fault} retry={again} />}
      {!list && !fault && <Loading />}
      <ul class="stack tight">
        {list?.map((s) => (
          <li key={s.id} class="row between staff-line">
            <strong><bdi>{s.name}</bdi></strong>
            <span class="row">
              <label class="check"><input type="checkbox" checked={s.admin} aria-label={t("staff.adminOf", { name: s.name })} onChange={(e) => void change(s, e.currentTarget.checked)} />{t("staff.admin")}</label>
              <button type="button" aria-label={t("staff.pinOf", { name: s.name })} onClick={() => setOpen({ what: "pin", who: s })}>{t("staff.pin")}</button>
              <button type="button" class="danger" aria-label={t("staff.deleteOf", { name: s.name })} disabled={s.id === state.me.user} onClick={() => setOpen({ what: "delete", who: s })}>✕</button>
            </span>
          </li>
        ))}
      </ul>
      <Add added={again} />
      {open?.what === "pin" && <PIN who={open.who} close={shut} />}
      {open?.what === "delete" && <Confirm text={t("staff.deleteAsk", { name: open.who.name })} yes={t("staff.delete")} onNo={shut}
        onYes={() => after.deleteStaff(open.who.id).then(again, (f: Fault) => tellFault(f)).finally(shut)} />}
    </section>
  );
}

function Add({ added }: { added: () => void }) {
  const [name, setName] = useState("");
  const [pin, setPIN] = useState("");
  const [busy, fault, run] = useTask();
  return (
    <form class="stack" noValidate onSubmit={(e) => { e.preventDefault(); void run(async () => { await after.addStaff({ name: name.trim(), pin, admin: false }); tell(t("staff.added", { name: name.trim() })); setName(""); setPIN(""); added(); }); }}>
      <h3>{t("staff.add")}</h3>
      <div class="pair">
        <Field label={t("staff.name")} name="name" value={name} onInput={setName} fault={fault} autoComplete="off" maxLength={60} />
        <Field label={t("staff.pin")} name="pin" value={pin} onInput={setPIN} fault={fault} type="password" autoComplete="new-password" />
      </div>
      <General fault={fault} fields={["name", "pin"]} />
      <div><button type="submit" disabled={busy || !name.trim() || !pin}>{t("staff.add")}</button></div>
    </form>
  );
}

function PIN({ who, close }: { who: Staff; close: () => void }) {
  const [pin, setPIN] = useState("");
  const [busy, fault, run] = useTask();
  return (
    <Sheet title={t("staff.pinOf", { name: who.name })} onClose={close}>
      <form class="stack" noValidate onSubmit={(e) => { e.preventDefault(); void run(async () => { await after.setPIN(who.id, pin); tell(t("staff.pinSet", { name: who.name })); close(); }); }}>
        <p class="muted">{t("staff.pinWhy")}</p>
        <Field label={t("staff.pin")} name="pin" value={pin} onInput={setPIN} fault={fault} type="password" autoComplete="new-password" />
        <General fault={fault} fields={["pin"]} />
        <button type="submit" class="primary" disabled={busy || !pin}>{t("staff.save")}</button>
      </form>
    </Sheet>
  );
}

export function Settings() {
  const [kept, fault, again] = useLoad(after.settings);
  return (
    <section class="card stack" aria-labelledby="settings-title">
      <h2 id="settings-title">{t("settings.title")}</h2>
      {fault && <Failed fault={fault} retry={again} />}
      {kept ? <Form kept={kept} /> : !fault && <Loading />}
    </section>
  );
}

function Form({ kept }: { kept: Kept }) {
  const [now, set] = useState({ ...kept, chat: String(kept.chat_days), results: String(kept.results_days) });
  const [busy, fault, run] = useTask();
  const save = (e: Event) => {
    e.preventDefault();
    void run(async () => {
      await after.putSettings({ name: now.name.trim(), lang: now.lang, chat_days: Number(now.chat), results_days: Number(now.results) });
      await reload();
      tell(t("settings.saved"));
    });
  };
  return (
    <form class="stack" noValidate onSubmit={save}>
      <div class="pair">
        <Field label={t("settings.name")} name="name" value={now.name} onInput={(name) => set({ ...now, name })} fault={fault} autoComplete="off" maxLength={60} />
        <div class="field"><label for="settings-lang">{t("settings.lang")}</label>
          <select id="settings-lang" value={now.lang} onChange={(e) => set({ ...now, lang: e.currentTarget.value })}>{languages.map(([id, name]) => <option key={id} value={id} lang={id}>{name}</option>)}</select></div>
        <Field label={t("settings.chat")} name="chat_days" value={now.chat} onInput={(chat) => set({ ...now, chat })} fault={fault} inputMode="numeric" hint={t("settings.chatHint")} />
        <Field label={t("settings.results")} name="results_days" value={now.results} onInput={(results) => set({ ...now, results })} fault={fault} inputMode="numeric" hint={t("settings.resultsHint")} />
      </div>
      <General fault={fault} fields={["name", "chat_days", "results_days"]} />
      <div><button type="submit" class="primary" disabled={busy}>{t("staff.save")}</button></div>
    </form>
  );
}
