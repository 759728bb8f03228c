// How the box is doing, for who looks after it.
import { useState } from "preact/hooks";
import { api, type Crash, type Letter, type Node, type State } from "../core/api";
import { lang, t } from "../core/i18n";
import { A, Confirm, Empty, Failed, Loading, Title, maybe, tell, tellFault, useLoad } from "../core/kit";
import { Topbar, useStaff } from "../features/frame";
import { People, Settings } from "../features/admin-people";
import { CloudLink } from "../features/admin-cloud";
import { Machine } from "../features/admin-boot";
import { MediaServers } from "../features/admin-media";
import { Plots } from "../features/admin-plots";
import { Network } from "../features/admin-network";
import { Updates } from "../features/admin-update";
import { Jobs, Privacy } from "../features/admin-work";
import "./admin.css";

const when = (at: string | number) =>
  new Intl.DateTimeFormat(lang.value, { dateStyle: "short", timeStyle: "medium" }).format(new Date(at));

export function Admin({ state }: { state: State; arg: string }) {
  const staff = useStaff(state);
  const [turn, setTurn] = useState(0);
  if (!staff) return <main id="main" />;
  return (
    <>
      <Topbar state={state} />
      <main id="main" class="page stack admin">
        <div class="row between">
          <Title>{t("admin.title")}</Title>
          {state.me.admin && <button type="button" onClick={() => setTurn(turn + 1)}>↻ {t("admin.refresh")}</button>}
        </div>
        {state.me.admin ? <Parts state={state} turn={turn} /> : (
          <div class="note">
            <p>{t("admin.denied")}</p>
            <p><A href="/teach">{t("admin.home")}</A></p>
          </div>
        )}
      </main>
    </>
  );
}

function Parts({ state, turn }: { state: State; turn: number }) {
  return (
    <>
      <p class="muted">
        <bdi>{state.box.name}</bdi> · {t("admin.version")} <bdi dir="ltr">{state.box.version}</bdi>
        {[...state.addresses, ...state.https].map((a) => <span key={a}> · <bdi dir="ltr">{a}</bdi></span>)}
      </p>
      <Health turn={turn} />
      <Plots turn={turn} />
      <MediaServers turn={turn} />
      <CloudLink turn={turn} />
      <Updates turn={turn} />
      <Network turn={turn} />
      <Machine turn={turn} />
      <Jobs turn={turn} />
      <section class="card stack tight" aria-labelledby="backup-title">
        <h2 id="backup-title">{t("admin.backup")}</h2>
        <p class="muted">{t("admin.backupWhy")}</p>
        <div><a class="button primary" href="/api/admin/backup" download>{t("admin.backupGet")}</a></div>
        <p class="muted">{t("admin.restore")} <code dir="ltr">livelearn restore livelearn.llb</code></p>
      </section>
      <People state={state} />
      <Settings />
      <Privacy />
      <Letters turn={turn} />
      <Crashes turn={turn} />
      <Tree turn={turn} />
      <Log turn={turn} />
    </>
  );
}

// Part is a card with something that is loaded, loading, or could not be.
function Part<T>({ id, turn, load, children }: { id: string; turn: number; load: () => Promise<T>; children: (v: T, again: () => void) => preact.ComponentChildren }) {
  const [value, fault, again] = useLoad(load, [turn]);
  return (
    <section class="card stack tight" aria-labelledby={`${id}-title`} aria-busy={!value && !fault}>
      <h2 id={`${id}-title`}>{t(`admin.${id}`)}</h2>
      {fault && <Failed fault={fault} retry={again} />}
      {value ? children(value, again) : !fault && <Loading />}
    </section>
  );
}

const marks = { ok: "✓", warn: "!", fail: "✕" };

const Health = ({ turn }: { turn: number }) => (
  <Part id="health" turn={turn} load={api.health}>
    {(checks) => checks.length === 0 ? <Empty>{t("admin.healthEmpty")}</Empty> : (
      <ul class="checks">
        {[...checks].sort((a, b) => "fwo".indexOf(a.level[0]!) - "fwo".indexOf(b.level[0]!)).map((c) => (
          <li key={c.name} class={`check-${c.level}`}>
            <span class="level"><span aria-hidden="true">{marks[c.level]}</span> {t(`admin.level.${c.level}`)}</span>
            <span class="check-text">
              <strong>{maybe(`admin.check.${c.name}`) || c.name}</strong>
              {(c.code || c.text) && <span>{maybe(`admin.code.${c.code}`) || c.text || c.code}</span>}
              {c.text && maybe(`admin.code.${c.code}`) && <small dir="auto">{c.text}</small>}
            </span>
            <small>{t("admin.since", { time: when(c.since) })}</small>
          </li>
        ))}
      </ul>
    )}
  </Part>
);

