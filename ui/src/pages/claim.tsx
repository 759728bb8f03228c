// Making a new box one's own, in three short steps: the code, the names, the class.
import { useEffect, useRef, useState } from "preact/hooks";
import { api, Fault, type State } from "../core/api";
import { lang, t } from "../core/i18n";
import { A, Field, General, Title, useTask } from "../core/kit";
import { go } from "../core/router";
import { reload } from "../core/state";
import { prepare } from "../core/prepare";
import { Intake } from "../features/intake";
import { Names, Preview, usePreview } from "./home";
import { Front, Language } from "./login";
import "./home.css";

const minPIN = 6;

export function Claim({ state }: { state: State; arg: string }) {
  const [step, setStep] = useState(1);
  const [typed, setTyped] = useState({ code: "", box: "", name: "", pin: "", again: "" });
  const [fault, setFault] = useState<Fault | null>(null);
  const here = useRef<HTMLDivElement>(null);
  const first = useRef(true);
  useEffect(() => {
    // Each step begins at its first field; the page itself begins there too.
    const field = here.current?.querySelector<HTMLElement>("[aria-invalid='true'], input, textarea");
    field?.focus({ preventScroll: first.current });
    first.current = false;
  }, [step]);
  const put = (field: keyof typeof typed) => (v: string) => setTyped((was) => ({ ...was, [field]: v }));

  const [cls, setCls] = useState("");
  if (cls) return <Front box={state.box.name}><Ready cls={cls} /></Front>;
  if (state.box.claimed && step < 3) {
    return (
      <Front box={state.box.name}>
        <div class="card sheet stack">
          <Title>{t("claim.takenTitle")}</Title>
          <p>{t("claim.taken", { box: state.box.name })}</p>
          {state.me.role === "teacher"
            ? <A class="button primary big" href="/teach">{t("claim.toClasses")}</A>
            : <A class="button primary big" href="/login">{t("claim.toLogin")}</A>}
        </div>
      </Front>
    );
  }
  return (
    <Front box="">
      <div class="card sheet stack" ref={here}>
        <ol class="steps" aria-label={t("claim.steps")}>
          {[1, 2, 3].map((n) => (
            <li key={n} class={n < step ? "done" : n === step ? "now" : ""} aria-current={n === step ? "step" : undefined}>
              <span class="step-n" aria-hidden="true">{n < step ? "✓" : new Intl.NumberFormat(lang.value).format(n)}</span>
              <span>{t(`claim.step${n}`)}</span>
              {n < step && <span class="visually-hidden">{t("claim.done")}</span>}
            </li>
          ))}
        </ol>
        {step === 1 && <CodeStep code={typed.code} set={put("code")} fault={fault} next={() => { setFault(null); setStep(2); }} />}
        {step === 2 && (
          <NameStep
            typed={typed} put={put} back={() => setStep(1)} wrongCode={(f) => { setFault(f); setStep(1); }}
            next={() => setStep(3)}
          />
        )}
        {step === 3 && <ClassStep ready={setCls} />}
      </div>
    </Front>
  );
}

function CodeStep({ code, set, fault, next }: { code: string; set: (v: string) => void; fault: Fault | null; next: () => void }) {
  const [missing, setMissing] = useState(false);
  const shown = fault ? new Fault(fault.status, fault.reason, fault.code, "code", fault.limit, fault.retryMs) : missing ? new Fault(0, "invalid", "empty", "code") : null;
  return (
    <form class="stack" noValidate onSubmit={(e) => { e.preventDefault(); if (code.trim()) next(); else setMissing(true); }}>
      <Title>{t("claim.codeTitle")}</Title>
      <div class="field"><span>{t("claim.language")}</span><Language /></div>
      <p>{t("claim.codeWhere")}</p>
      <div class="big-code">
        <Field label={t("claim.code")} name="code" value={code} onInput={(v) => { set(v); setMissing(false); }} fault={shown} hint={t("claim.codeHint")} autoComplete="off" maxLength={20} />
      </div>
      <button type="submit" class="primary big">{t("claim.next")}</button>
    </form>
  );
}

type Typed = { code: string; box: string; name: string; pin: string; again: string };

