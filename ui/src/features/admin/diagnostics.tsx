// What somebody who repairs the box reads: messages put aside, crashes, what runs, the log.
import { useState } from "preact/hooks";
import { Button } from "../../components/button";
import { Chip } from "../../components/chip";
import { adminAPI, type Crash, type Letter, type Node } from "../../api/admin";
import { t, textIfAny } from "../../locales/i18n";
import { ConfirmDialog } from "../../components/confirm-dialog";
import { EmptyNote, showError, showMessage } from "../../components/feedback";
import { Part, when } from "./part";
import shared from "./part.module.css";
import css from "./diagnostics.module.css";

export function Letters({ turn }: { turn: number }) {
  const [ask, setAsk] = useState<Letter | null>(null);
  return (
    <Part id="letters" turn={turn} load={adminAPI.letters}>
      {(list, again) => (
        <>
          <p class="muted">{t("admin.lettersWhy")}</p>
          {list.length === 0 && <EmptyNote>{t("admin.lettersEmpty")}</EmptyNote>}
          <ul class="stack tight">
            {list.map((l) => (
              <li key={l.id} class={shared.letter}>
                <div class={shared.letterText}>
                  <p>
                    <strong class="mono">{l.kind}</strong> · <bdi>{l.by}</bdi> · {when(l.at)}
                  </p>
                  <p class={shared.fault} dir="auto">
                    {l.err}
                  </p>
                  <details>
                    <summary>{t("admin.content")}</summary>
                    <pre dir="ltr" tabIndex={0}>
                      {JSON.stringify(l.data, null, 2)}
                    </pre>
                  </details>
                  {l.stack && (
                    <details>
                      <summary>{t("admin.stack")}</summary>
                      <pre dir="ltr" tabIndex={0}>
                        {l.stack}
                      </pre>
                    </details>
                  )}
                </div>
                <div class="row">
                  {l.seq === 0 && (
                    <Button
                      onClick={() =>
                        adminAPI.retryLetter(l.id).then(
                          () => {
                            showMessage(t("admin.retried"));
                            again();
                          },
                          (f) => {
                            showError(f);
                            again();
                          },
                        )
                      }
                    >
                      {t("admin.retry")}
                    </Button>
                  )}
                  <Button kind="danger" onClick={() => setAsk(l)}>
                    {t("admin.drop")}
                  </Button>
                </div>
              </li>
            ))}
          </ul>
          {ask && (
            <ConfirmDialog
              text={t("admin.dropAsk", { kind: ask.kind })}
              yes={t("admin.drop")}
              onNo={() => setAsk(null)}
              onYes={() =>
                adminAPI
                  .dropLetter(ask.id)
                  .then(again, showError)
                  .then(() => setAsk(null))
              }
            />
          )}
        </>
      )}
    </Part>
  );
}

export const Crashes = ({ turn }: { turn: number }) => (
  <Part id="crashes" turn={turn} load={adminAPI.crashes}>
    {(list) =>
      list.length === 0 ? (
        <EmptyNote>{t("admin.crashesEmpty")}</EmptyNote>
      ) : (
        <ul class="stack tight">
          {list.map((c, i) => (
            <li key={`${c.at} ${i}`}>
              <CrashLine c={c} />
            </li>
          ))}
        </ul>
      )
    }
  </Part>
);

function CrashLine({ c }: { c: Crash }) {
  return (
    <details class={css.crash}>
      <summary>
        <bdi dir="ltr" class="mono">
          {c.path}/{c.child}
        </bdi>{" "}
        <Chip>{textIfAny(`admin.decision.${c.decision}`) || c.decision}</Chip> <small>{when(c.at)}</small>
      </summary>
      <p class={shared.fault} dir="auto">
        {c.error}
      </p>
      {c.last && (
        <p>
          {t("admin.last")} <bdi class="mono">{c.last}</bdi>
        </p>
      )}
      <p>{t("admin.restarts", { n: c.restarts })}</p>
      {c.stack && (
        <pre dir="ltr" tabIndex={0}>
          {c.stack}
        </pre>
      )}
    </details>
  );
}

export const Tree = ({ turn }: { turn: number }) => (
  <Part id="tree" turn={turn} load={adminAPI.tree}>
    {(root) => (
      <ul class={css.tree}>
        <Branch node={root} depth={0} />
      </ul>
    )}
  </Part>
);

const isTroubled = (n: Node): boolean =>
  ["crashed", "spent", "waiting"].includes(n.state) || (n.children ?? []).some(isTroubled);

const tones: { [state: string]: "ok" | "warn" | "bad" | undefined } = {
  running: "ok",
  waiting: "warn",
  crashed: "bad",
  spent: "bad",
};

function Branch({ node, depth }: { node: Node; depth: number }) {
  const line = (
    <>
      <bdi dir="ltr" class="mono">
        {node.name}
      </bdi>
      <Chip tone={tones[node.state]}>{textIfAny(`admin.state.${node.state}`) || node.state}</Chip>
      {node.restarts > 0 && <Chip tone="warn">{t("admin.restarts", { n: node.restarts })}</Chip>}
      {node.count ? <small>{t("admin.count", { n: node.count })}</small> : null}
      {node.last_error && (
        <small class={shared.fault} dir="auto">
          {node.last_error}
        </small>
      )}
    </>
  );
  if (!node.children?.length) return <li class={css.leaf}>{line}</li>;
  return (
    <li>
      <details open={depth < 1 || isTroubled(node)}>
        <summary>{line}</summary>
        <ul>
          {node.children.map((c, i) => (
            <Branch key={`${c.name} ${i}`} node={c} depth={depth + 1} />
          ))}
        </ul>
      </details>
    </li>
  );
}

export const Log = ({ turn }: { turn: number }) => (
  <Part id="log" turn={turn} load={adminAPI.log}>
    {(lines) =>
      lines.length === 0 ? (
        <EmptyNote>{t("admin.logEmpty")}</EmptyNote>
      ) : (
        <pre class="log" dir="ltr" tabIndex={0} role="region" aria-label={t("admin.log")}>
          {lines.slice(-200).join("\n")}
        </pre>
      )
    }
  </Part>
);