function Letters({ turn }: { turn: number }) {
  const [ask, setAsk] = useState<Letter | null>(null);
  return (
    <Part id="letters" turn={turn} load={api.letters}>
      {(list, again) => (
        <>
          <p class="muted">{t("admin.lettersWhy")}</p>
          {list.length === 0 && <Empty>{t("admin.lettersEmpty")}</Empty>}
          <ul class="stack tight">
            {list.map((l) => (
              <li key={l.id} class="letter">
                <div class="letter-text">
                  <p><strong class="mono">{l.kind}</strong> · <bdi>{l.by}</bdi> · {when(l.at)}</p>
                  <p class="fault-text" dir="auto">{l.err}</p>
                  <details><summary>{t("admin.content")}</summary><pre dir="ltr" tabIndex={0}>{JSON.stringify(l.data, null, 2)}</pre></details>
                  {l.stack && <details><summary>{t("admin.stack")}</summary><pre dir="ltr" tabIndex={0}>{l.stack}</pre></details>}
                </div>
                <div class="row">
                  {l.seq === 0 && (
                    <button type="button" onClick={() => api.retryLetter(l.id).then(() => { tell(t("admin.retried")); again(); }, (f) => { tellFault(f); again(); })}>
                      {t("admin.retry")}
                    </button>
                  )}
                  <button type="button" class="danger" onClick={() => setAsk(l)}>{t("admin.drop")}</button>
                </div>
              </li>
            ))}
          </ul>
          {ask && (
            <Confirm
              text={t("admin.dropAsk", { kind: ask.kind })} yes={t("admin.drop")} onNo={() => setAsk(null)}
              onYes={() => api.dropLetter(ask.id).then(again, tellFault).then(() => setAsk(null))}
            />
          )}
        </>
      )}
    </Part>
  );
}

const Crashes = ({ turn }: { turn: number }) => (
  <Part id="crashes" turn={turn} load={api.crashes}>
    {(list) => list.length === 0 ? <Empty>{t("admin.crashesEmpty")}</Empty> : (
      <ul class="stack tight">{list.map((c, i) => <li key={`${c.at} ${i}`}><CrashLine c={c} /></li>)}</ul>
    )}
  </Part>
);

function CrashLine({ c }: { c: Crash }) {
  return (
    <details class="crash">
      <summary>
        <bdi dir="ltr" class="mono">{c.path}/{c.child}</bdi> <span class="pill">{maybe(`admin.decision.${c.decision}`) || c.decision}</span> <small>{when(c.at)}</small>
      </summary>
      <p class="fault-text" dir="auto">{c.error}</p>
      {c.last && <p>{t("admin.last")} <bdi class="mono">{c.last}</bdi></p>}
      <p>{t("admin.restarts", { n: c.restarts })}</p>
      {c.stack && <pre dir="ltr" tabIndex={0}>{c.stack}</pre>}
    </details>
  );
}

const Tree = ({ turn }: { turn: number }) => (
  <Part id="tree" turn={turn} load={api.tree}>
    {(root) => <ul class="tree"><Branch node={root} depth={0} /></ul>}
  </Part>
);

const troubled = (n: Node): boolean => ["crashed", "spent", "waiting"].includes(n.state) || (n.children ?? []).some(troubled);

function Branch({ node, depth }: { node: Node; depth: number }) {
  const line = (
    <>
      <bdi dir="ltr" class="mono">{node.name}</bdi>
      <span class={`pill state-${node.state}`}>{maybe(`admin.state.${node.state}`) || node.state}</span>
      {node.restarts > 0 && <span class="pill warn">{t("admin.restarts", { n: node.restarts })}</span>}
      {node.count ? <small>{t("admin.count", { n: node.count })}</small> : null}
      {node.last_error && <small class="fault-text" dir="auto">{node.last_error}</small>}
    </>
  );
  if (!node.children?.length) return <li class="leaf">{line}</li>;
  return (
    <li>
      <details open={depth < 1 || troubled(node)}>
        <summary>{line}</summary>
        <ul>{node.children.map((c, i) => <Branch key={`${c.name} ${i}`} node={c} depth={depth + 1} />)}</ul>
      </details>
    </li>
  );
}

const Log = ({ turn }: { turn: number }) => (
  <Part id="log" turn={turn} load={api.log}>
    {(lines) => lines.length === 0 ? <Empty>{t("admin.logEmpty")}</Empty> : (
      <pre class="log" dir="ltr" tabIndex={0} aria-label={t("admin.log")}>{lines.slice(-200).join("\n")}</pre>
    )}
  </Part>
);
