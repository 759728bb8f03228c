// Who sees and teaches a class: all teachers of the box, or those who are chosen.
import { useState } from "preact/hooks";
import type { BoxState, Class } from "../../api/box";
import { call } from "../../api/http";
import { Button } from "../../components/button";
import { DialogSheet } from "../../components/dialog-sheet";
import { ErrorNote, Loading, showMessage } from "../../components/feedback";
import { FormError } from "../../components/form-field";
import { useLoad, useTask } from "../../components/hooks";
import { t } from "../../locales/i18n";

const loadColleagues = () => call<{ id: string; name: string }[]>("GET", "/api/colleagues");

export function ShareClass({
  me,
  cls,
  onClose,
  saved,
}: {
  me: BoxState["me"];
  cls: Class;
  onClose: () => void;
  saved: () => void;
}) {
  const [all, setAll] = useState(!cls.teachers?.length);
  const [chosen, setChosen] = useState<string[]>(cls.teachers ?? (me.user && !me.admin ? [me.user] : []));
  const [list, fault, again] = useLoad(loadColleagues);
  const [busy, refused, run] = useTask();
  const own = (id: string) => id === me.user && !me.admin; // a teacher does not lock herself out
  const toggle = (id: string, on: boolean) => setChosen(on ? [...chosen, id] : chosen.filter((c) => c !== id));
  return (
    <DialogSheet title={t("share.title", { name: cls.name })} onClose={onClose}>
      <form
        class="stack"
        onSubmit={(e) => {
          e.preventDefault();
          void run(async () => {
            await call("PUT", `/api/classes/${encodeURIComponent(cls.id)}/teachers`, { teachers: all ? [] : chosen });
            showMessage(t("share.saved"));
            saved();
          });
        }}
      >
        <p class="muted">{t("share.why")}</p>
        <fieldset class="stack tight">
          <legend>{t("share.who")}</legend>
          <label class="check">
            <input type="radio" name="share" checked={all} onChange={() => setAll(true)} />
            {t("share.all")}
          </label>
          <label class="check">
            <input type="radio" name="share" checked={!all} onChange={() => setAll(false)} />
            {t("share.some")}
          </label>
        </fieldset>
        {fault && <ErrorNote fault={fault} retry={again} />}
        {!list && !fault && <Loading />}
        {!all && list && (
          <fieldset class="stack tight">
            <legend>{t("share.teachers")}</legend>
            {list.map((c) => (
              <label key={c.id} class="check">
                <input
                  type="checkbox"
                  checked={own(c.id) || chosen.includes(c.id)}
                  disabled={own(c.id)}
                  onChange={(e) => toggle(c.id, e.currentTarget.checked)}
                />
                <bdi>{c.name}</bdi>
              </label>
            ))}
          </fieldset>
        )}
        <FormError fault={refused} fields={[]} />
        <Button kind="primary" type="submit" busy={busy} disabled={!all && chosen.length === 0}>
          {t("home.save")}
        </Button>
      </form>
    </DialogSheet>
  );
}
