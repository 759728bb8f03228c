// The boxes of the school: which there are, whether this one has a connection to them, and how another
// one joins. A code that one box shows is entered at the other.
import { useEffect, useState } from "preact/hooks";
import { CircleAlert, CircleCheck } from "lucide";
import type { BoxState } from "../../api/box";
import { adminAPI, type BoxCode, type SchoolBox } from "../../api/admin";
import { Button } from "../../components/button";
import { ConfirmDialog } from "../../components/confirm-dialog";
import { DialogSheet } from "../../components/dialog-sheet";
import { ErrorNote, Loading, showError, showMessage } from "../../components/feedback";
import { FormError, TextField } from "../../components/form-field";
import { useLoad, useTask } from "../../components/hooks";
import { Icon } from "../../components/icon";
import { t } from "../../locales/i18n";
import { Addresses } from "./health";
import shared from "./part.module.css";
import css from "./boxes.module.css";

const refreshMs = 5000;

export function Boxes({ state, turn }: { state: BoxState; turn: number }) {
  const [list, fault, again] = useLoad(adminAPI.boxes, [turn]);
  const [code, setCode] = useState<(BoxCode & { before: number }) | null>(null); // before: boxes without it
  const [joins, setJoins] = useState(false);
  const [removes, setRemoves] = useState<SchoolBox | null>(null);
  const [busy, codeFault, run] = useTask();
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && again(), refreshMs);
    return () => clearInterval(timer);
  }, []);
  const count = list?.length ?? 0;
  useEffect(() => {
    if (!code || count <= code.before) return;
    setCode(null);
    showMessage(t("admin.boxes.added"));
  }, [count]);
  const show = () => run(async () => setCode({ ...(await adminAPI.showBoxCode()), before: count }));
  const remove = (b: SchoolBox) =>
    adminAPI
      .removeBox(b.id)
      .then(() => showMessage(t("admin.boxes.removed")), showError)
      .finally(() => {
        setRemoves(null);
        again();
      });
  const shown = list ?? [];
  return (
    <section class="card stack tight" aria-labelledby="boxes-title" aria-busy={!list && !fault} data-part="boxes">
      <h2 id="boxes-title">{t("admin.boxes")}</h2>
      <p class="muted">{t("admin.boxes.why")}</p>
      {fault && <ErrorNote fault={fault} retry={again} />}
      {!list && !fault && <Loading />}
      {list?.length === 0 && <p>{t("admin.boxes.alone")}</p>}
      {shown.length > 0 && (
        <ul class={shared.people}>
          {shown.map((b) => (
            <Row key={b.id} box={b} remove={() => setRemoves(b)} />
          ))}
        </ul>
      )}
      {codeFault && <FormError fault={codeFault} fields={[]} />}
      {list && (
        <div class="row">
          <Button busy={busy} onClick={show}>
            {t("admin.boxes.add")}
          </Button>
          {list.length === 0 && <Button onClick={() => setJoins(true)}>{t("admin.boxes.join")}</Button>}
        </div>
      )}
      {code && (
        <DialogSheet title={t("admin.boxes.add")} onClose={() => setCode(null)}>
          <Code key={code.code} code={code} state={state} busy={busy} renew={show} />
        </DialogSheet>
      )}
      {joins && (
        <DialogSheet title={t("admin.boxes.join")} onClose={() => setJoins(false)}>
          <JoinForm
            joined={() => {
              setJoins(false);
              showMessage(t("admin.boxes.joined"));
              again();
            }}
          />
        </DialogSheet>
      )}
      {removes && (
        <ConfirmDialog
          text={t(removes.own ? "admin.boxes.leaveAsk" : "admin.boxes.removeAsk", {
            name: `\u2068${removes.name}\u2069`,
          })}
          yes={t(removes.own ? "admin.boxes.leave" : "admin.boxes.remove")}
          onYes={() => void remove(removes)}
          onNo={() => setRemoves(null)}
        />
      )}
    </section>
  );
}

function Row({ box, remove }: { box: SchoolBox; remove: () => void }) {
  const here = box.own || box.linked;
  const state = box.own ? "own" : box.linked ? "linked" : "away";
  return (
    <li class={here ? shared.ok : shared.warn} data-box={box.id}>
      <span class={shared.person}>
        <strong>
          <bdi>{box.name}</bdi>
        </strong>
        <small>
          <bdi dir="ltr">{box.addresses.join(" ")}</bdi>
        </small>
      </span>
      <span class={shared.level}>
        <Icon icon={here ? CircleCheck : CircleAlert} /> {t(`admin.boxes.${state}`)}
      </span>
      <Button
        kind="danger"
        label={t(box.own ? "admin.boxes.leave" : "admin.boxes.removeOf", { name: box.name })}
        onClick={remove}
      >
        {t(box.own ? "admin.boxes.leave" : "admin.boxes.remove")}
      </Button>
    </li>
  );
}

// Code shows what is entered at the other box: an address of this one, over TLS, and the code in two halves, as
// it is read out and typed. The dialog closes by itself once a box has joined.
function Code(p: { code: BoxCode; state: BoxState; busy: boolean; renew: () => Promise<void> }) {
  const [left, , again] = useLoad(adminAPI.boxCodeLeft);
  useEffect(() => {
    const timer = setInterval(again, refreshMs);
    return () => clearInterval(timer);
  }, []);
  if (left?.seconds === 0)
    return (
      <div class="stack" role="status" data-part="code-ended">
        <p>{t("admin.boxes.codeEnded")}</p>
        <Button kind="primary" busy={p.busy} onClick={p.renew}>
          {t("admin.boxes.codeNew")}
        </Button>
      </div>
    );
  return (
    <div class="stack">
      <p>{t("admin.boxes.codeHow")}</p>
      <Addresses list={p.state.https} />
      <p class={`mono ${css.code}`} data-part="box-code">
        <bdi dir="ltr">
          {p.code.code.slice(0, 4)}-{p.code.code.slice(4)}
        </bdi>
      </p>
      <p class="muted">{t("admin.boxes.codeLife", { n: Math.round(p.code.seconds / 60) })}</p>
    </div>
  );
}

function JoinForm({ joined }: { joined: () => void }) {
  const [address, setAddress] = useState("");
  const [code, setCode] = useState("");
  const [busy, fault, run] = useTask();
  return (
    <form
      class="stack"
      noValidate
      aria-busy={busy}
      onSubmit={(e) => {
        e.preventDefault();
        void run(async () => {
          await adminAPI.joinBoxes(address.trim(), code.trim());
          joined();
        });
      }}
    >
      <p>{t("admin.boxes.joinHow")}</p>
      <TextField
        label={t("admin.boxes.address")}
        name="address"
        value={address}
        onInput={setAddress}
        fault={fault}
        hint={t("admin.boxes.addressHint")}
        autoComplete="off"
        dir="ltr"
        spellcheck={false}
        autoFocus
      />
      <TextField
        label={t("admin.boxes.code")}
        name="code"
        value={code}
        onInput={setCode}
        fault={fault}
        autoComplete="off"
        autoCapitalize="characters"
        dir="ltr"
        spellcheck={false}
      />
      <FormError fault={fault} fields={["address", "code"]} />
      <Button kind="primary" type="submit" busy={busy} disabled={!address.trim() || !code.trim()}>
        {t("admin.boxes.joinDo")}
      </Button>
    </form>
  );
}
