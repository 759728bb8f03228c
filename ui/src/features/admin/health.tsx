// How the box is: one sentence, what needs attention, and all checks for those who want them.
import { CircleAlert, CircleCheck, CircleX } from "lucide";
import { Button } from "../../components/button";
import type { BoxState } from "../../api/box";
import { adminAPI, type Check } from "../../api/admin";
import { t, textIfAny } from "../../locales/i18n";
import { EmptyNote, showError } from "../../components/feedback";
import { GuideLink } from "../../components/guide-link";
import { Icon } from "../../components/icon";
import { Part, when } from "./part";
import shared from "./part.module.css";
import css from "./health.module.css";

const icons = { ok: CircleCheck, warn: CircleAlert, fail: CircleX };

// wasLost reports whether the box had to start without a database.
const wasLost = (c: Check) => c.code === "set_aside" || c.code === "db_missing";

const byLevel = (a: Check, b: Check) => "fwo".indexOf(a.level[0]!) - "fwo".indexOf(b.level[0]!);

export const Health = ({ turn }: { turn: number }) => (
  <Part id="health" turn={turn} load={adminAPI.health}>
    {(checks, again) => {
      const bad = checks.filter((c) => c.level !== "ok").sort(byLevel);
      if (checks.length === 0) return <EmptyNote>{t("admin.healthEmpty")}</EmptyNote>;
      return (
        <>
          {bad.length === 0 ? (
            <p class={css.allWell}>
              <Icon icon={CircleCheck} /> {t("admin.allWell")}
            </p>
          ) : (
            <>
              <p>{t("admin.attention", { n: bad.length })}</p>
              <CheckList checks={bad} again={again} />
            </>
          )}
          {bad.length < checks.length && (
            <details>
              <summary>{t("admin.allChecks")}</summary>
              <CheckList checks={checks.filter((c) => c.level === "ok")} again={again} />
            </details>
          )}
        </>
      );
    }}
  </Part>
);

const CheckList = ({ checks, again }: { checks: Check[]; again: () => void }) => (
  <ul class={shared.checks}>
    {checks.map((c) => (
      <li key={c.name} class={shared[c.level]}>
        <span class={shared.level}>
          <Icon icon={icons[c.level]} /> {t(`admin.level.${c.level}`)}
        </span>
        <CheckText c={c} again={again} />
        <small>{t("admin.since", { time: when(c.since) })}</small>
      </li>
    ))}
  </ul>
);

// CheckText leaves out the English text of a check that is in order: it is for the log.
function CheckText({ c, again }: { c: Check; again: () => void }) {
  const code = textIfAny(`admin.code.${c.code}`);
  const bad = c.level !== "ok";
  return (
    <span class={shared.checkText}>
      <strong>{textIfAny(`admin.check.${c.name}`) || c.name}</strong>
      {(code || (bad && (c.text || c.code))) && <span>{code || c.text || c.code}</span>}
      {wasLost(c) && <span>{textIfAny(`admin.lost.${c.name}`)}</span>}
      {bad && c.text && code && <small dir="auto">{c.text}</small>}
      {(wasLost(c) || c.code === "damaged") && (
        <div class="row">
          <Button onClick={() => adminAPI.acknowledge(c.name).then(again, showError)}>{t("admin.seen")}</Button>
        </div>
      )}
    </span>
  );
}

// About is the box's name, version and addresses.
export const About = ({ state }: { state: BoxState }) => (
  <section class="card stack tight" aria-labelledby="about-title">
    <h2 id="about-title">{t("admin.about")}</h2>
    <dl class={shared.facts}>
      <dt>{t("settings.name")}</dt>
      <dd>
        <bdi>{state.box.name}</bdi>
      </dd>
      <dt>{t("admin.version")}</dt>
      <dd>
        <bdi dir="ltr">{state.box.version}</bdi>
      </dd>
      <dt>{t("admin.addresses")}</dt>
      <dd>
        <Addresses list={[...state.addresses, ...state.https]} />
      </dd>
    </dl>
    <p>
      <GuideLink />
    </p>
  </section>
);

export const Addresses = ({ list }: { list: string[] }) => (
  <ul>
    {list.map((a) => (
      <li key={a}>
        <bdi dir="ltr">{a}</bdi>
      </li>
    ))}
  </ul>
);