function NameStep(props: {
  typed: Typed; put: (field: keyof Typed) => (v: string) => void; back: () => void; next: () => void; wrongCode: (f: Fault) => void;
}) {
  const { typed, put } = props;
  const [busy, fault, run] = useTask();
  const [show, setShow] = useState(false);
  const submit = (e: Event) => {
    e.preventDefault();
    void run(async () => {
      for (const field of ["box", "name"] as const) if (!typed[field].trim()) throw new Fault(0, "invalid", "empty", field);
      if ([...typed.pin].length < minPIN) throw new Fault(0, "invalid", "too_short", "pin", minPIN);
      if (typed.pin !== typed.again) throw new Fault(0, "invalid", "pin_differs", "again");
      try {
        await api.claim({ code: typed.code, box: typed.box.trim(), name: typed.name.trim(), pin: typed.pin, lang: lang.value });
      } catch (e) {
        if ((e as Fault).code === "wrong_code") return props.wrongCode(e as Fault);
        throw e;
      }
      props.next();
      await reload();
    });
  };
  const kind = show ? "text" : "password";
  return (
    <form class="stack" noValidate onSubmit={submit}>
      <Title>{t("claim.nameTitle")}</Title>
      <div class="pair">
        <Field label={t("claim.box")} name="box" value={typed.box} onInput={put("box")} fault={fault} hint={t("claim.boxHint")} autoComplete="off" maxLength={80} />
        <Field label={t("claim.name")} name="name" value={typed.name} onInput={put("name")} fault={fault} hint={t("claim.nameHint")} autoComplete="username" maxLength={80} />
      </div>
      <div class="pair">
        <Field label={t("claim.pin")} name="pin" value={typed.pin} onInput={put("pin")} fault={fault} hint={t("claim.pinHint", { limit: minPIN })} type={kind} autoComplete="new-password" />
        <Field label={t("claim.again")} name="again" value={typed.again} onInput={put("again")} fault={fault} type={kind} autoComplete="new-password" />
      </div>
      <label class="check"><input type="checkbox" checked={show} onChange={(e) => setShow(e.currentTarget.checked)} />{t("login.show")}</label>
      <General fault={fault} fields={["box", "name", "pin", "again"]} />
      <div class="row step-actions">
        <button type="button" onClick={props.back}>{t("claim.back")}</button>
        <button type="submit" class="primary big" disabled={busy}>{t(busy ? "claim.claiming" : "claim.claim")}</button>
      </div>
    </form>
  );
}

// ClassStep makes the class as soon as there are names to look at: the box previews them.
function ClassStep({ ready }: { ready: (cls: string) => void }) {
  const [name, setName] = useState("");
  const [text, setText] = useState("");
  const made = useRef<Promise<{ id: string; name: string }> | null>(null);
  const [busy, fault, run] = useTask();

  const ensure = async () => {
    made.current ??= api.addClass(name.trim() || t("claim.className1"));
    try {
      return await made.current;
    } catch (e) {
      made.current = null; // tried again with another name
      throw e;
    }
  };
  const [added, previewFault] = usePreview(text, async (v) => api.addPupils((await ensure()).id, v, true));
  const start = (e: Event) => {
    e.preventDefault();
    void run(async () => {
      if (!name.trim()) throw new Fault(0, "invalid", "empty", "name");
      if (!text.trim()) throw new Fault(0, "invalid", "no_names", "names");
      const c = await ensure();
      if (c.name !== name.trim()) made.current = api.renameClass(c.id, name.trim()).catch((f) => { made.current = Promise.resolve(c); throw f; });
      await made.current;
      await api.addPupils(c.id, text, false);
      ready(c.id);
    });
  };
  return (
    <form class="stack" noValidate onSubmit={start}>
      <p class="note ok" role="status">✓ {t("claim.yours")}</p>
      <Title>{t("claim.classTitle")}</Title>
      <Field label={t("home.className")} name="name" value={name} onInput={setName} fault={fault} hint={t("claim.classHint")} autoComplete="off" maxLength={80} />
      <Names text={text} set={setText} />
      <Preview added={added} fault={previewFault} />
      <details class="home-import"><summary>{t("home.file")}</summary><Intake cls="" done={(got) => { const c = got.classes.find((x) => x.id); if (c?.id) ready(c.id); }} /></details>
      <General fault={fault} fields={["name"]} />
      <button type="submit" class="primary big" disabled={busy}>{t("claim.next")}</button>
      <A class="button quiet" href="/teach">{t("claim.later")}</A>
    </form>
  );
}

// Ready is the first lesson, with slides and a quiz that came with the box.
function Ready({ cls }: { cls: string }) {
  const [busy, fault, run] = useTask();
  const start = () => void run(async () => {
    const [quiz, deck] = await Promise.all([prepare.quizzes(), prepare.decks()]);
    const lesson = await prepare.start(cls, t("claim.sampleTitle"), quiz[0]?.id ?? "", deck.find((d) => d.state === "ready")?.id ?? "");
    go(`/teach/${encodeURIComponent(lesson.room)}`);
  });
  return (
    <div class="card sheet stack">
      <Title>{t("claim.readyTitle")}</Title>
      <p>{t("claim.ready")}</p>
      <General fault={fault} fields={[]} />
      <button type="button" class="primary big" disabled={busy} onClick={start}>{t("home.start")}</button>
      <A class="button quiet" href="/teach">{t("claim.later")}</A>
    </div>
  );
}
