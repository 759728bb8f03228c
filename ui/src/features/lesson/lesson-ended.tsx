// What the console shows when there is no lesson to lead: not open, ended, or not for this person.
import { useState } from "preact/hooks";
import { ButtonLink } from "../../components/button-link";
import { Button } from "../../components/button";
import { api } from "../../api/box";
import type { Fault } from "../../api/http";
import { Chip } from "../../components/chip";
import { Chips } from "../../components/chips";
import { CloudStatus } from "../../components/cloud-status";
import { showError } from "../../components/feedback";
import { useLoad } from "../../components/hooks";
import { PageTitle } from "../../components/page-title";
import { clock, t } from "../../locales/i18n";
import type { Room } from "../../state/room";
import css from "./lesson-ended.module.css";

export function CalmPage({
  title,
  text,
  children,
}: {
  title: string;
  text?: string;
  children: preact.ComponentChildren;
}) {
  return (
    <main id="main" class={`stack ${css.calm}`}>
      <PageTitle>{title}</PageTitle>
      {text && <p class="muted">{text}</p>}
      {children}
    </main>
  );
}

// NotOpen is a class whose lesson is over, or has not begun.
export function LessonNotOpen({ room }: { room: Room }) {
  const [busy, setBusy] = useState(false);
  const start = async () => {
    setBusy(true);
    try {
      await api.startLesson(room.id, "");
      location.reload(); // joins afresh
    } catch (e) {
      showError(e as Fault);
      setBusy(false);
    }
  };
  return (
    <CalmPage title={t("console.notOpen")} text={t("console.notOpenWhy")}>
      <div class="row">
        <Button kind="primary" disabled={busy} onClick={() => void start()}>
          {t("home.start")}
        </Button>
        <ButtonLink href="/teach">{t("console.home")}</ButtonLink>
      </div>
    </CalmPage>
  );
}

export function LessonEnded({ room, seen }: { room: Room; seen: Set<string> }) {
  const l = room.lesson.value;
  // After a reload the box names nobody in a room without a lesson; the class list does.
  const [classes] = useLoad(api.classes);
  const cls = classes?.find((c) => c.id === room.id);
  const known = [...room.people.value.values()].filter((p) => p.role === "pupil");
  const pupils: { id: string; name: string }[] = [...(known.length > 0 ? known : (cls?.pupils ?? []))].sort((a, b) =>
    a.name.localeCompare(b.name),
  );
  const className = room.info.value?.className ?? cls?.name ?? "";
  const there = pupils.filter((p) => seen.has(p.id));
  const missing = pupils.filter((p) => !seen.has(p.id));
  const minutes = Math.max(1, Math.round(((l.ended ?? l.started) - l.started) / 60000));
  const group = (id: string, title: string, list: typeof pupils) =>
    list.length > 0 && (
      <section class="stack tight" aria-labelledby={id}>
        <h2 id={id}>{title}</h2>
        <Chips>
          {list.map((p) => (
            <Chip key={p.id}>
              <bdi>{p.name}</bdi>
            </Chip>
          ))}
        </Chips>
      </section>
    );
  return (
    <CalmPage title={t("console.ended")}>
      <p>
        <strong>
          <bdi>{className}</bdi>
        </strong>
        {className && l.title && l.title !== className ? (
          <>
            {" "}
            · <bdi>{l.title}</bdi>
          </>
        ) : null}
      </p>
      <dl class={css.facts}>
        <div>
          <dt>{t("console.time")}</dt>
          <dd>
            <bdi>
              {clock(l.started)} – {clock(l.ended ?? l.started)}
            </bdi>
          </dd>
        </div>
        <div>
          <dt>{t("console.length")}</dt>
          <dd>{t("console.minutes", { n: minutes })}</dd>
        </div>
        <div>
          <dt>{t("console.there")}</dt>
          <dd>{t("console.of", { here: there.length, n: pupils.length })}</dd>
        </div>
        <div>
          <dt>{t("console.messages")}</dt>
          <dd>{t("console.messagesN", { n: room.messages.value.length })}</dd>
        </div>
      </dl>
      <CloudStatus />
      {group("there", t("console.whoThere"), there)}
      {group("missing", t("console.whoMissing"), missing)}
      <div class="row">
        <ButtonLink kind="primary" big href={`/results/${encodeURIComponent(l.id)}`}>
          {t("console.results")}
        </ButtonLink>
        <ButtonLink big href="/teach">
          {t("console.home")}
        </ButtonLink>
      </div>
    </CalmPage>
  );
}
