// The audit log: who did what, when and from where. Nobody can change it here.
import { useEffect, useState } from "preact/hooks";
import { Download, Search, ShieldAlert, ShieldCheck } from "lucide";
import { adminAPI, type AuditEntry, type AuditFilter } from "../../api/admin";
import type { Fault } from "../../api/http";
import { Button } from "../../components/button";
import { ButtonLink } from "../../components/button-link";
import { Chip } from "../../components/chip";
import { EmptyNote, ErrorNote, Loading } from "../../components/feedback";
import { Icon } from "../../components/icon";
import { formatNumber, t, textIfAny } from "../../locales/i18n";
import { Part, when } from "./part";
import css from "./audit.module.css";

const dayAfter = 24 * 60 * 60 * 1000;

// actionOf is an action in words. An action of a newer version has none.
const actionOf = (action: string) => textIfAny(`audit.act.${action}`) || action;

export function Audit({ turn }: { turn: number }) {
  return (
    <>
      <Entries turn={turn} />
      <Part id="audit.check" turn={turn} load={adminAPI.checkAudit}>
        {(v) => (
          <>
            <p class={`note ${v.broken ? "bad" : "ok"} ${css.check}`}>
              <Icon icon={v.broken ? ShieldAlert : ShieldCheck} />
              {v.broken
                ? t("audit.broken", {
                    n: v.breaks,
                    seq: formatNumber(v.broken.seq),
                    why: t(`audit.broken.${v.broken.reason}`),
                  })
                : t("audit.whole", { n: v.entries })}
            </p>
            <p class="muted">{t("audit.checkWhy")}</p>
          </>
        )}
      </Part>
    </>
  );
}

function Entries({ turn }: { turn: number }) {
  const [filter, setFilter] = useState<AuditFilter>({});
  const [list, setList] = useState<AuditEntry[] | null>(null);
  const [actions, setActions] = useState<string[]>([]);
  const [more, setMore] = useState(false);
  const [fault, setFault] = useState<Fault | null>(null);
  const load = (before = 0) => {
    setFault(null);
    let late = false;
    adminAPI.audit({ ...filter, before }).then(
      (page) => {
        if (late) return;
        setList((old) => (before ? [...(old ?? []), ...page.entries] : page.entries));
        setMore(page.more);
        setActions(page.actions);
      },
      (f: Fault) => late || setFault(f),
    );
    return () => {
      late = true;
    };
  };
  useEffect(() => {
    let stop = () => {};
    const timer = setTimeout(() => (stop = load()), list ? 250 : 0); // while somebody types
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [filter, turn]);
  return (
    <section class="card stack" aria-labelledby="audit-title">
      <div class="row between">
        <h2 id="audit-title">{t("audit.title")}</h2>
        <ButtonLink icon={Download} href={adminAPI.auditFile(filter)} download>
          {t("audit.export")}
        </ButtonLink>
      </div>
      <p class="muted">{t("audit.why")}</p>
      <Filters filter={filter} actions={actions} change={setFilter} />
      {fault && <ErrorNote fault={fault} retry={() => void load()} />}
      {!list && !fault && <Loading />}
      <div role="status">{list?.length === 0 && <EmptyNote>{t("audit.none")}</EmptyNote>}</div>
      <ol class={css.entries} data-part="audit">
        {list?.map((e) => (
          <Entry key={e.seq} entry={e} />
        ))}
      </ol>
      {more && (
        <div>
          <Button onClick={() => void load(list!.at(-1)!.seq)}>{t("audit.more")}</Button>
        </div>
      )}
    </section>
  );
}

function Filters({
  filter,
  actions,
  change,
}: {
  filter: AuditFilter;
  actions: string[];
  change: (f: AuditFilter) => void;
}) {
  const day = (text: string, add: number) => (text ? new Date(`${text}T00:00`).getTime() + add : undefined);
  return (
    <search class={css.filters}>
      <label class="field" for="audit-text">
        <span>{t("audit.search")}</span>
        <span class={css.searchField}>
          <Icon icon={Search} />
          <input
            id="audit-text"
            type="search"
            autoComplete="off"
            spellcheck={false}
            maxLength={200}
            onInput={(e) => change({ ...filter, text: e.currentTarget.value.trim() })}
          />
        </span>
      </label>
      <label class="field">
        <span>{t("audit.action")}</span>
        <select value={filter.action ?? ""} onChange={(e) => change({ ...filter, action: e.currentTarget.value })}>
          <option value="">{t("audit.all")}</option>
          {actions.map((a) => (
            <option key={a} value={a}>
              {actionOf(a)}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>{t("audit.from")}</span>
        <input type="date" onChange={(e) => change({ ...filter, from: day(e.currentTarget.value, 0) })} />
      </label>
      <label class="field">
        <span>{t("audit.to")}</span>
        <input type="date" onChange={(e) => change({ ...filter, to: day(e.currentTarget.value, dayAfter) })} />
      </label>
    </search>
  );
}

const Entry = ({ entry: e }: { entry: AuditEntry }) => (
  <li>
    <time class={css.when} dateTime={new Date(e.at).toISOString()}>
      {when(e.at)}
    </time>
    <div>
      <strong>{actionOf(e.action)}</strong>
      {(e.targetName || e.target) && (
        <span>
          {" "}
          <bdi>{e.targetName || e.target}</bdi>
        </span>
      )}
      {e.detail && e.detail !== e.targetName && (
        <small>
          <bdi>{textIfAny(`audit.detail.${e.detail}`) || e.detail}</bdi>
        </small>
      )}
      {e.refused && <Chip tone="warn">{t("audit.refused")}</Chip>}
      {(e.times ?? 0) > 1 && <Chip>{t("audit.times", { n: e.times! })}</Chip>}
    </div>
    <div>
      <bdi>{e.name || e.by || t("audit.nobody")}</bdi>
      {e.from && (
        <small>
          <bdi>{textIfAny(`audit.from.${e.from}`) || e.from}</bdi>
        </small>
      )}
    </div>
  </li>
);
