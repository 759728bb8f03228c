// Who may teach on this box, and their PINs.
import { useState } from "preact/hooks";
import { Trash2 } from "lucide";
import { Button } from "../../components/button";
import type { Fault } from "../../api/http";
import type { BoxState } from "../../api/box";
import { adminAPI, type Staff as Teacher } from "../../api/admin";
import { t } from "../../locales/i18n";
import { ConfirmDialog } from "../../components/confirm-dialog";
import { ErrorNote, Loading, showError, showMessage } from "../../components/feedback";
import { FormError, TextField } from "../../components/form-field";
import { useLoad, useTask } from "../../components/hooks";
import { DialogSheet } from "../../components/dialog-sheet";
import shared from "./part.module.css";

// Staff lists the teachers whose name the search finds.
export function Staff({ state, isFound }: { state: BoxState; isFound: (name: string) => boolean }) {
  const [list, fault, again] = useLoad(adminAPI.staff);
  const [open, setOpen] = useState<{ what: "pin" | "delete"; who: Teacher } | null>(null);
  const shut = () => setOpen(null);
  const change = (s: Teacher, admin: boolean) =>
    adminAPI.changeStaff(s.id, { admin }).then(again, (f: Fault) => {
      showError(f);
      again();
    });
  return (
    <section class="card stack" aria-labelledby="staff-title">
      <h2 id="staff-title">{t("staff.title")}</h2>
      {fault && <ErrorNote fault={fault} retry={again} />}
      {!list && !fault && <Loading />}
      <ul class={shared.people} data-part="people">
        {list
          ?.filter((s) => isFound(s.name))
          .map((s) => (
            <li key={s.id}>
              <span class={shared.person}>
                <strong>
                  <bdi>{s.name}</bdi>
                </strong>
              </span>
              <label class="check">
                <input
                  type="checkbox"
                  checked={s.admin}
                  aria-label={t("staff.adminOf", { name: s.name })}
                  onChange={(e) => void change(s, e.currentTarget.checked)}
                />
                {t("staff.admin")}
              </label>
              <Button label={t("staff.pinOf", { name: s.name })} onClick={() => setOpen({ what: "pin", who: s })}>
                {t("staff.pin")}
              </Button>
              <Button
                kind="danger"
                icon={Trash2}
                label={t("staff.deleteOf", { name: s.name })}
                disabled={s.id === state.me.user}
                onClick={() => setOpen({ what: "delete", who: s })}
              />
            </li>
          ))}
      </ul>
      <Add added={again} />
      {open?.what === "pin" && <PIN who={open.who} close={shut} />}
      {open?.what === "delete" && (
        <ConfirmDialog
          text={t("staff.deleteAsk", { name: open.who.name })}
          yes={t("staff.delete")}
          onNo={shut}
          onYes={() =>
            adminAPI
              .deleteStaff(open.who.id)
              .then(again, (f: Fault) => showError(f))
              .finally(shut)
          }
        />
      )}
    </section>
  );
}

function Add({ added }: { added: () => void }) {
  const [name, setName] = useState("");
  const [pin, setPIN] = useState("");
  const [busy, fault, run] = useTask();
  return (
    <form
      class="stack"
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        void run(async () => {
          await adminAPI.addStaff({ name: name.trim(), pin, admin: false });
          showMessage(t("staff.added", { name: name.trim() }));
          setName("");
          setPIN("");
          added();
        });
      }}
    >
      <h3>{t("staff.add")}</h3>
      <div class="pair">
        <TextField
          label={t("staff.name")}
          name="name"
          value={name}
          onInput={setName}
          fault={fault}
          autoComplete="off"
          maxLength={60}
        />
        <TextField
          label={t("staff.pin")}
          name="pin"
          value={pin}
          onInput={setPIN}
          fault={fault}
          type="password"
          autoComplete="new-password"
        />
      </div>
      <FormError fault={fault} fields={["name", "pin"]} />
      <div>
        <Button type="submit" disabled={busy || !name.trim() || !pin}>
          {t("staff.add")}
        </Button>
      </div>
    </form>
  );
}

function PIN({ who, close }: { who: Teacher; close: () => void }) {
  const [pin, setPIN] = useState("");
  const [busy, fault, run] = useTask();
  return (
    <DialogSheet title={t("staff.pinOf", { name: who.name })} onClose={close}>
      <form
        class="stack"
        noValidate
        onSubmit={(e) => {
          e.preventDefault();
          void run(async () => {
            await adminAPI.setPIN(who.id, pin);
            showMessage(t("staff.pinSet", { name: who.name }));
            close();
          });
        }}
      >
        <p class="muted">{t("staff.pinWhy")}</p>
        <TextField
          label={t("staff.pin")}
          name="pin"
          value={pin}
          onInput={setPIN}
          fault={fault}
          type="password"
          autoComplete="new-password"
        />
        <FormError fault={fault} fields={["pin"]} />
        <Button kind="primary" type="submit" disabled={busy || !pin}>
          {t("staff.save")}
        </Button>
      </form>
    </DialogSheet>
  );
}
